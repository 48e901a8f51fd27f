"""Bodies on their way in: bounded in bytes and time, and read where that holds nobody up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from attrs import define
from starlette.requests import ClientDisconnect, Request

from parrot.adapters.server.limits import Admission
from parrot.adapters.server.refusing import Refusal, bad

T = TypeVar("T")
SMALL: Final = 64 * 2**10
_DRAINING: Final = 1.0  # seconds that a body which nobody wants may take


async def read_with(data: bytes, reader: Callable[..., T], *given: Any) -> T:
    """What the reader makes of the body; on a thread where the body is large."""
    # A small body is read sooner than a thread is woken; a large one would hold up all others.
    if len(data) <= SMALL:
        return reader(*given)
    return await asyncio.to_thread(reader, *given)


async def drained(request: Request) -> bool:
    """Reads a small body away; False where it is not known to be small, slow, or cut short.

    A connection that is closed with a body unread is reset, and the refusal may be lost with it.
    """
    declared = request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > SMALL:
        return False
    try:
        async with asyncio.timeout(_DRAINING):
            async for _ in request.stream():
                pass
    except (TimeoutError, ClientDisconnect):
        return False
    return True


@define(slots=True, eq=False)
class Held:
    """One body on its way in."""

    admission: Admission
    most: int
    count: int = 0

    async def read(self, request: Request, seconds: float) -> bytes:
        """All of it. Raises Refusal: 413 too large, 429 no room, 408 too slow, 400 cut short."""
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self.most:
            raise self._too_large()
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(seconds):
                async for part in request.stream():
                    if self.count + len(part) > self.most:
                        raise self._too_large()
                    self.admission.take(len(part))
                    self.count += len(part)
                    parts.append(part)
        except TimeoutError:
            raise Refusal(408, "the body did not come in time") from None
        except ClientDisconnect:
            raise bad("the body was cut short") from None
        return b"".join(parts)

    def release(self) -> None:
        """Gives the room back."""
        self.admission.release(self.count)

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the body is larger than {self.most} bytes")
