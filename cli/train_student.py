"""`parrot miniature train student`: the small critic's base, trained from scratch and resumed."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.core.errors import MissingExtraError


def student(
    *,
    state: Annotated[Path, typer.Option(help="Folder of the run's resumable state.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the finished model.")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Stop after so long; the same command goes on.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads that torch may use.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or another of torch's.")] = "auto",
    seed: Annotated[int, typer.Option(help="Decides weights and lessons.")] = 0,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Compile the layers; needs a C++ compiler.")
    ] = False,
    begin: Annotated[
        Path | None,
        typer.Option("--from", help="A shipped base to go on from where --state is empty."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0, help="Learning rate after warming up; lower to finish.")
    ] = None,
    vae: Annotated[
        Path | None,
        typer.Option(help="The autoencoder to look through too; the shipped one unless given."),
    ] = None,
) -> None:
    """The student's base: scenes, requests held against them, critiques' form; no preference.

    Run again with the same --state to go on. Seconds of 0 with --out ships what there is.
    """
    try:
        from parrot.backends.miniature.training.student.lens import SHIPPED
        from parrot.backends.miniature.training.student.run import RATE, Setup, train_student
    except ImportError as error:
        raise MissingExtraError("parrot miniature train student", "train") from error
    setup = Setup(
        state=state,
        out=out,
        seconds=seconds,
        seed=seed,
        threads=threads,
        device=device,
        vae=vae or SHIPPED,
        compile=compile_,
        begin=begin,
        rate=RATE if rate is None else rate,
        stop=stopped_by_signal(),
    )
    train_student(setup, _say)


def stopped_by_signal() -> Callable[[], bool]:
    """A question that SIGTERM and the first Ctrl-C answer with yes, so that the state is saved."""
    asked: list[int] = []

    def note(number: int, _frame: Any) -> None:
        asked.append(number)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    return lambda: bool(asked)


def _say(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps({"at": round(time.time())} | dict(line)) + "\n")
    sys.stdout.flush()
