"""A file of pairs in disjoint parts: `NAME.jsonl` each, with one `images/` beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import frozen

from parrot.adapters.datasets.reading import read_pairs
from parrot.adapters.datasets.writing import PairWriter, write_unloadable
from parrot.core.errors import RecordError
from parrot.core.splitting import groups_of, keys_of, parts_of
from parrot.core.values import PreferencePair, Unloadable


@frozen(slots=True)
class Split:
    """What a split gave: pairs in each part, how many groups there were, what could not be loaded.

    largest: pairs in the largest group, which no part can divide.
    """

    parts: Mapping[str, int]
    groups: int
    largest: int
    unloadable: int


def split_pairs(
    path: str | Path,
    out: Path,
    shares: Mapping[str, float],
    *,
    seed: int = 0,
    images_root: str | Path | None = None,
) -> Split:
    """Reads the file twice: once for what its pairs share, once to write the parts.

    Pairs keep their order. Raises RecordError, ConfigError as `read_pairs` and `PairWriter` do, and
    RecordError where a part would be empty.
    """
    groups = groups_of(map(_keys, read_pairs(path, images_root=images_root)))
    parts = parts_of(groups, shares, seed=seed)
    if empty := sorted(set(shares) - set(parts.values())):
        message = f"{len(groups)} unconnected groups are too few: nothing is left for {empty[0]!r}"
        raise RecordError(message, file=str(path))
    with ExitStack() as stack:
        writers = {n: stack.enter_context(PairWriter(out, f"{n}.jsonl")) for n in shares}
        lost = list(_written(read_pairs(path, images_root=images_root), parts, writers))
        write_unloadable(lost, out)
    counts = {name: writer.count for name, writer in writers.items()}
    return Split(counts, len(groups), max(len(g.members) for g in groups), len(lost))


def _keys(pair: PreferencePair | Unloadable) -> Sequence[bytes]:
    return () if isinstance(pair, Unloadable) else keys_of(pair)


def _written(
    pairs: Iterable[PreferencePair | Unloadable],
    parts: Mapping[int, str],
    writers: Mapping[str, PairWriter],
) -> Iterator[Unloadable]:
    for index, pair in enumerate(pairs):
        if isinstance(pair, Unloadable):
            yield pair
        elif index in parts:
            writers[parts[index]].add(pair)
        else:
            yield Unloadable(pair.id, "its images came while the file was being split")
