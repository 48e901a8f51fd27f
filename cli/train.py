"""`parrot miniature train`: the miniature's models, trained from scratch and resumed at any time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from attrs import evolve

from parrot.cli.train_student import stopped_by_signal, student
from parrot.core.errors import MissingExtraError

app = typer.Typer(help="Train the miniature's models from scratch.", no_args_is_help=True)
app.command()(student)

StateFolder = Annotated[Path, typer.Option("--state", help="Folder of the run's resumable state.")]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for the finished model.")]
Seconds = Annotated[
    float | None, typer.Option(min=0, help="Stop after so long; the same command goes on.")
]
Threads = Annotated[int, typer.Option(min=1, help="Threads that torch may use on the CPU.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or another of torch's names.")]
Seed = Annotated[int, typer.Option(help="Decides weights and data.")]
Samples = Annotated[int | None, typer.Option(min=1, help="Samples that the schedule spans.")]
MeasureEvery = Annotated[float, typer.Option(min=1, help="Seconds between two measurements.")]


@app.command()
def vae(
    *,
    state: StateFolder,
    out: OutFolder,
    seconds: Seconds = None,
    threads: Threads = 1,
    device: Device = "auto",
    seed: Seed = 0,
    samples: Samples = None,
    measure_every: MeasureEvery = 180.0,
) -> None:
    """The generator's autoencoder. Run again with the same --state to go on."""
    try:
        import torch

        from parrot.backends.miniature.training import autoencoder, loop
        from parrot.backends.miniature.training.state import Saver
    except ImportError as error:
        raise MissingExtraError("parrot miniature train vae", "train") from error
    torch.set_num_threads(threads)

    settings = autoencoder.AutoencoderSettings(seed=seed)
    settings = evolve(settings, total=samples) if samples else settings
    run = autoencoder.AutoencoderRun(settings, loop.device_of(device))
    saver = Saver(state, run.state, now=time.monotonic)
    _say({"event": "began", "resumed": saver.resume(), "samples": run.state.samples})
    pace = loop.Pace(seconds, measure_every=measure_every, stop=stopped_by_signal())
    loop.train(run, saver, now=time.monotonic, say=_say, pace=pace)
    finished = autoencoder.finished(run.averaged())
    autoencoder.write_autoencoder(finished, out)
    _say({"event": "written", "out": str(out)})


@app.command()
def generator(
    *,
    state: StateFolder,
    out: Annotated[Path | None, typer.Option(help="Folder for the finished pipeline.")] = None,
    vae: Annotated[
        Path | None, typer.Option(help="The autoencoder's folder; the shipped one unless given.")
    ] = None,
    seconds: Seconds = None,
    threads: Threads = 1,
    device: Device = "auto",
    seed: Seed = 0,
    samples: Samples = None,
    measure_every: MeasureEvery = 1200.0,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Compile the blocks: faster after five minutes.")
    ] = False,
) -> None:
    """The generator: text encoders first, then a tiny Flux. The same --state goes on."""
    try:
        import torch

        from parrot.backends.miniature.training import autoencoder, loop
        from parrot.backends.miniature.training import generator as flux
        from parrot.backends.miniature.training.student.lens import SHIPPED
        from parrot.backends.miniature.training.texts import TextRun, TextSettings
    except ImportError as error:
        raise MissingExtraError("parrot miniature train generator", "train") from error
    torch.set_num_threads(threads)

    where, end = loop.device_of(device), stopped_by_signal()
    pace = loop.Pace(seconds, measure_every=measure_every, stop=end)
    began = time.monotonic()
    words = TextRun(TextSettings(seed=seed), where)
    _run(words, state / "texts", pace)
    if words.state.samples < words.goal:
        return
    settings = flux.GeneratorSettings(seed=seed, compile=compile_)
    settings = evolve(settings, total=samples) if samples else settings
    texts = {"t5": words.t5, "clip": words.clip}
    run = flux.GeneratorRun(settings, autoencoder.read_autoencoder(vae or SHIPPED), where, texts)
    left = None if seconds is None else max(0.0, seconds - (time.monotonic() - began))
    _run(run, state / "flow", evolve(pace, seconds=left))
    if out is not None:
        run.ship(out)
        _say({"event": "written", "out": str(out)})


def _run(run: Any, folder: Path, pace: Any) -> None:
    from parrot.backends.miniature.training import loop
    from parrot.backends.miniature.training.state import Saver

    saver = Saver(folder, run.state, now=time.monotonic)
    _say({"event": "began", "resumed": saver.resume(), "samples": run.state.samples})
    if run.state.samples < run.goal:
        loop.train(run, saver, now=time.monotonic, say=_say, pace=pace)


def _say(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps({"at": round(time.time())} | dict(line)) + "\n")
    sys.stdout.flush()
