"""The driver: rows out to the actors that own them, and what was brought back in order."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen, validators

from parrot.adapters.ray.actors import Ended, Heard, Opened, Part, Worker
from parrot.adapters.ray.connecting import ray_module
from parrot.adapters.ray.parts import part_file
from parrot.core.engine.progress import Progress, together
from parrot.core.errors import RunStopped, StopReason
from parrot.core.sharding import Shard, shard_of, shards

LISTEN: Final = 5.0  # seconds without news after which actors are asked for some
DRAIN: Final = 60.0  # seconds that an actor has to end in order
PARTS: Final = "parts"
# glibc gives each thread of an actor a heap of its own, and what lies free in one serves no other:
# an actor grew by 50 bytes a pair until there were two.
HEAPS: Final = {"env_vars": {"MALLOC_ARENA_MAX": "2"}}

Row = tuple[str, Any]
"""A pair's id, and what the actor is to be sent of it."""


@frozen(slots=True)
class Actors:
    """How many actors, and what each takes of the cluster.

    rows: sent at once, and written as one file. ahead: such calls under way at each actor, so that
    the slowest row of one holds up no other. restarts: of an actor that dies, before the run ends.
    """

    number: int = field(default=2, validator=validators.ge(1))
    cpus: float = field(default=1.0, validator=validators.ge(0.0))
    gpus: float = field(default=0.0, validator=validators.ge(0.0))
    rows: int = field(default=256, validator=validators.ge(1))
    ahead: int = field(default=4, validator=validators.ge(1))
    restarts: int = field(default=1000, validator=validators.ge(0))


def spread(
    rows: Iterable[Row],
    opened: Opened,
    folder: Path,
    how: Actors = Actors(),
    heard: Callable[[Progress], None] = lambda _: None,
) -> tuple[Sequence[Path], ...]:
    """Has actors work on rows; the Parquet files that they wrote, by actor, each in input order.

    rows: in input order, ids unique; held are those on their way. folder: of the run, on a file
    system that every node sees. heard: is told what all actors together have come to. Raises
    RunStopped (a budget, failures, Ctrl-C, an actor that died too often) and what actors and rows
    raise; everything answered is stored by then.
    """
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    crew = _Crew(opened, folder.resolve(), how, heard)
    try:
        for place, (pair_id, row) in enumerate(rows):
            crew.add(shard_of(pair_id, how.number), place, row)
        crew.finish()
    except KeyboardInterrupt:
        raise RunStopped("the run stopped (interrupted): interrupted") from None
    finally:
        ended = crew.close()
    for one in ended:
        raise one.error()
    return crew.files


class _Crew:
    """The actors of a run and what is on its way to them."""

    def __init__(
        self, opened: Opened, folder: Path, how: Actors, heard: Callable[[Progress], None]
    ) -> None:
        self._ray, self._how, self._told = ray_module(), how, heard
        self._parts = folder / PARTS
        all_ = shards(how.number)
        self._actors = {one: self._actor(opened, folder, one) for one in all_}
        self._waiting: dict[Shard, list[tuple[int, Any]]] = {one: [] for one in all_}
        self._sent = dict.fromkeys(all_, 0)
        self._pending: dict[Any, Shard] = {}
        self._progress: dict[str, Progress] = {}

    def _actor(self, opened: Opened, folder: Path, shard: Shard) -> Any:
        how = self._how
        kind = self._ray.remote(Worker).options(
            num_cpus=how.cpus,
            num_gpus=how.gpus,
            max_restarts=how.restarts,
            max_task_retries=how.restarts,
            max_concurrency=how.ahead + 2,
            runtime_env=HEAPS,
        )
        own = folder / "actors" / str(shard).replace("/", "-of-")
        return kind.remote(opened, Part(shard, own), self._parts)

    @property
    def files(self) -> tuple[Sequence[Path], ...]:
        """Of each actor, in input order."""
        return tuple(
            [part_file(self._parts, shard, n) for n in range(sent)]
            for shard, sent in self._sent.items()
        )

    def add(self, shard: Shard, place: int, row: Any) -> None:
        """One more row; waits where its actor has enough to do."""
        waiting = self._waiting[shard]
        waiting.append((place, row))
        if len(waiting) >= self._how.rows:
            self._send(shard)

    def finish(self) -> None:
        """Sends what is left and waits for everything."""
        for shard, waiting in self._waiting.items():
            if waiting:
                self._send(shard)
        while self._pending:
            self._hear()

    def _send(self, shard: Shard) -> None:
        while list(self._pending.values()).count(shard) >= self._how.ahead:
            self._hear()
        rows, self._waiting[shard] = self._waiting[shard], []
        number = self._sent[shard]
        self._sent[shard] += 1
        self._pending[self._actors[shard].work.remote(number, rows)] = shard

    def _hear(self) -> None:
        """Waits for a call to end, or a while. Raises what ended the run."""
        ready, _ = self._ray.wait(list(self._pending), num_returns=1, timeout=LISTEN)
        if not ready:
            self._ask()
        for call in ready:
            del self._pending[call]
            self._note(self._result(call))

    def _result(self, call: Any) -> Heard | Ended:
        try:
            found: Heard | Ended = self._ray.get(call)
        except self._ray.exceptions.RayActorError as error:
            told = f"an actor died for good: {error}"
            raise RunStopped(told, reason=StopReason.FAILURES) from None
        return found

    def _note(self, said: Heard | Ended) -> None:
        if isinstance(said, Ended):
            raise said.error()
        self._progress[said.process] = said.progress
        self._told(together(self._progress.values()))

    def _ask(self) -> None:
        calls = [actor.heard.remote() for actor in self._actors.values()]
        for call in calls:
            # One that is being started again says nothing now.
            with suppress(self._ray.exceptions.GetTimeoutError, self._ray.exceptions.RayActorError):
                self._note(self._ray.get(call, timeout=LISTEN))

    def close(self) -> Sequence[Ended]:
        """Ends the actors in order, as far as they still answer, and then all the same.

        Returns what some could not store at the end.
        """
        calls = [actor.close.remote() for actor in self._actors.values()]
        told: Sequence[Ended | None] = ()
        with suppress(self._ray.exceptions.RayError):
            told = self._ray.get(calls, timeout=DRAIN)
        for actor in self._actors.values():
            self._ray.kill(actor)
        return [one for one in told if one is not None]
