"""Runs over parts of one input, made one: same pairs once, the better record, in input order.

Pure: knows what was written of each pair, as bytes and records, and no files. The result does not
depend on the order in which the runs are given, nor on how often one is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from attrs import frozen

from parrot.core.errors import ConfigError
from parrot.core.outcomes import End
from parrot.core.sharding import Shard, missing_shards

_LACKS: Final = "stopped: no shard"
ENDS: Final = (End.KEPT, End.DROPPED, End.FAILED)
_ENDS: Final = ("status", "input_status")
_OF_ITS_OWN: Final = frozenset(
    {"asked", "images_root", "pairs", "pairs_at", "schema", "shard", "shards", "version", *_ENDS}
)
"""What runs of one input may differ in; `pairs` only in its folder."""


@frozen(slots=True)
class Entry:
    """All that a run wrote of one pair. place: where in the input, from 0.

    lines: of each end's file, as they are; outcome: its line in `outcomes.jsonl`. won: of lines of
    judgements, those that have a winner.
    """

    place: int
    pair_id: str
    end: End
    lines: Mapping[End, tuple[bytes, ...]]
    outcome: bytes
    won: int = 0

    @property
    def rank(self) -> tuple[Any, ...]:
        """The greater, the better: a total order, so that of two different entries one wins.

        A kept pair before a dropped one before a failed one; then more judgements with a winner; then
        more rationales kept, more dropped, fewer failed; then the bytes, which says nothing of worth
        and decides.
        """
        kept, dropped, failed = (len(self.lines.get(end, ())) for end in ENDS)
        told = tuple(b"".join(self.lines.get(end, ())) for end in ENDS)
        return (-ENDS.index(self.end), self.won, kept, dropped, -failed, *told, self.outcome)


def merged(streams: Sequence[Iterable[Entry]]) -> Iterator[Entry]:
    """The entries of runs, each in input order, as one run's: the best one of each pair.

    A pair is taken as a whole, since filters judge its rationales beside each other. Holds one
    entry a stream. Raises ConfigError where two runs have different pairs in one place.
    """
    ordered = heapq.merge(*streams, key=lambda entry: entry.place)
    for place, group in groupby(ordered, key=lambda entry: entry.place):
        same = list(group)
        names = sorted({entry.pair_id for entry in same})
        if len(names) > 1:
            raise ConfigError(
                f"these are runs of different pairs: place {place} of the input is {names[0]!r} in"
                f" one and {names[1]!r} in another"
            )
        yield max(same, key=lambda entry: entry.rank)


def check_alike(abouts: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises ConfigError naming two runs and the first setting in which they differ.

    abouts: each run's `run.json`, by the name that a message gives it.
    """
    (first, said), *others = abouts.items()
    for name, other in others:
        mine, theirs = _settings(said), _settings(other)
        for key in sorted({*mine, *theirs}):
            if mine.get(key) != theirs.get(key):
                raise ConfigError(
                    f"{first} and {name} are runs of different settings"
                    f" ({key}: {mine.get(key)!r}, not {theirs.get(key)!r})"
                )


def _settings(about: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in about.items() if name not in _OF_ITS_OWN}
    file = str(about.get("pairs") or "").replace("\\", "/").rstrip("/").rpartition("/")[2]
    return {**told, "pairs": file}


def shards_of(about: Mapping[str, Any]) -> frozenset[Shard] | None:
    """The shards that a run covers; None for a run of the whole input."""
    told = about.get("shards") or [about[name] for name in ("shard",) if about.get(name)]
    return frozenset(map(Shard.parsed, told)) or None


def about_merged(abouts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The `run.json` of the whole.

    shards: those that it covers, while some are missing. status: `done` where every run was and
    none is missing, else why not. images_root: the least of the runs' own.
    """
    first = min(abouts, key=lambda about: (str(about.get("images_root")), str(about.get("pairs"))))
    covered = [shards_of(about) for about in abouts]
    there = frozenset(one for shards in covered for one in shards or ())
    lacking = () if None in covered else missing_shards(there)
    stopped, input_stopped = (_ends(abouts, name) for name in _ENDS)
    told = {k: v for k, v in first.items() if k not in ("shard", "shards", *_ENDS)}
    if lacking:
        told["shards"] = [str(one) for one in sorted(there)]
        stopped.append(f"{_LACKS} {', '.join(map(str, lacking))}")
    if input_stopped:
        told["input_status"] = "; ".join(input_stopped)
    return {**told, "status": "; ".join(stopped) or "done"}


def _ends(abouts: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """What kept runs from being whole, each once; what an earlier merge lacked is found anew."""
    said = {end for about in abouts for end in str(about.get(name) or "done").split("; ")}
    return sorted(end for end in said - {"done"} if not end.startswith(_LACKS))
