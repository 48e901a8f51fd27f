"""From kept rationales to a student: supervised training on transformers' Trainer, resumable.

Comparisons and critiques are learned together, with the loss on the answer alone. What comes out
loads in transformers without this library.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from attrs import asdict, evolve, frozen

from parrot.backends.torch.lessons import Lessons, collated
from parrot.backends.torch.loading import Loaded, Options, device_of, load
from parrot.backends.torch.model import TorchModel
from parrot.core.asks import Ask, Reply, Sampling
from parrot.core.errors import ConfigError
from parrot.core.examples import Example

CHECKPOINTS: Final = "checkpoints"
STATE: Final = "trainer_state.json"
_TOWERS: Final = ("visual.", "vision_tower.", "vision_model.")
_READERS: Final = ("*.json", "*.jinja", "*.txt", "*.model")
_WEIGHTS: Final = ("model.safetensors.index.json", "adapter_config.json", "config.json")
Say = Callable[[Mapping[str, Any]], None]
Right = Callable[[Example, str], bool | None]
"""Whether an answer to an example agrees with its label; None where it says nothing of it."""


@frozen(slots=True)
class Recipe:
    """How to train. The defaults are the paper's where it states them.

    steps: in all, instead of epochs. lora: rank of adapters, merged in the end; None trains all
    weights. tower: train the vision tower too. checkpointing: less memory for more time. every:
    steps between two checkpoints, and between two looks at the held-out examples.
    """

    epochs: float = 3.0
    steps: int | None = None
    batch: int = 16
    accumulate: int = 1
    rate: float = 1e-5
    warm: float = 0.05
    decay: float = 1e-6
    lora: int | None = None
    tower: bool = False
    checkpointing: bool = False
    bf16: bool | None = None
    every: int = 200
    seed: int = 0
    device: str = "auto"


@frozen(slots=True)
class Distilled:
    """What came of it. agreement: share of held-out comparisons on the label's side, where asked."""

    folder: Path
    examples: int
    steps: int
    loss: float
    agreement: float | None = None


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

    held: looked at on the way; no pair of it may be among the examples. Raises ConfigError for a
    broken base, no examples, pairs on both sides, or pairs that may not be trained on, unless forced.
    """
    recipe, folder = recipe or Recipe(), Path(out)
    _check(examples, held, force=force)
    loaded = load(base, Options(dtype="float32", device=recipe.device))
    model = _trained_parts(loaded.model, recipe)
    trainer = _trainer(loaded, model, examples, held, folder, recipe, say)
    result = trainer.train(resume_from_checkpoint=last_checkpoint(folder / CHECKPOINTS))
    student = (model.merge_and_unload() if recipe.lora else model).eval()
    _write(student, Path(base), folder)
    agreed = agreement(evolve(loaded, model=student), held, right) if right and held else None
    loss = float(result.training_loss)
    done = Distilled(folder, len(examples), int(trainer.state.global_step), loss, agreed)
    _card(done, base, recipe, examples)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return done


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
        for name, weight in model.named_parameters():
            if any(tower in name for tower in _TOWERS):
                weight.requires_grad_(requires_grad=False)
    if recipe.lora is None:
        return model
    from peft import LoraConfig, get_peft_model

    towers = "|".join(tower.rstrip(".") for tower in _TOWERS)
    layers = rf"^(?!.*(?:{towers})\.).*\.(?:[qkvo]_proj|gate_proj|up_proj|down_proj)$"
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        return get_peft_model(
            model, LoraConfig(r=recipe.lora, lora_alpha=2 * recipe.lora, target_modules=layers)
        )


def _trainer(
    loaded: Loaded,
    model: Any,
    examples: Sequence[Example],
    held: Sequence[Example],
    folder: Path,
    recipe: Recipe,
    say: Say,
) -> Any:
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Saying(TrainerCallback):  # type: ignore[misc, unused-ignore]
        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, control
            say({"step": state.global_step, **(kwargs.get("logs") or {})})

    device = device_of(recipe.device)
    bf16 = device.type == "cuda" if recipe.bf16 is None else recipe.bf16
    total = recipe.steps or -(-len(examples) // (recipe.batch * recipe.accumulate)) * recipe.epochs
    arguments = TrainingArguments(
        output_dir=str(folder / CHECKPOINTS),
        num_train_epochs=recipe.epochs,
        max_steps=recipe.steps or -1,
        per_device_train_batch_size=recipe.batch,
        per_device_eval_batch_size=recipe.batch,
        gradient_accumulation_steps=recipe.accumulate,
        gradient_checkpointing=recipe.checkpointing,
        learning_rate=recipe.rate,
        weight_decay=recipe.decay,
        lr_scheduler_type="cosine",
        warmup_steps=int(recipe.warm * total),
        bf16=bf16,
        use_cpu=device.type == "cpu",
        seed=recipe.seed,
        data_seed=recipe.seed,
        logging_steps=max(1, min(20, int(total) // 10)),
        save_strategy="steps",
        save_steps=recipe.every,
        save_total_limit=2,
        eval_strategy="steps" if held else "no",
        eval_steps=recipe.every,
        prediction_loss_only=True,
        remove_unused_columns=False,
        label_names=["labels"],
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=device.type == "cuda",
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        data_collator=collated,
        train_dataset=Lessons(loaded, examples),
        eval_dataset=Lessons(loaded, held) if held else None,
        callbacks=[Saying()],
    )
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer


def last_checkpoint(folder: Path) -> str | None:
    """The latest checkpoint that was written whole: its trainer state is written last."""
    whole = [p.parent for p in folder.glob(f"checkpoint-*/{STATE}") if _is_json(p)]
    numbered = sorted((int(p.name.rpartition("-")[2]), p) for p in whole)
    return str(numbered[-1][1]) if numbered else None


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def agreement(loaded: Loaded, held: Sequence[Example], right: Right) -> float | None:
    """The share of held-out comparisons that the student decides as their labels say."""
    model = TorchModel(loaded)
    pairs = [one for one in held if one.form == "pairwise"]
    asks = [Ask(one.turns, Sampling(temperature=0.0)) for one in pairs]
    replies = model.reply_batch(asks)
    texts = [reply.text if isinstance(reply, Reply) else "" for reply in replies]
    said = [right(one, text) for one, text in zip(pairs, texts, strict=True)]
    decided = [bool(one) for one in said if one is not None]
    return sum(decided) / len(decided) if decided else None


def _write(student: Any, base: Path, folder: Path) -> None:
    student.save_pretrained(folder)
    for pattern in _READERS:
        for path in base.glob(pattern):
            if path.name not in _WEIGHTS:
                shutil.copyfile(path, folder / path.name)


def _card(done: Distilled, base: str | Path, recipe: Recipe, examples: Sequence[Example]) -> None:
    forms = {form: sum(e.form == form for e in examples) for form in ("pairwise", "pointwise")}
    teachers = sorted({e.teacher for e in examples if e.teacher})
    sources = sorted({e.source for e in examples if e.source})
    agreed = "not measured" if done.agreement is None else f"{done.agreement:.3f}"
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
        f"- Teachers: {', '.join(teachers) or 'not said'}",
        f"- Data: {', '.join(sources) or 'not said'}",
        f"- Steps: {done.steps}; mean loss {done.loss:.4f}",
        f"- Agreement with labels on held-out comparisons: {agreed}",
        f"- Recipe: `{json.dumps(asdict(recipe))}`",
        "",
    ]
    (done.folder / "README.md").write_text("\n".join(lines), encoding="utf-8")
