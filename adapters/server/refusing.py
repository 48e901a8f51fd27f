"""Why a request is not answered with rewards: a status and one line, never a traceback."""

from __future__ import annotations


class Refusal(Exception):
    """An answer in the 400s or 503. retry_after: seconds, where another try may help."""

    def __init__(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        self.status, self.message, self.retry_after = status, message, retry_after
        super().__init__(message)


def bad(message: str) -> Refusal:
    """400: the request itself is wrong."""
    return Refusal(400, message)
