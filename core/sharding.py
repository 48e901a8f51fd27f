"""Which part of an input one machine works on: disjoint parts, by a hash of each pair's id.

Pure. A pair's shard follows from its id and the number of shards alone, so that nobody need agree
on anything, and any number of shards covers every pair exactly once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from typing import Self

from attrs import define, field, frozen

from parrot.core.errors import ConfigError

_SAID = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)


@frozen(slots=True, order=True)
class Shard:
    """One of `of` parts. number: in [1, of]; `str` gives `number/of`."""

    of: int
    number: int

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ConfigError(f"a shard is I/N with I from 1 to N, not {self}")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parsed(cls, text: str) -> Self:
        """The shard that `I/N` names. Raises ConfigError."""
        said = _SAID.fullmatch(text.strip())
        if said is None:
            raise ConfigError(f"a shard is I/N with I from 1 to N, not {text!r}")
        return cls(int(said[2]), int(said[1]))

    def holds(self, pair_id: str) -> bool:
        """Whether the pair of this id is the shard's to work on."""
        return _place(pair_id) % self.of == self.number - 1


def shards(of: int) -> tuple[Shard, ...]:
    """All parts of so many. Raises ConfigError for fewer than one."""
    if of < 1:
        raise ConfigError(f"an input has at least one part, not {of}")
    return tuple(Shard(of, number) for number in range(1, of + 1))


def shard_of(pair_id: str, of: int) -> Shard:
    """The one shard of so many that holds the pair of this id."""
    return Shard(of, _place(pair_id) % of + 1)


def _place(pair_id: str) -> int:
    digest = hashlib.sha256(b"shard " + pair_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


@define(slots=True)
class Share:
    """A machine's part of an input, and where in the input each of its pairs under way stands.

    shard: None takes everything. limit: only the first so many of the input, whatever the shard.
    Places are remembered from `takes` to `leave`: memory is that of what is in flight.
    """

    shard: Shard | None = None
    limit: int | None = None
    _places: dict[str, int] = field(factory=dict, init=False, repr=False)

    def takes(self, place: int, pair_id: str) -> bool:
        """Whether the pair at this place (from 0) of the input is the machine's to work on."""
        if self.shard is not None and not self.shard.holds(pair_id):
            return False
        self._places[pair_id] = place
        return True

    def leave(self, pair_id: str) -> int:
        """Where the pair stood, once its outcome is written. Raises KeyError for one not taken."""
        return self._places.pop(pair_id)

    def about(self, pairs: int) -> int:
        """How many of so many pairs to expect in the machine's part."""
        inside = min(pairs, self.limit or pairs)
        return inside if self.shard is None else -(-inside // self.shard.of)


def missing_shards(there: Collection[Shard]) -> tuple[Shard, ...]:
    """The fewest shards that are still to run beside those; none where they cover everything.

    Those of the number of parts that lacks fewest. An empty collection stands for a whole input.
    """
    counts = sorted({one.of for one in there})
    lacking = (
        tuple(Shard(of, n) for n in range(1, of + 1) if Shard(of, n) not in there) for of in counts
    )
    return min(lacking, key=len, default=())
