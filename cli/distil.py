"""`parrot distil`: a student from the kept rationales of run folders. Arguments, wiring, printing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parrot.backends.miniature.shipped import folder_of
from parrot.cli import options
from parrot.cli.choices import chosen_prompt

if TYPE_CHECKING:
    from parrot.core.candidates import Candidate
    from parrot.core.examples import Example
    from parrot.core.prompts.judging import Prompt

Runs = list[Path]


def distil(
    runs: Annotated[Runs, typer.Argument(help="Run folders of rationalize and project.")],
    *,
    base: Annotated[
        str, typer.Option(help="Folder of the checkpoint to start from, or miniature:base.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the student; the same command goes on.")],
    held: Annotated[
        Runs | None, typer.Option(help="Run folders to look at on the way, never learned from.")
    ] = None,
    epochs: Annotated[float, typer.Option(min=0.01)] = 3.0,
    steps: Annotated[int | None, typer.Option(min=1, help="In all, instead of epochs.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Examples at once, on all devices.")] = 16,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches summed before a step.")] = 1,
    rate: Annotated[float, typer.Option(min=0, help="Highest learning rate.")] = 1e-5,
    lora: Annotated[int | None, typer.Option(min=1, help="Rank of adapters; else all.")] = None,
    tower: Annotated[bool, typer.Option("--tower", help="Train the vision tower too.")] = False,
    checkpointing: Annotated[bool, typer.Option("--checkpointing", help="Less memory.")] = False,
    every: Annotated[int, typer.Option(min=1, help="Steps between two checkpoints.")] = 200,
    seed: Annotated[int, typer.Option(help="Decides order and adapters.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or another of torch's.")] = "auto",
    scores_only: Annotated[
        bool, typer.Option("--scores-only", help="Learn scores and winners without their reasons.")
    ] = False,
    reply_format: options.FormatName = "markup",
    layout: options.LayoutName = "prefix-first",
    wording: options.WordingFile = None,
    force: Annotated[
        bool, typer.Option("--force", help="Learn from barred or held-out pairs all the same.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Trains a student to critique, then score, from rationales that held; no label is shown."""
    from parrot.core.errors import MissingExtraError

    try:
        from parrot.backends.torch.distil import distil as trained
        from parrot.backends.torch.training import Recipe, is_first, refuse_finished
    except ImportError as error:
        raise MissingExtraError("parrot distil", "train") from error
    refuse_finished(out)
    prompt = chosen_prompt(layout, reply_format, wording)
    recipe = Recipe(
        epochs=epochs,
        steps=steps,
        batch=batch,
        accumulate=accumulate,
        rate=rate,
        lora=lora,
        tower=tower,
        checkpointing=checkpointing,
        every=every,
        seed=seed,
        device=device,
    )
    kept_out = dict(_candidates(held or []))
    done = trained(
        folder_of(base),
        _examples(_candidates(runs), prompt, bare=scores_only),
        out,
        recipe=recipe,
        held=_examples(kept_out.items(), prompt, bare=scores_only),
        right=lambda one, text: _right(kept_out[one.id], text, prompt),
        force=force,
        say=_say,
    )
    if not is_first():
        return
    shown = {"out": str(done.folder), "examples": done.examples, "steps": done.steps}
    if as_json:
        told = {"agreement": done.agreement, "unanswered": done.unanswered}
        print(json.dumps(shown | {"loss": done.loss, "undecodable": done.undecodable} | told))
        return
    agreed = (
        "" if done.agreement is None else f", agreement with held-out labels {done.agreement:.3f}"
    )
    print(
        f"{done.examples} examples, {done.steps} steps, loss {done.loss:.4f}{agreed}: {done.folder}"
    )


def _candidates(runs: Sequence[Path]) -> Iterator[tuple[str, Candidate]]:
    from parrot.adapters.runs import RunFolder
    from parrot.cli.ending import told_lacking

    for number, run in enumerate(map(RunFolder, runs)):
        told_lacking(run)
        for name, candidate in run.candidates():
            yield f"{number}/{name}", candidate


def _examples(
    held: Iterable[tuple[str, Candidate]], prompt: Prompt, *, bare: bool
) -> list[Example]:
    from parrot.core.pipelines.examples import example_of, scores_only

    return [example_of(scores_only(one) if bare else one, prompt, id=name) for name, one in held]


def _right(candidate: Candidate, text: str, prompt: Prompt) -> bool | None:
    """Whether the mean of the scores is on the label's side; a tied label decides nothing."""
    from parrot.core.formats import Form
    from parrot.core.values import Label

    label = candidate.pair.label
    if label is Label.TIE:
        return None
    value = prompt.format.read(text, candidate.rubric, Form.PAIRWISE).value
    margin = value.margin(candidate.applicable)
    return margin is not None and (margin > 0 if label is Label.A else margin < 0)


def _say(line: Mapping[str, Any]) -> None:
    kept = {k: round(v, 5) if isinstance(v, float) else v for k, v in line.items()}
    print(json.dumps(kept), file=sys.stderr, flush=True)
