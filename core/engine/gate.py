"""How many asks may be in flight: grows while the server takes it, shrinks when it says no.

A state machine that is told what happened and when; it neither waits nor reads a clock. Additive
increase, multiplicative decrease, with slow start; careful near the level where the server last
said no. Where cuts turn out not to help, because the server refuses at random and not for load, the
limit comes back and is held.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field, frozen, validators

START: Final = 16
FLOOR: Final = 8
GROWTH: Final = 1.05
CUT: Final = 0.8
SECOND: Final = 3  # one refusal is chance; another within limit / 3 tries is a cut
BUSY: Final = 0.8  # a round says something about the limit only if so much of it was used
COOL_DOWN: Final = 1.0  # seconds after a cut in which further refusals belong to it
LONGEST_COOL_DOWN: Final = 30.0
NEAR: Final = 0.95  # from this share of the wall on, growth is a probe:
PROBE: Final = 5  # one more after so many rounds
LOWER: Final = 0.9  # a refusal below this share of the last one's level does not look like a wall
HELPED: Final = 0.6  # a cut helped if the share of refusals fell below this part of what it was
IN_VAIN: Final = 3  # cuts in a row that did not help
EVIDENCE: Final = 3  # refusals of tries begun after a cut by which it can be judged at once,
ROUNDS: Final = 8  # in so many rounds; and
CROWDED: Final = 0.4  # the share of refusals from which on they may be due to load for all that
HOLD: Final = 30.0
LONGEST_HOLD: Final = 480.0
RECENT: Final = 100  # tries over which the recent share of refusals is smoothed
RISEN: Final = 2.0  # in a hold, a recent share so many times higher, and
MARGIN: Final = 0.05  # this much more, is load after all


@frozen(slots=True)
class _Cut:
    level: int  # in flight, the refused one included, when the server said no
    limit: int  # the limit before
    share: float  # refused / tried since the cut before


@define(slots=True, on_setattr=[])
class Gate:
    """An adaptive limit in [8, ceiling], or of `ceiling` where that is less.

    Told by its owner: `enter` before a try, then exactly one of `passed`, `refused` or `left`.
    """

    ceiling: int = field(validator=validators.ge(1))
    limit: int = field(init=False)
    in_flight: int = field(init=False, default=0)
    _floor: int = field(init=False)
    _starting: bool = field(init=False, default=True)  # doubling until the first refusal
    _wall: int | None = field(init=False, default=None)  # the level of the last refusal
    _proven: int | None = field(init=False, default=None)  # a wall found in spite of a hold
    _round: int = field(init=False, default=0)  # first-try successes in the round
    _peak: int = field(init=False, default=0)  # most in flight in the round
    _clean: bool = field(init=False, default=True)  # no refusal in the round
    _tried: int = field(init=False, default=0)  # since the last cut
    _refused: int = field(init=False, default=0)
    _warned: int = field(init=False, default=0)  # tries in which another refusal is no chance
    _stale: int = field(init=False, default=0)  # tries in flight at the last cut
    _fresh: int = field(init=False, default=0)  # tries begun after it that have ended
    _fresh_refused: int = field(init=False, default=0)
    _seen: int = field(init=False, default=0)  # tries in all, as far as it matters
    _recent: float = field(init=False, default=0.0)  # share of refusals
    _cool_until: float = field(init=False, default=float("-inf"))
    _cuts: tuple[_Cut, ...] = field(init=False, default=())  # in a row, in vain but for the first
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
        self._note(refused=False)
        self._round += first
        if self._round < self.limit * (PROBE if self._near_wall else 1):
            return
        if self._peak >= BUSY * self.limit and self._may_grow(now):
            self._grow(now)
        self._round, self._peak, self._clean = 0, self.in_flight, True

    def refused(self, now: float, *, retry_after: float | None = None) -> None:
        """The server asked for less."""
        self.in_flight -= 1
        self._note(refused=True)
        self._clean = False
        if self._holds(now):
            return
        self._starting = False
        if self._helps_not:
            self._cut(now, retry_after or 0.0)
        elif now >= self._cool_until:
            if self._warned > 0:
                self._cut(now, retry_after or 0.0)
            else:
                self._warned = max(4, self.limit // SECOND)
        elif self._share > 0.5 and self.in_flight < self.limit:
            # The cut was too small: what is above the server's limit comes straight back, again
            # and again, so each refusal now closes one place.
            self.limit = max(self._floor, self.limit - 1)
            self._wall = self.limit + 1

    def _note(self, *, refused: bool) -> None:
        self._tried += 1
        self._refused += refused
        self._warned -= not refused
        if self._stale > 0:
            self._stale -= 1
        else:
            self._fresh += 1
            self._fresh_refused += refused
        self._seen = min(self._seen + 1, RECENT)
        self._recent += (refused - self._recent) / self._seen

    @property
    def _share(self) -> float:
        return self._refused / self._tried if self._tried else 0.0

    @property
    def _helps_not(self) -> bool:
        """Whether the tries begun since the last cut show soon that it was in vain."""
        few = self._fresh_refused < EVIDENCE or self._fresh < self.limit
        if not self._cuts or few or self._fresh > ROUNDS * self.limit:
            return False
        share = self._fresh_refused / self._fresh
        return HELPED * self._cuts[-1].share < share < CROWDED

    @property
    def _near_wall(self) -> bool:
        return self._wall is not None and self.limit >= min(NEAR * self._wall, self._wall - 1)

    def _holds(self, now: float) -> bool:
        return now < self._hold_until and self._recent <= RISEN * self._held_share + MARGIN

    def _may_grow(self, now: float) -> bool:
        return self._holds(now) or (self._clean and now >= self._cool_until)

    def _grow(self, now: float) -> None:
        limit = self.limit
        if self._near_wall:
            grown = limit + 1
        elif self._starting or self._holds(now):
            grown = limit * 2
        else:
            grown = max(limit + 1, int(limit * GROWTH))
        if self._wall is not None and limit >= self._wall:
            self._wall = self._proven = None  # it is not there any more
        elif self._wall is not None:
            grown = min(grown, max(limit + 1, int(NEAR * self._wall)))
        self.limit = min(self.ceiling, grown)

    def _cut(self, now: float, retry_after: float) -> None:
        cut = _Cut(self.in_flight + 1, self.limit, self._share)
        if now < self._hold_until:
            self._proven = cut.level
        self._cuts = (*self._cuts, cut) if self._in_vain(cut) else (cut,)
        self._hold_until = float("-inf")
        self._round = self._tried = self._refused = self._warned = 0
        self._stale, self._fresh, self._fresh_refused = self.in_flight, 0, 0
        self._peak, self._clean = self.in_flight, True
        if len(self._cuts) > IN_VAIN:
            self._restore(now)
            return
        self._wall = cut.level
        self.limit = max(self._floor, int(CUT * min(self.limit, cut.level)))
        self._cool_until = now + min(LONGEST_COOL_DOWN, max(COOL_DOWN, retry_after))

    def _in_vain(self, cut: _Cut) -> bool:
        if not self._cuts:
            return False
        before = self._cuts[-1]
        lower = cut.level < LOWER * before.level or self.limit <= self._floor
        return lower and cut.share > HELPED * before.share

    def _restore(self, now: float) -> None:
        self.limit, self._wall = max(self.limit, self._cuts[0].limit), self._proven
        self._held_share = self._recent
        self._hold_until = now + self._hold
        self._hold = min(LONGEST_HOLD, 2 * self._hold)
        self._cuts = ()
