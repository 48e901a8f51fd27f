"""Wiring of `parrot rationalize --ray`: what actors open, and the run folder that they make together."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from parrot.adapters.begun import open_run
from parrot.adapters.databases import locked
from parrot.adapters.datasets.reading import pair_opener, records_in
from parrot.adapters.datasets.rows import Place, files_of
from parrot.adapters.entries import Encoder
from parrot.adapters.merging import write_run
from parrot.cli.merge import join_stores
from parrot.cli.session import Asking, counted, open_spec, progress_shown
from parrot.cli.sharing import store_at
from parrot.core.engine import Engine
from parrot.core.engine.limits import Limits
from parrot.core.engine.progress import Meter, Progress
from parrot.core.interfaces import ChatModel, Store
from parrot.core.pipelines.filtering import Filtering, filtered
from parrot.core.pipelines.rationalizing import Rationalizing
from parrot.core.pipelines.rationalizing import rationalize as phase_one

if TYPE_CHECKING:
    from parrot.adapters.ray import Actors, Part, Working

_REMOTE = re.compile(r"^(s3|gs|gcs|abfs|hdfs):/(?=[^/])")


@frozen(slots=True)
class Opening:
    """What an actor opens for its part; travels to it. asking: of one actor, see `split`."""

    teacher: str
    verifier: str | None
    tag: str | None
    asking: Asking
    how: Rationalizing
    filtering: Filtering
    schema: str
    images_root: Path
    out: Path
    known: tuple[Path, ...] = ()

    @asynccontextmanager
    async def __call__(self, part: Part) -> AsyncIterator[Working]:
        """The engine over the part's store, as long as the actor works."""
        meter = Meter()
        known = [*self.known, *_stores_elsewhere(self.out, part.folder)]
        with store_at(part.folder / "store.sqlite", known) as store:
            async with AsyncExitStack() as stack:
                model, checker = self._models()
                for one in (model, checker):
                    stack.push_async_callback(one.aclose)
                engine = await stack.enter_async_context(self._engine(model, store, meter))
                second = engine if checker is model else engine.beside(checker)
                yield self._working(engine, meter, second)

    def _models(self) -> tuple[ChatModel, ChatModel]:
        connections = self.asking.concurrency
        model = open_spec(self.teacher, connections=connections, tag=self.tag)
        if self.verifier is None:
            return model, model
        return model, open_spec(self.verifier, connections=connections)

    def _engine(self, model: Any, store: Store, meter: Meter) -> Engine:
        asking = evolve(self.asking, models=(*self.asking.models, model.id))
        return Engine(
            model,
            store,
            max_concurrency=asking.concurrency,
            budget=asking.budget,
            limits=Limits(asking.requests_per_minute, asking.tokens_per_minute),
            observers=(meter,),
        )

    def _working(self, engine: Engine, meter: Meter, second: Engine) -> Working:
        from parrot.adapters.ray import Working

        opened = pair_opener(self.schema, self.images_root)
        encoder = Encoder(self.out, self.images_root)

        def outcomes(rows: Iterable[Any]) -> AsyncIterator[Any]:
            pairs = (opened(record, where) for record, where in rows)
            return filtered(phase_one(pairs, engine, self.how), second, self.filtering)

        return Working(outcomes, encoder.entry, lambda: meter.progress)


def rationalize_on(
    address: str,
    pairs: Path,
    opening: Opening,
    actors: Actors,
    about: Mapping[str, Any],
    *,
    limit: int | None,
    total: int | None,
) -> dict[str, Any]:
    """The run on a cluster; its report as `parrot.cli.ending.ended` gives it. Raises as `spread`."""
    with closing(locked(opening.out / "run")):
        return _rationalized(address, _rows(pairs, opening, limit), opening, actors, about, total)


def _rationalized(
    address: str,
    rows: Iterator[tuple[str, Any]],
    opening: Opening,
    actors: Actors,
    about: Mapping[str, Any],
    total: int | None,
) -> dict[str, Any]:
    from parrot.adapters.ray import connected, entries_in, spread

    out, prices = opening.out, opening.asking.prices
    told = {**open_run(out, opening.images_root, about), "status": "done"}
    with (
        connected(address, cpus=actors.number * actors.cpus),
        _progress(prices, total) as (heard, last),
    ):
        shared = evolve(opening, asking=split(opening.asking, actors.number))
        files = spread(rows, shared, out, actors, heard)
    streams = [entries_in(one) for one in files]
    funnel = write_run(streams, told, out, marginal=opening.filtering.all_evidence)
    join_stores(_stores(out), out / "store.sqlite")
    return {**funnel.to_dict(), **_first_failure(out), "asks": counted(last(), prices)}


def split(asking: Asking, actors: int) -> Asking:
    """One actor's share of rates and budgets, of which all actors together keep within the whole.

    Shards are alike in size, so equal shares are right until the last of them ends; `concurrency`,
    `max_seconds` and `max_failures` hold for each actor as they are.
    """

    def part(whole: float | None) -> float | None:
        return None if whole is None else whole / actors

    def count(whole: int | None) -> int | None:
        return None if whole is None else max(1, whole // actors)

    return evolve(
        asking,
        requests_per_minute=part(asking.requests_per_minute),
        tokens_per_minute=part(asking.tokens_per_minute),
        max_asks=count(asking.max_asks),
        max_tokens=count(asking.max_tokens),
        max_cost=part(asking.max_cost),
    )


def place_of(pairs: Path) -> str:
    """The input as Ray Data opens it: `s3://` and its like have lost a slash on their way here."""
    return _REMOTE.sub(r"\1://", str(pairs))


def is_remote(pairs: Path) -> bool:
    """Whether the input is not on this machine's file systems."""
    return "://" in place_of(pairs)


def _rows(pairs: Path, opening: Opening, limit: int | None) -> Iterator[tuple[str, Any]]:
    from itertools import islice

    from parrot.adapters.ray.reading import rows_at

    place = place_of(pairs)
    files = None if is_remote(pairs) else {str(one.resolve()): str(one) for one in files_of(pairs)}
    rows = enumerate(rows_at(place, files))
    placed = ((Place(file, line, index), row) for index, (file, line, row) in rows)
    found = records_in(
        placed,
        schema=opening.schema,
        images_root=opening.images_root,
        name=str(pairs) if files else place,
    )
    for pair_id, record, where in islice(found, limit):
        yield pair_id, (record, where)


@contextmanager
def _progress(
    prices: Mapping[str, Any], total: int | None
) -> Iterator[tuple[Callable[[Progress], None], Callable[[], Progress]]]:
    meter = Meter()
    with progress_shown(meter, prices, total) as tick:

        def heard(progress: Progress) -> None:
            meter.progress = progress
            tick(None)

        yield heard, lambda: meter.progress


def _stores(out: Path) -> Sequence[Path]:
    return sorted((out / "actors").glob("*/store.sqlite"))


def _stores_elsewhere(out: Path, own: Path) -> Sequence[Path]:
    """Runs with stores that the actor may read: of the whole, and of another number of actors."""
    of = own.name.partition("-of-")[2]
    others = [s.parent for s in _stores(out) if s.parent.name.partition("-of-")[2] != of]
    return [*([out] if (out / "store.sqlite").is_file() else []), *others]


def _first_failure(out: Path) -> dict[str, Any]:
    with (out / "failed.jsonl").open("rb") as lines:
        first = next(lines, None)
    return {"first_failure": json.loads(first)} if first else {}
