"""How much the server takes on: bodies, pixels, drawings waiting, bytes held."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field, frozen, validators

from parrot.adapters.server.refusing import Refusal

_positive = validators.gt(0)
FIRST_WAIT, LONGEST_WAIT = 5, 60  # seconds
RECENT_SECONDS = 30.0


@frozen(slots=True)
class Limits:
    """What one server holds at most.

    body: bytes of one request. pixels: of one image. items: drawings of one request. queue: drawings
    taken on and not answered yet, of all clients together. held: bytes of all bodies being read or
    worked on. read_seconds: in which a body must come.
    """

    body: int = field(default=64 * 2**20, validator=_positive)
    pixels: int = field(default=16_000_000, validator=_positive)
    items: int = field(default=256, validator=_positive)
    queue: int = field(default=1024, validator=_positive)
    held: int = field(default=512 * 2**20, validator=_positive)
    read_seconds: float = field(default=60.0, validator=validators.gt(0.0))


@define(slots=True, eq=False)
class Admission:
    """Who may come in. Lives on the server's loop; nobody waits here, who finds no room goes."""

    limits: Limits
    drawings: int = field(default=0, init=False)
    held: int = field(default=0, init=False)
    refused: int = field(default=0, init=False)
    _recent: tuple[float, float, float | None] = field(default=(0.0, 0.0, None), init=False)

    @contextmanager
    def drawn(self, count: int) -> Iterator[None]:
        """Room for so many drawings. Raises Refusal: 413 for too many at once, 429 when full."""
        if count > min(self.limits.items, self.limits.queue):
            most = min(self.limits.items, self.limits.queue)
            raise Refusal(413, f"{count} drawings in one request; at most {most}")
        if self.drawings + count > self.limits.queue:
            self.refused += 1
            raise Refusal(429, "the queue is full", retry_after=self.wait)
        self.drawings += count
        try:
            yield
        finally:
            self.drawings -= count

    def take(self, count: int) -> None:
        """Room for so many more bytes. Raises Refusal (429)."""
        if self.held + count > self.limits.held:
            self.refused += 1
            raise Refusal(429, "too many bytes are being worked on", retry_after=self.wait)
        self.held += count

    def release(self, count: int) -> None:
        """Those bytes are gone."""
        self.held -= count

    def answered(self, count: int, at: float) -> None:
        """So many drawings were answered at that second; the pace of all clients follows slowly."""
        drawn, seconds, before = self._recent
        passed = 0.0 if before is None else max(0.0, at - before)
        kept = math.exp(-passed / RECENT_SECONDS)
        self._recent = (drawn * kept + count, seconds * kept + passed, at)

    @property
    def wait(self) -> int:
        """Seconds after which there should be room: what is queued at the present pace."""
        drawn, seconds, _ = self._recent
        if not (drawn and seconds):
            return FIRST_WAIT
        return max(1, min(LONGEST_WAIT, round(self.drawings * seconds / drawn)))
