"""What every training here shares: its recipe, transformers' Trainer, checkpoints, the folder's files."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from parrot.backends.torch.loading import device_of
from parrot.backends.torch.ordering import Order
from parrot.core.begun import refuse_another
from parrot.core.errors import ConfigError

CHECKPOINTS: Final = "checkpoints"
STATE: Final = "trainer_state.json"
FACTS: Final = "begun.json"
_SAME: Final = ("epochs", "steps", "rate", "warm", "decay", "lora", "tower", "seed")
TOWERS: Final = ("visual.", "vision_tower.", "vision_model.")
_READERS: Final = ("*.json", "*.jinja", "*.txt", "*.model")
_WEIGHTS: Final = ("model.safetensors.index.json", "adapter_config.json", "config.json")
Say = Callable[[Mapping[str, Any]], None]


@frozen(slots=True)
class Recipe:
    """How to train. The defaults are the paper's where it states them.

    steps: in all, instead of epochs. lora: rank of adapters, merged in the end; None trains all
    weights. tower: train the vision tower too. checkpointing: less memory for more time. every:
    steps between two checkpoints, and between two looks at the held-out examples. batch times
    accumulate is what a step learns from, on however many devices.
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

    def on(self, ranks: int) -> Recipe:
        """What one of so many processes does, so that together they learn as one would.

        Raises ConfigError where neither accumulate nor batch can be parted.
        """
        if self.accumulate % ranks == 0:
            return evolve(self, accumulate=self.accumulate // ranks)
        if self.batch % ranks == 0:
            return evolve(self, batch=self.batch // ranks)
        raise ConfigError(
            f"{ranks} processes cannot part batches of {self.batch} examples, {self.accumulate} a"
            " step: make --batch or --accumulate a multiple of their number"
        )


def ranks() -> int:
    """How many processes train together, as torchrun and `accelerate launch` say it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process is the one that writes and tells."""
    return int(os.environ.get("RANK", "0")) == 0


def freeze_towers(model: Any) -> None:
    """Leaves the vision tower as it is, as the paper does."""
    for name, weight in model.named_parameters():
        if any(tower in name for tower in TOWERS):
            weight.requires_grad_(requires_grad=False)


def trainer_of(
    model: Any,
    learned: Any,
    held: Any | None,
    collate: Callable[..., Any],
    folder: Path,
    recipe: Recipe,
    *,
    labels: str,
    say: Say,
) -> Any:
    """A Trainer over a dataset, and a held-out one or None. labels: what the collated labels go by.

    learned: a dataset whose `lengths` tell which examples are about as long as others.
    """
    from transformers import Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_callback import PrinterCallback

    class Saying(TrainerCallback):  # type: ignore[misc, unused-ignore]
        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, control
            if is_first():
                say({"step": state.global_step, **(kwargs.get("logs") or {})})

    class Ordered(Trainer):  # type: ignore[misc, unused-ignore]
        # The Trainer's own order depends on the number of processes.
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            del train_dataset
            return Order(learned.lengths, step=step, seed=recipe.seed)

    device = device_of(recipe.device)
    bf16 = device.type == "cuda" if recipe.bf16 is None else recipe.bf16
    # The effective batch is counted before it is parted, so that warming up and logging do not
    # depend on the number of processes.
    step = recipe.batch * recipe.accumulate
    total = recipe.steps or -(-len(learned) // step) * recipe.epochs
    recipe = recipe.on(ranks())
    # transformers warns of the name, which newer versions change, whenever it is given.
    less_memory = {"gradient_checkpointing": True} if recipe.checkpointing else {}
    arguments = TrainingArguments(
        output_dir=str(folder / CHECKPOINTS),
        num_train_epochs=recipe.epochs,
        max_steps=recipe.steps or -1,
        per_device_train_batch_size=recipe.batch,
        per_device_eval_batch_size=recipe.batch,
        gradient_accumulation_steps=recipe.accumulate,
        learning_rate=recipe.rate,
        weight_decay=recipe.decay,
        lr_scheduler_type="cosine",
        warmup_steps=int(recipe.warm * total),
        **less_memory,
        bf16=bf16,
        use_cpu=device.type == "cpu",
        seed=recipe.seed,
        data_seed=recipe.seed,
        logging_steps=max(1, min(20, int(total) // 10)),
        save_strategy="steps",
        save_steps=recipe.every,
        save_total_limit=2,
        eval_strategy="no" if held is None else "steps",
        eval_steps=recipe.every,
        prediction_loss_only=True,
        remove_unused_columns=False,
        label_names=[labels],
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=device.type == "cuda",
    )
    trainer = Ordered(
        model=model,
        args=arguments,
        data_collator=collate,
        train_dataset=learned,
        eval_dataset=held,
        callbacks=[Saying()],
    )
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


def begin(folder: Path, facts: Mapping[str, Any]) -> str | None:
    """Where a training goes on from, or None; notes the facts that it must agree with.

    Raises ConfigError where the one that was begun in the folder differs.
    """
    checkpoints = folder / CHECKPOINTS
    last, noted = last_checkpoint(checkpoints), checkpoints / FACTS
    if last is None:
        if is_first():
            checkpoints.mkdir(parents=True, exist_ok=True)
            noted.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        return None
    if noted.exists():
        refuse_another(
            folder, json.loads(noted.read_text(encoding="utf-8")), facts, what="training"
        )
    return last


def facts_of(recipe: Recipe, base: str, learned: Iterable[str]) -> dict[str, Any]:
    """What makes two trainings the same one. base: the model's id. learned: a text a thing learned.

    How the work is shared out and on what device is left out: it may change on the way.
    """
    told = {name: getattr(recipe, name) for name in _SAME} | {
        "batch": recipe.batch * recipe.accumulate
    }
    whole = sha256()
    for one in learned:
        whole.update(f"{len(one)}:".encode() + one.encode("utf-8", "surrogatepass"))
    return {"base": base, "learned": whole.hexdigest()[:16], **told}


def loss_of(result: Any) -> float:
    """The mean loss over all steps, the same in every process."""
    import torch

    loss = torch.tensor(float(result.training_loss), dtype=torch.float64)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        # What was logged is that of all; what came after the last log is each process's own.
        if torch.distributed.get_backend() != "gloo":
            loss = loss.cuda()
        torch.distributed.all_reduce(loss)
        loss /= torch.distributed.get_world_size()
    return float(loss)


def all_here() -> None:
    """Waits until every process has come to this point."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


def write_checkpoint(
    model: Any, base: Path, folder: Path, *, weights: Mapping[str, Any] | None = None
) -> None:
    """Weights and configuration, and the base's tokenizer, processor and chat template.

    weights: all of them, where the model holds but a part (FSDP).
    """
    model.save_pretrained(folder, **({"state_dict": weights} if weights is not None else {}))
    for pattern in _READERS:
        for path in base.glob(pattern):
            if path.name not in _WEIGHTS:
                shutil.copyfile(path, folder / path.name)


def refuse_finished(folder: Path) -> None:
    """Raises ConfigError where a folder has a finished checkpoint or a run that would be lost."""
    if (folder / "run.json").exists():
        raise ConfigError(f"{folder} holds a run, which would be lost; choose another --out")
    if (folder / "config.json").exists() and not (folder / CHECKPOINTS).exists():
        raise ConfigError(
            f"{folder} holds a finished checkpoint; choose another --out to train one"
        )
