"""From `--shard`, `--limit` and `--known` to a machine's share of the input and its stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from parrot.adapters.store import SqliteStore
from parrot.core.candidates import Filter
from parrot.core.engine.known import WithKnown
from parrot.core.errors import ConfigError
from parrot.core.filters import needs_of
from parrot.core.interfaces import Store
from parrot.core.sharding import Shard, Share


def share_of(shard: str | None, limit: int | None = None) -> Share:
    """The machine's share. Raises ConfigError for what is no I/N."""
    return Share(Shard.parsed(shard) if shard is not None else None, limit)


def covered(share: Share, given: Mapping[str, Any] = {}, name: object = "") -> dict[str, Any]:
    """What `run.json` says of the part; `given`: the run that the input is, by its name.

    Raises ConfigError where a part of a part is asked for.
    """
    inherited = {key: given[key] for key in ("shard", "shards") if given.get(key)}
    if share.shard is None:
        return inherited
    if inherited:
        raise ConfigError(f"{name} is itself a part of a run: leave --shard out, or merge it first")
    return {"shard": str(share.shard)}


def refuse_neighbours(share: Share, filters: Sequence[Filter]) -> None:
    """Raises ConfigError for a filter that looks at the pair before, which another part may hold."""
    if share.shard is not None and any("specific" in needs_of(one) for one in filters):
        raise ConfigError(
            "the filter 'specific' compares a pair with the one before it, which another shard may"
            " hold: run it with `parrot filter` over the merged run"
        )


@contextmanager
def store_at(path: Path, known: Sequence[Path] | None) -> Iterator[Store]:
    """The store of a run, before those of the runs that are known."""
    with ExitStack() as stack:
        store = stack.enter_context(SqliteStore(path))
        others = [_known_store(one) for one in known or ()]
        if not others:
            yield store
            return
        opened = [stack.enter_context(SqliteStore(one, read_only=True)) for one in others]
        yield WithKnown(store, opened)


def _known_store(run: Path) -> Path:
    for place in (run / "store.sqlite", run.with_name(f"{run.name}.sqlite")):
        if place.is_file():
            return place
    raise ConfigError(f"--known {run} has no store: it is neither a run folder nor judgements")
