"""The machine's clock. The one place in core that reads time; all else is handed a `Clock`."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Seconds since 1970 as they were when it was made, then monotonic: it never steps back."""

    def __init__(self) -> None:
        self._epoch = time.time() - time.monotonic()

    def now(self) -> float:
        return self._epoch + time.monotonic()

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds)
