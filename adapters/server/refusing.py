"""Why a request is not answered with rewards: a status and one line, never a traceback."""

from __future__ import annotations


class Refusal(Exception):
    """An answer in the 400s or 503. retry_after: seconds, where another try may help.

    unread: the body was not read to its end, so the connection cannot serve another request.
    """

    def __init__(
        self, status: int, message: str, *, retry_after: int | None = None, unread: bool = False
    ) -> None:
        self.status, self.message = status, message
        self.retry_after, self.unread = retry_after, unread
        super().__init__(message)


def bad(message: str) -> Refusal:
    """400: the request itself is wrong."""
    return Refusal(400, message)
