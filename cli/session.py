"""Wiring shared by the commands that ask models: store, engines, budget, progress, the end."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from attrs import field, frozen

from parrot.core.engine.budget import Budget, Price
from parrot.core.engine.engine import Engine
from parrot.core.engine.events import Event
from parrot.core.engine.limits import Limits
from parrot.core.engine.progress import Meter, Progress
from parrot.core.errors import ConfigError, RunStopped, UnknownNameError
from parrot.core.interfaces import ChatModel, Generator
from parrot.core.registry import generator_opener, opener, parse_spec

T = TypeVar("T")


@frozen(slots=True)
class Asking:
    """How models are asked in one run. price_in, price_out: money a million tokens."""

    concurrency: int = 64
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_asks: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    max_seconds: float | None = None
    max_failures: float = 0.2
    price_in: float | None = None
    price_out: float | None = None
    models: tuple[str, ...] = field(default=())

    @property
    def prices_given(self) -> bool:
        return self.price_in is not None or self.price_out is not None

    @property
    def prices(self) -> Mapping[str, Price]:
        if not self.prices_given:
            return {}
        price = Price(self.price_in or 0.0, self.price_out or 0.0)
        return dict.fromkeys(self.models, price)

    @property
    def budget(self) -> Budget:
        return Budget(
            tokens=self.max_tokens,
            money=self.max_cost,
            seconds=self.max_seconds,
            asks=self.max_asks,
            failures=self.max_failures,
            prices=self.prices,
        )


_NAMED = {
    "concurrency": "concurrency",
    "rpm": "requests_per_minute",
    "tpm": "tokens_per_minute",
    "max_asks": "max_asks",
    "max_spent": "max_tokens",
    "max_cost": "max_cost",
    "max_seconds": "max_seconds",
    "max_failures": "max_failures",
    "price_in": "price_in",
    "price_out": "price_out",
}


def asking_of(options: Mapping[str, Any], *models: ChatModel | None) -> Asking:
    """How models are asked, from a command's options by their names in `parrot.cli.options`.

    What else the mapping holds is left alone, so a command hands on its `locals()` as they are.
    models: who is asked at these prices. Raises ConfigError for a bound of money without prices.
    """
    given = {name: options[ours] for ours, name in _NAMED.items() if ours in options}
    priced = None not in (given.get("price_in"), given.get("price_out"))
    if given.get("max_cost") is not None and not priced:
        raise ConfigError("--max-cost needs both --price-in and --price-out")
    return Asking(**given, models=tuple(one.id for one in models if one is not None))


def open_spec(spec: str, **options: Any) -> ChatModel:
    """The model of a spec with those of the options that its kind knows."""
    parsed = parse_spec(spec)
    found = opener(parsed.kind)
    known = inspect.signature(found).parameters
    return found(parsed.target, **{k: v for k, v in options.items() if k in known})


def open_generator_spec(spec: str, given: Mapping[str, Any], **options: Any) -> Generator:
    """The generator of a spec with those of our options that its kind knows, and all that are given.

    Raises UnknownNameError for a given one that it does not know.
    """
    parsed = parse_spec(spec)
    found = generator_opener(parsed.kind)
    known = inspect.signature(found).parameters
    free = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
    names = [name for name in known if name != "target"]
    for name in () if free else given:
        if name not in names:
            raise UnknownNameError(f"option of {parsed.kind}: generators", name, names)
    ours = {k: v for k, v in options.items() if k in known}
    return found(parsed.target, **{**ours, **given})


@asynccontextmanager
async def engine_on(
    model: ChatModel, store: Any, asking: Asking, *, total: int | None
) -> AsyncIterator[tuple[Engine, Meter]]:
    """An open engine with its progress shown; Ctrl-C drains, a second one cancels."""
    meter = Meter()
    asking = _with_models(asking, model)
    with progress_shown(meter, asking.prices, total) as tick:
        engine = Engine(
            model,
            store,
            max_concurrency=asking.concurrency,
            budget=asking.budget,
            limits=Limits(asking.requests_per_minute, asking.tokens_per_minute),
            observers=(meter, tick),
        )
        try:
            async with engine:
                with _interruptible(engine), _heard_out(engine):
                    yield engine, meter
        finally:
            await model.aclose()


@contextmanager
def _heard_out(engine: Engine) -> Iterator[None]:
    """On an error elsewhere, such as a full disk, waits for what is in flight: it is paid for."""
    try:
        yield
    except RunStopped:
        raise
    except Exception:
        engine.stop("an error elsewhere")
        raise


def _with_models(asking: Asking, model: ChatModel) -> Asking:
    from attrs import evolve

    return evolve(asking, models=(*asking.models, model.id))


@contextmanager
def _interruptible(engine: Engine) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGINT, engine.stop)
        loop.add_signal_handler(signal.SIGTERM, engine.stop)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGINT)
            loop.remove_signal_handler(signal.SIGTERM)


@contextmanager
def progress_shown(
    meter: Meter, prices: Mapping[str, Price], total: int | None
) -> Iterator[Callable[[Event | None], None]]:
    """A rich bar on a terminal; else a JSON line now and then, and one at the end."""
    if sys.stderr.isatty():
        with _bar(meter, prices, total) as tick:
            yield tick
    else:
        with _lines(meter, prices, total) as tick:
            yield tick


@contextmanager
def _bar(
    meter: Meter, prices: Mapping[str, Price], total: int | None
) -> Iterator[Callable[[Event | None], None]]:
    from rich import progress as bars

    from parrot.cli.tables import err

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[said]}"),
    )
    with bars.Progress(*columns, console=err, refresh_per_second=2) as shown:
        task = shown.add_task("asks", total=total, said="")

        def tick(_: Event | None) -> None:
            now = meter.progress
            shown.update(task, completed=now.done, said=_said(now, prices, total))

        yield tick


def _said(now: Progress, prices: Mapping[str, Price], total: int | None) -> str:
    parts = [f"{now.rate:.1f}/s", f"{now.cached} stored", f"{sum(now.failed.values())} failed"]
    eta = now.eta(total) if total else None
    if eta:
        parts.append(f"ETA {eta:.0f} s")
    cost = now.cost(prices) if prices else None
    if cost is not None:
        parts.append(f"cost {cost:.4f}")
    return ", ".join(parts)


@contextmanager
def _lines(
    meter: Meter, prices: Mapping[str, Price], total: int | None
) -> Iterator[Callable[[Event | None], None]]:
    import structlog

    log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
    )
    last: float | None = None

    def tick(_: Event | None) -> None:
        nonlocal last
        now = meter.progress
        if last is None:
            last = now.at
        elif now.at - last >= 10.0:
            last = now.at
            log.msg("progress", **counted(now, prices), total=total)

    yield tick
    log.msg("asked", **counted(meter.progress, prices), total=total)


def counted(now: Progress, prices: Mapping[str, Price]) -> dict[str, Any]:
    """A run's progress as plain numbers."""
    tokens = now.tokens
    return {
        "asked": now.answered,
        "from_store": now.cached,
        "joined": now.joined,
        "failed": {kind.value: count for kind, count in now.failed.items()},
        "retried": now.retried,
        "throttled": now.throttled,
        "tokens": {
            "prompt": tokens.prompt,
            "cached": tokens.cached,
            "completion": tokens.completion,
        },
        "cost": now.cost(prices) if prices else None,
        "rate": round(now.rate, 2),
        "seconds": round(now.elapsed, 2),
    }


def run_async(work: Callable[[], Awaitable[T]]) -> T:
    """Runs a command's asynchronous part."""

    async def whole() -> T:
        return await work()

    return asyncio.run(whole())
