"""Printing: the funnel as a table, a critique as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table


class _Console(Console):
    """One whose reader may go away: `parrot.cli` decides how that ends, and rich would with 1."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


out = _Console(highlight=False)
err = _Console(stderr=True, highlight=False)


def print_funnel(funnel: Mapping[str, Any], *, title: str = "Funnel", examples: int = 1) -> None:
    """Pairs and rationales in and out, then a row a filter, then what fell."""
    pairs, rationales = funnel["pairs"], funnel["rationales"]
    out.print(
        f"[bold]{title}[/]: {pairs['in']} pairs: {pairs['kept']} kept, {pairs['dropped']} dropped,"
        f" {pairs['failed']} failed"
    )
    out.print(
        f"  rationales: {rationales['asked']} in, {rationales['kept']} kept,"
        f" {rationales['dropped']} dropped, {rationales['failed']} failed"
    )
    if funnel["lost"]:
        out.print("  no reply: " + _counts(funnel["lost"]))
    if not funnel["filters"]:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("filter")
    for name in ("came", "kept", "dropped", "undecided"):
        table.add_column(name, justify="right")
    table.add_column("why", overflow="fold")
    for stage in funnel["filters"]:
        numbers = (str(stage[n]) for n in ("came", "kept", "dropped", "undecided"))
        table.add_row(stage["name"], *numbers, _counts(stage["reasons"]))
    out.print(table)
    rates = (
        "marginal: each filter saw every rationale"
        if funnel["marginal"]
        else ("conditional: each filter saw what the ones above it kept")
    )
    out.print(f"  ({rates})", style="dim")
    for stage in funnel["filters"]:
        for one in stage["examples"][:examples]:
            place = f"{one['pair_id']} {one['order']}/{one['sample']}"
            out.print(f"  {stage['name']}: {place}: {one['reason']}: {one['detail']}", markup=False)


def _counts(counts: Mapping[str, int], most: int = 4) -> str:
    named = [f"{name} {count}" for name, count in list(counts.items())[:most]]
    return ", ".join(named) + (", ..." if len(counts) > most else "")
