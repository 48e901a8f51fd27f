"""How many asks may be in flight: grows while the server takes it, shrinks when it says no.

A state machine that is told what happened and when; it neither waits nor reads a clock. Additive
increase, multiplicative decrease, with slow start; and where cuts turn out not to help, because the
server refuses at random and not for load, the limit comes back and is held.
"""

from __future__ import annotations

from attrs import define, field, frozen, validators

START, FLOOR = 16, 8
GROWTH, CUT = 1.05, 0.8
BUSY = 0.8  # a round says something about the limit only if so much of it was used
COOL_DOWN = 1.5  # seconds after a cut in which further refusals belong to it
LONGEST_COOL_DOWN = 30.0
LEVEL = 0.9  # a refusal below this share of the level of the last cut does not look like a cap
HELPED = 0.6  # a cut helped if the share of refusals fell to this part of what it was
CUTS_IN_VAIN = 3
HOLD, LONGEST_HOLD = 30.0, 480.0
RISEN, SAMPLE = 1.5, 20  # in a hold, a share this much higher over so many tries is load


@frozen(slots=True)
class _Cut:
    level: int  # in flight, the refused one included, when the server said no
    limit: int  # the limit before
    share: float  # refused / tried since the cut before


@define(slots=True)
class Gate:
    """An adaptive limit in [floor, ceiling]; `ceiling` wins where the floor is above it.

    Told by its owner: `enter` before a try, then exactly one of `passed`, `refused` or `left`.
    """

    ceiling: int = field(validator=validators.ge(1))
    limit: int = field(init=False)
    in_flight: int = field(init=False, default=0)
    _floor: int = field(init=False)
    _fast: bool = field(init=False, default=True)  # slow start, which is fast
    _successes: int = field(init=False, default=0)
    _peak: int = field(init=False, default=0)
    _tried: int = field(init=False, default=0)
    _refused: int = field(init=False, default=0)
    _cool_until: float = field(init=False, default=float("-inf"))
    _cuts: tuple[_Cut, ...] = field(init=False, default=())  # in a row, each in vain but the last
    _hold_until: float = field(init=False, default=float("-inf"))
    _hold: float = field(init=False, default=HOLD)
    _held_share: float = field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        self._floor = min(FLOOR, self.ceiling)
        self.limit = min(START, self.ceiling)

    @property
    def free(self) -> bool:
        """Whether one more may enter."""
        return self.in_flight < self.limit

    def enter(self) -> None:
        """One try begins."""
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def left(self) -> None:
        """A try ended in a way that says nothing about load."""
        self.in_flight -= 1

    def passed(self, now: float, *, first: bool = True) -> None:
        """A reply came; `first`: on its ask's first try. A round is `limit` of these."""
        self.in_flight -= 1
        self._tried += 1
        self._successes += first
        if self._successes >= self.limit:
            self._end_round(now)

    def refused(self, now: float, *, retry_after: float | None = None) -> None:
        """The server asked for less."""
        self.in_flight -= 1
        self._tried += 1
        self._refused += 1
        if now < self._hold_until and not self._risen():
            return
        if now < self._cool_until:
            return
        self._cut(now, retry_after or 0.0)

    def _end_round(self, now: float) -> None:
        if self._peak >= BUSY * self.limit:
            grown = self.limit * 2 if self._growing_fast(now) else int(self.limit * GROWTH)
            self.limit = min(self.ceiling, max(self.limit + 1, grown))
        self._successes, self._peak = 0, self.in_flight

    def _growing_fast(self, now: float) -> bool:
        return self._fast or (now < self._hold_until and not self._risen())

    def _share(self) -> float:
        return self._refused / self._tried if self._tried else 0.0

    def _risen(self) -> bool:
        return self._tried >= SAMPLE and self._share() > RISEN * self._held_share

    def _cut(self, now: float, retry_after: float) -> None:
        cut = _Cut(self.in_flight + 1, self.limit, self._share())
        self._cuts = (*self._cuts, cut) if self._in_vain(cut) else (cut,)
        self._fast, self._hold_until = False, float("-inf")
        self._successes = self._peak = self._tried = self._refused = 0
        if len(self._cuts) > CUTS_IN_VAIN:
            self._restore(now)
            return
        self.limit = max(self._floor, int(CUT * min(self.limit, cut.level)))
        self._cool_until = now + min(LONGEST_COOL_DOWN, max(COOL_DOWN, retry_after))

    def _in_vain(self, cut: _Cut) -> bool:
        if not self._cuts:
            return False
        before = self._cuts[-1]
        lower = cut.level < LEVEL * before.level or self.limit <= self._floor
        return lower and cut.share > HELPED * before.share

    def _restore(self, now: float) -> None:
        self.limit = max(cut.limit for cut in self._cuts)
        self._held_share = max(cut.share for cut in self._cuts)
        self._hold_until = now + self._hold
        self._hold = min(LONGEST_HOLD, 2 * self._hold)
        self._cuts = ()
