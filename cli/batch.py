"""`parrot batch`: a run's asks in provider batches, into the same store as live replies."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.adapters.begun import run_settings
from parrot.adapters.datasets.reading import read_pairs
from parrot.adapters.ledger import NAME, SqliteLedger
from parrot.adapters.store import SqliteStore
from parrot.cli import options
from parrot.cli.choices import chosen_prompt
from parrot.cli.session import open_spec, run_async
from parrot.cli.sharing import share_of
from parrot.core.asks import Ask, Sampling
from parrot.core.batches import MOST, MOST_BYTES, Bounds
from parrot.core.candidates import Order
from parrot.core.engine.clock import SystemClock
from parrot.core.errors import ConfigError
from parrot.core.pipelines.batching import Batching
from parrot.core.pipelines.rationalizing import Rationalizing, asks_for
from parrot.core.registry import parse_spec
from parrot.core.rubric import rubric_from_dict
from parrot.core.values import Unloadable

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A folder of rationalize; see --later.")]


@app.command()
def submit(
    run: Run,
    *,
    most: Annotated[int, typer.Option(min=1, help="Asks of one batch at most.")] = MOST,
    most_bytes: Annotated[int, typer.Option(min=1, help="Bytes of one file at most.")] = MOST_BYTES,
    images_at: Annotated[
        str | None,
        typer.Option(help="URL under which the images' folder is served; inline unless given."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Sends the asks of a run that have no answer yet and are not on their way."""
    about = run_settings(run)
    asks = _asks(about)

    async def work(batching: Batching, provider: Any) -> dict[str, Any]:
        told = await batching.submit(asks, provider, provider.model.id)
        return {name: getattr(told, name) for name in told.__slots__ if name[0] != "_"}

    _tell(_with_batches(run, about, work, Bounds(most, most_bytes), images_at), as_json=as_json)


@app.command()
def status(run: Run, *, as_json: options.AsJson = False) -> None:
    """What the provider says of a run's batches."""
    about = run_settings(run)

    async def work(batching: Batching, provider: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        async for batch, state in batching.states(provider):
            said = state.status if state else batch.stage.value
            found[batch.batch_id or batch.token] = f"{said}, {batch.asks} asks"
        return found

    _tell(_with_batches(run, about, work), as_json=as_json)


@app.command()
def collect(
    run: Run,
    *,
    forget_lost: Annotated[
        bool, typer.Option(help="Give up batches that the provider does not know any more.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Stores the answers of batches that are over; then `parrot rationalize` ends the run."""
    about = run_settings(run)

    async def work(batching: Batching, provider: Any) -> dict[str, Any]:
        told = await batching.collect(provider, forget_lost=forget_lost)
        return {name: getattr(told, name) for name in told.__slots__ if name[0] != "_"}

    found = _with_batches(run, about, work)
    _tell(found, as_json=as_json)
    if found["failed"]:
        said = f"{found['failed']} asks failed; `parrot batch submit {run}` sends them again"
        typer.echo(said, err=True)
        raise typer.Exit(1)


Work = Callable[[Batching, Any], Coroutine[Any, Any, dict[str, Any]]]


def _with_batches(
    run: Path,
    about: Mapping[str, Any],
    work: Work,
    bounds: Bounds = Bounds(),
    images_at: str | None = None,
) -> dict[str, Any]:
    spec = str(about["asked"]["teacher"])
    if parse_spec(spec).kind != "openai":
        raise ConfigError(f"{spec} has no batches: only openai: models do")
    from parrot.backends.openai.batches import OpenAIBatches, served_at

    model: Any = open_spec(spec, tag=about["asked"].get("tag"))
    url_of = served_at(images_at, about["images_root"]) if images_at else None

    async def whole() -> dict[str, Any]:
        provider = OpenAIBatches(model, url_of)
        with ExitStack() as stack:
            store = stack.enter_context(SqliteStore(run / "store.sqlite"))
            ledger = stack.enter_context(SqliteLedger(run / NAME))
            limit = int(about["sampling"]["max_tokens"])
            batching = Batching(
                ledger, store, SystemClock(), lambda: uuid.uuid4().hex, limit, bounds
            )
            try:
                return await work(batching, provider)
            finally:
                await provider.aclose()

    return run_async(whole)


def _asks(about: Mapping[str, Any]) -> Iterator[Ask]:
    asked, own = about["asked"], about.get("rubric")
    wording = Path(asked["wording"]) if asked.get("wording") else None
    how = Rationalizing(
        prompt=chosen_prompt(about["layout"], about["format"], wording),
        rubric=rubric_from_dict(own) if own else None,
        anchored=about["anchored"],
        samples=about["samples"],
        orders=tuple(map(Order, about["orders"])),
        sampling=Sampling(**about["sampling"]),
    )
    if how.prompt.id != about["prompt"]:
        raise ConfigError("the wording file has changed since the run was begun")
    share = share_of(about.get("shard"), asked.get("limit"))
    pairs = read_pairs(
        about["pairs"], schema=asked["schema"], images_root=about["images_root"], share=share
    )
    for pair in pairs:
        share.leave(pair.id)
        if not isinstance(pair, Unloadable):
            yield from asks_for(pair, how)


def _tell(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report))
    else:
        print("\n".join(f"{name}: {value}" for name, value in report.items()) or "no batches")
