"""What `parrot demo` says on the terminal; nothing where JSON is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import define


@define(slots=True)
class Told:
    """The demo's steps, numbered as they come. quiet: says nothing."""

    quiet: bool = False
    steps: int = 0

    def say(self, text: str) -> None:
        if not self.quiet:
            print(text)

    def step(self, what: str) -> None:
        """Begins a step."""
        self.steps += 1
        self.say(f"\n{self.steps}. {what}" if self.steps > 1 else f"{self.steps}. {what}")

    def funnel(self, found: dict[str, Any], *, title: str = "Funnel", examples: int = 1) -> None:
        if not self.quiet:
            from parrot.cli.tables import print_funnel

            print_funnel(found, title=title, examples=examples)

    def students(self, found: dict[str, Any]) -> None:
        if self.quiet:
            return
        from rich.table import Table

        from parrot.cli.tables import out

        table = Table(box=None, pad_edge=False)
        table.add_column("judge", no_wrap=True)
        counts = found["tests"]
        for name, count in counts.items():
            table.add_column(f"{name} ({count})", justify="right")
        table.add_column("complete", justify="right")
        for who in ("base", "student", "difference"):
            shares = found.get(who, {})
            said = (
                "{:.1f} % ({:.1f} to {:.1f})".format(*(100 * x for x in shares[name]))
                if name in shares
                else "-"
                for name in counts
            )
            done = f"{100 * shares['complete']:.1f} %" if "complete" in shares else ""
            table.add_row(who, *said, done)
        out.print(table)
        print(
            f"{found['examples']} examples, {found['steps']} steps; {found['pairs']} held-out pairs in"
            " both orders, agreement with the simulation's truth, 95 % intervals over requests."
        )

    def gallery(self, found: dict[str, Any]) -> None:
        if self.quiet:
            return
        print(
            f"{found['requests']} requests, {found['drawings']} drawings: the critic's mean reward"
            f" {found['first_reward']} -> {found['reward']}, true utility"
            f" {found['first_truth']} -> {found['truth']}"
        )
        print(f"Look at it: {found['report']}")

    def tuned(self, found: dict[str, Any]) -> None:
        value, low, high = found["gained"]
        self.say(
            f"{found['drawings']} drawings in {found['seconds']:.0f} s. True utility on"
            f" {found['requests']} held-out edits {found['first_truth']:.3f} ->"
            f" {found['truth']:.3f}: {value:+.3f} ({low:+.3f} to {high:+.3f}, 95 % interval over"
            f" edits, one seed); the student's own reward {found['own_gain']:+.2f} deviations, KL"
            f" {found['kl']:.2f} nats a drawing."
        )
        self.say(f"Its LoRA weights: {found['lora']}")

    def audit(self, tables: dict[str, list[dict[str, Any]]]) -> None:
        if self.quiet:
            return
        from rich.table import Table

        from parrot.cli.tables import out

        table = Table(box=None, pad_edge=False)
        for name in ("errs", "kept by"):
            table.add_column(name, no_wrap=True)
        for name in ("kept", "leak", "made-up flaw", "false claim", "right winner"):
            table.add_column(name, justify="right")
        for level, rows in tables.items():
            for row in rows:
                shares = (row["leaked"], row["invented"], row["untrue"], row["agree_with_truth"])
                said = ("-" if s is None else f"{100 * s:.1f} %" for s in shares)
                table.add_row(level, row["filters"], str(row["kept"]), *said)
        out.print(table)

    def end(self, folder: Path) -> None:
        """Where everything lies and how to look further."""
        from parrot.adapters.runs import RunFolder

        run = folder / "run"
        example = next(RunFolder(run).stored(), None)
        self.say(f"\nLook further: parrot show {run} -n 3; parrot show {run} --dropped grounded")
        self.say(f"Everything is in {folder}" + ("" if example else " (nothing was kept)"))
