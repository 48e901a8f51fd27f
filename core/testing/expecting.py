"""What the conformance suites share: how they assert, run and search."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

from hypothesis import HealthCheck, Phase

# A suite is judged by what it finds, wherever it is called from and however slow the thing is.
UNHURRIED: Final = (
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.too_slow,
    HealthCheck.large_base_example,
    HealthCheck.function_scoped_fixture,
    HealthCheck.differing_executors,
    HealthCheck.nested_given,
)


def expect(holds: object, message: str) -> None:
    """Raises AssertionError with the message where something does not hold."""
    if not holds:
        raise AssertionError(message)


def run_alone(work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Runs a check on a loop of its own; RuntimeError where one is running already."""
    if _running():
        raise RuntimeError("a conformance suite cannot be called from a running event loop")
    asyncio.run(work())


def _running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def phases(*, shrink: bool) -> list[Phase]:
    """The phases of a search; without shrinking a failure is told as it was found."""
    return [p for p in Phase if shrink or p not in {Phase.shrink, Phase.explain}]
