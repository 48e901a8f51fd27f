"""`parrot train-head`: a scalar Bradley-Terry head from preference pairs. Arguments, wiring, printing."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parrot.backends.miniature.shipped import folder_of
from parrot.cli import options
from parrot.cli.choices import chosen_prompt

if TYPE_CHECKING:
    from parrot.core.values import PreferencePair


def train_head(
    pairs: Annotated[
        Path,
        typer.Argument(metavar="PAIRS", help="Preference pairs: JSONL, Parquet or a folder."),
    ],
    *,
    base: Annotated[
        str, typer.Option(help="Folder of the checkpoint to start from, or miniature:base.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the head; the same command goes on.")],
    held: Annotated[
        Path | None, typer.Option(help="Pairs to look at on the way, never learned from.")
    ] = None,
    frozen: Annotated[bool, typer.Option("--frozen", help="Train the head alone.")] = False,
    epochs: Annotated[float, typer.Option(min=0.01)] = 3.0,
    steps: Annotated[int | None, typer.Option(min=1, help="In all, instead of epochs.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pairs a device and step.")] = 16,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches summed before a step.")] = 1,
    rate: Annotated[float, typer.Option(min=0, help="Highest learning rate.")] = 1e-5,
    tower: Annotated[bool, typer.Option("--tower", help="Train the vision tower too.")] = False,
    checkpointing: Annotated[bool, typer.Option("--checkpointing", help="Less memory.")] = False,
    every: Annotated[int, typer.Option(min=1, help="Steps between two checkpoints.")] = 200,
    seed: Annotated[int, typer.Option(help="Decides the order.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or another of torch's.")] = "auto",
    schema: Annotated[str, typer.Option("--from", help="The file's schema by name.")] = "plain",
    images_root: Annotated[
        Path | None, typer.Option(help="Folder that image paths are relative to.")
    ] = None,
    layout: options.LayoutName = "prefix-first",
    wording: options.WordingFile = None,
    limit: options.Limit = None,
    force: Annotated[
        bool, typer.Option("--force", help="Learn from barred or held-out pairs all the same.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Trains one number an image whose differences predict labels: no critique, no reasons."""
    from parrot.core.errors import MissingExtraError

    try:
        from parrot.backends.torch.preferring import train_head as trained
        from parrot.backends.torch.training import Recipe, refuse_finished
    except ImportError as error:
        raise MissingExtraError("parrot train-head", "train") from error
    refuse_finished(out)
    recipe = Recipe(
        epochs=epochs,
        steps=steps,
        batch=batch,
        accumulate=accumulate,
        rate=rate,
        tower=tower,
        checkpointing=checkpointing,
        every=every,
        seed=seed,
        device=device,
    )
    done = trained(
        folder_of(base),
        _pairs(pairs, schema, images_root)[:limit],
        out,
        recipe=recipe,
        held=_pairs(held, schema, images_root) if held else (),
        frozen=frozen,
        prompt=chosen_prompt(layout, "markup", wording),
        force=force,
        say=_say,
    )
    shown = {"out": str(done.folder), "pairs": done.pairs, "steps": done.steps}
    if as_json:
        print(json.dumps(shown | {"loss": done.loss}))
        return
    print(f"{done.pairs} pairs, {done.steps} steps, loss {done.loss:.4f}: {done.folder}")


def _pairs(path: Path, schema: str, images_root: Path | None) -> Sequence[PreferencePair]:
    """All of them; a pair without its images is told of and left out."""
    from parrot.adapters.datasets.reading import check_pairs, read_pairs
    from parrot.core.values import Unloadable

    check_pairs(path, schema=schema, images_root=images_root)
    found = list(read_pairs(path, schema=schema, images_root=images_root))
    lost = [one for one in found if isinstance(one, Unloadable)]
    if lost:
        said = f"{len(lost)} pairs could not be loaded, first {lost[0].id}: {lost[0].reason}"
        typer.echo(said, err=True)
    return [one for one in found if not isinstance(one, Unloadable)]


def _say(line: Mapping[str, Any]) -> None:
    kept = {k: round(v, 5) if isinstance(v, float) else v for k, v in line.items()}
    print(json.dumps(kept), file=sys.stderr, flush=True)
