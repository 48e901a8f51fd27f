"""From kept rationales to a student: supervised training on transformers' Trainer, resumable.

Comparisons and critiques are learned together, with the loss on the answer alone. What comes out
loads in transformers without this library.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from attrs import asdict, evolve, frozen

from parrot.backends.torch.lessons import Item, Lessons, Sound, collated
from parrot.backends.torch.loading import Loaded, Options, load
from parrot.backends.torch.model import TorchModel
from parrot.backends.torch.training import (
    CHECKPOINTS,
    TOWERS,
    Recipe,
    Say,
    all_here,
    begin,
    facts_of,
    freeze_towers,
    is_first,
    loss_of,
    trainer_of,
    write_checkpoint,
)
from parrot.core.asks import Ask, Reply, Sampling
from parrot.core.errors import ConfigError
from parrot.core.examples import Example

_AT_ONCE: Final = 64
Right = Callable[[Example, str], bool | None]
"""Whether an answer to an example agrees with its label; None where it says nothing of it."""


@frozen(slots=True)
class Distilled:
    """What came of it. agreement: share of held-out comparisons on the label's side, where asked.

    unanswered: held-out comparisons that brought no answer, no part of the share. undecodable:
    examples that were left out for an image, since the training was last taken up.
    """

    folder: Path
    examples: int
    steps: int
    loss: float
    agreement: float | None = None
    unanswered: int = 0
    undecodable: int = 0


def distil(
    base: str | Path,
    examples: Sequence[Example],
    out: str | Path,
    *,
    recipe: Recipe | None = None,
    held: Sequence[Example] = (),
    right: Right | None = None,
    force: bool = False,
    say: Say = lambda _: None,
) -> Distilled:
    """Trains the base on the examples and writes the student; taken up again after any end.

    Under torchrun or `accelerate launch` all processes train one student, and the first one writes
    it; the effective batch stays. Under FSDP agreement is not measured. held: looked at on the way;
    no pair of it may be among the examples. Raises ConfigError for a broken base, no examples, pairs
    on both sides, or pairs that may not be trained on, unless forced.
    """
    recipe, folder = recipe or Recipe(), Path(out)
    _check(examples, held, force=force)
    loaded = load(base, Options(dtype="float32", device=recipe.device))
    goes_on = begin(folder, facts_of(recipe, loaded.name, map(_told, examples)))
    model = _trained_parts(loaded.model, recipe)
    lessons: Sound[Item] = Sound(Lessons(loaded, examples), [one.id for one in examples])
    trainer = trainer_of(
        model,
        lessons,
        Sound(Lessons(loaded, held), [one.id for one in held]) if held else None,
        collated,
        folder,
        recipe,
        labels="labels",
        say=say,
    )
    result = trainer.train(resume_from_checkpoint=goes_on)
    loss, steps = loss_of(result), int(trainer.state.global_step)
    student, weights = _student(trainer, model, recipe)
    done = Distilled(folder, len(examples), steps, loss, undecodable=len(lessons.lost))
    if lessons.lost:
        say({"undecodable": done.undecodable, "first": next(iter(lessons.lost.items()))})
    if is_first():
        write_checkpoint(student, Path(base), folder, weights=weights)
        if right and held and weights is None:
            said, unanswered = agreement(evolve(loaded, model=student), held, right)
            done = evolve(done, agreement=said, unanswered=unanswered)
        _card(done, base, recipe, examples)
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    all_here()
    return done


def _student(trainer: Any, model: Any, recipe: Recipe) -> tuple[Any, Any]:
    """The model whole, and its weights where each process holds but a part of them."""
    if getattr(trainer, "is_fsdp_enabled", False):
        if recipe.lora is not None:
            raise ConfigError("adapters cannot be merged under FSDP: train all weights, or use DDP")
        return model, trainer.accelerator.get_state_dict(trainer.model_wrapped)
    return (model.merge_and_unload() if recipe.lora is not None else model).eval(), None


def _check(examples: Sequence[Example], held: Sequence[Example], *, force: bool) -> None:
    if not examples:
        raise ConfigError("there is nothing to learn from: no example was kept")
    both = {one.pair_id for one in examples} & {one.pair_id for one in held}
    if both and not force:
        raise ConfigError(f"{len(both)} pairs are learned from and held out, first {min(both)!r}")
    barred = sum(not one.may_train for one in examples)
    if barred and not force:
        raise ConfigError(f"{barred} examples are of pairs that may not be trained on")


def _trained_parts(model: Any, recipe: Recipe) -> Any:
    if not recipe.tower:
        freeze_towers(model)
    if recipe.lora is None:
        return model
    from peft import LoraConfig, get_peft_model

    towers = "|".join(tower.rstrip(".") for tower in TOWERS)
    layers = rf"^(?!.*(?:{towers})\.).*\.(?:[qkvo]_proj|gate_proj|up_proj|down_proj)$"
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        return get_peft_model(
            model, LoraConfig(r=recipe.lora, lora_alpha=2 * recipe.lora, target_modules=layers)
        )


def agreement(loaded: Loaded, held: Sequence[Example], right: Right) -> tuple[float | None, int]:
    """The share of held-out comparisons that the student decides as their labels say.

    Of those that it answered; how many it did not (an image, a prompt too long) comes second.
    """
    model = TorchModel(loaded)
    pairs = [one for one in held if one.form == "pairwise"]
    said: list[bool] = []
    unanswered = 0
    for start in range(0, len(pairs), _AT_ONCE):  # a prepared ask holds its pixels
        some = pairs[start : start + _AT_ONCE]
        replies = model.reply_batch([Ask(one.turns, Sampling(temperature=0.0)) for one in some])
        for one, reply in zip(some, replies, strict=True):
            found = right(one, reply.text) if isinstance(reply, Reply) else None
            unanswered += not isinstance(reply, Reply)
            said += [found] if found is not None else []
    return (sum(said) / len(said) if said else None), unanswered


def _told(one: Example) -> str:
    parts = (part for turn in one.turns for part in turn.parts)
    seen = [part if isinstance(part, str) else part.sha256 for part in parts]
    return json.dumps([one.id, *seen, one.answer])


def _card(done: Distilled, base: str | Path, recipe: Recipe, examples: Sequence[Example]) -> None:
    forms = {form: sum(e.form == form for e in examples) for form in ("pairwise", "pointwise")}
    teachers = sorted({e.teacher for e in examples if e.teacher})
    sources = sorted({e.source for e in examples if e.source})
    agreed = "not measured" if done.agreement is None else f"{done.agreement:.3f}"
    agreed += f" ({done.unanswered} not answered, left out)" if done.unanswered else ""
    undecodable = [
        f"- Left out for an image that cannot be decoded: {done.undecodable} examples, of those"
        " looked at since the training was last taken up"
    ]
    lines = [
        "---",
        f"base_model: {Path(base).name}",
        "pipeline_tag: image-text-to-text",
        "---",
        "",
        "# A student distilled with PARROT",
        "",
        f"- Base: {Path(base).name}",
        f"- Examples: {forms['pairwise']} comparisons, {forms['pointwise']} critiques",
        *(undecodable if done.undecodable else []),
        f"- Teachers: {', '.join(teachers) or 'not said'}",
        f"- Data: {', '.join(sources) or 'not said'}",
        f"- Steps: {done.steps}; mean loss {done.loss:.4f}",
        f"- Agreement with labels on held-out comparisons: {agreed}",
        f"- Recipe: `{json.dumps(asdict(recipe))}`",
        "",
    ]
    (done.folder / "README.md").write_text("\n".join(lines), encoding="utf-8")
