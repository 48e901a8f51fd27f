"""`head:DIR`: a scalar head on an image-text-to-text checkpoint, one number an image.

The number is a linear function of the last hidden state behind the ask that shows request and
image; the difference of two is the log-odds of a preference (Bradley and Terry).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from parrot.backends.torch.lessons import Item, collated
from parrot.backends.torch.loading import Loaded, Options, load
from parrot.backends.torch.preparing import Preparer
from parrot.core.asks import Ask, Failed, FailureKind
from parrot.core.errors import ConfigError, ImageError, RejectedError
from parrot.core.pipelines.scoring import scoring_ask, scoring_asks
from parrot.core.prompts.judging import Prompt
from parrot.core.rewards.values import Drawing
from parrot.core.values import PreferencePair

WEIGHTS: Final = "head.safetensors"
ABOUT: Final = "head.json"
SCHEMA: Final = 1


class Scalar(nn.Module):
    """A backbone and a linear head over it, zero at first: no image is liked before training."""

    def __init__(self, model: Any, *, frozen: bool = False) -> None:
        super().__init__()
        # Without the language model's own head, whose weights are often tied to the embedding.
        self.backbone = model.base_model
        self.frozen = frozen
        width = int(model.config.get_text_config().hidden_size)
        self.head = nn.Linear(width, 1).to(model.device)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        if frozen:
            self.backbone.requires_grad_(requires_grad=False)

    def rewards(self, fed: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """One number a row; rows are padded on the right."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            hidden = self.backbone(**fed, use_cache=False).last_hidden_state
        last = fed["attention_mask"].sum(dim=1) - 1
        at_last = hidden[torch.arange(len(last), device=hidden.device), last]
        rewards: torch.Tensor = self.head(at_last.to(self.head.weight.dtype))[:, 0]
        return rewards

    def forward(
        self, fed: dict[str, torch.Tensor], targets: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """The loss over pairs, rows A and B in turn. targets: 1 for A, 0 for B, 0.5 for a tie."""
        rewards = self.rewards(fed).float()
        margins = rewards[0::2] - rewards[1::2]
        loss = nn.functional.binary_cross_entropy_with_logits(margins, targets)
        return {"loss": loss, "margins": margins}

    def gradient_checkpointing_enable(self, **how: Any) -> None:
        """As transformers' own models have it, which Trainer calls."""
        self.backbone.gradient_checkpointing_enable(**how)


def item_of(prepare: Preparer, ask: Ask) -> Item:
    """An ask as `collated` takes it, with no answer. Raises ImageError or RejectedError."""
    prompt = prepare(ask)
    return {
        "ids": prompt.ids,
        "begins": prompt.length,
        "places": prompt.positions,
        "pixels": prompt.pixels,
    }


def fed_of(items: Sequence[Item]) -> dict[str, torch.Tensor]:
    """A batch of asks as the backbone takes it."""
    fed = collated(items)
    fed.pop("labels")
    return fed


class ScalarHead:
    """A trained head as a scorer. For one thread at a time."""

    def __init__(self, loaded: Loaded, scalar: Scalar, prompt: Prompt, *, batch: int = 32) -> None:
        self._loaded, self._scalar, self._prompt = loaded, scalar.eval(), prompt
        self._prepare, self._batch = Preparer(loaded), batch

    @property
    def id(self) -> str:
        """Names backbone and head by what is in their folder."""
        return "head:" + self._loaded.name.partition(":")[2]

    def margins(self, pairs: Sequence[PreferencePair]) -> list[float | Failed]:
        """The log-odds that A is preferred, a pair."""
        scores = self.scores(pairs)
        return [
            a if isinstance(a, Failed) else b if isinstance(b, Failed) else a - b for a, b in scores
        ]

    def scores(
        self, pairs: Sequence[PreferencePair]
    ) -> list[tuple[float | Failed, float | Failed]]:
        """A number for each image of each pair; what cannot be shown fails alone."""
        flat = [ask for pair in pairs for ask in scoring_asks(pair, self._prompt)]
        found = list(self._scored(flat))
        return list(zip(found[0::2], found[1::2], strict=True))

    def numbers(self, drawings: Sequence[Drawing]) -> list[float | Failed]:
        """A number a drawing, without bounds; what cannot be shown fails alone."""
        asks = [scoring_ask(one.request, one.image, self._prompt) for one in drawings]
        return list(self._scored(asks))

    def _scored(self, asks: Sequence[Ask]) -> Iterator[float | Failed]:
        for start in range(0, len(asks), self._batch):
            ready = [self._ready(ask) for ask in asks[start : start + self._batch]]
            items = [one for one in ready if not isinstance(one, Failed)]
            numbers = iter(self._numbers(items))
            yield from (one if isinstance(one, Failed) else next(numbers) for one in ready)

    def _ready(self, ask: Ask) -> Item | Failed:
        try:
            return item_of(self._prepare, ask)
        except ImageError as error:
            return Failed(FailureKind.IMAGE, str(error))
        except RejectedError as error:
            return Failed(FailureKind.REJECTED, str(error))

    def _numbers(self, items: Sequence[Item]) -> list[float]:
        if not items:
            return []
        fed = {k: v.to(self._loaded.device) for k, v in fed_of(items).items()}
        with torch.inference_mode():
            numbers: list[float] = self._scalar.rewards(fed).float().tolist()
        return numbers


def write_head(scalar: Scalar, folder: Path, prompt: Prompt) -> None:
    """The head beside its backbone's checkpoint, and what it is to be asked with."""
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in scalar.head.state_dict().items()}, folder / WEIGHTS)
    about = {"schema": SCHEMA, "prompt": prompt.id, "loss": "bradley-terry, a tie is half"}
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def open_head(
    target: str | Path, *, prompt: Prompt | None = None, batch: int = 32, device: str = "auto"
) -> ScalarHead:
    """The scorer in a folder. prompt: the one it was trained with; the default unless given.

    Raises ConfigError where the folder is broken, holds no head, or a head of another prompt.
    """
    folder, prompt = Path(target).expanduser(), prompt or Prompt()
    _check_about(folder, prompt)
    loaded = load(folder, Options(dtype="float32", device=device))
    scalar = Scalar(loaded.model)
    scalar.head.load_state_dict(_weights(folder, scalar))
    return ScalarHead(loaded, scalar, prompt, batch=batch)


def _check_about(folder: Path, prompt: Prompt) -> None:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        asked = about["prompt"]
    except FileNotFoundError:
        raise ConfigError(f"{str(folder)!r} holds no scalar head ({ABOUT})") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder / ABOUT} cannot be used: {error!r}") from None
    if asked != prompt.id:
        raise ConfigError(f"the head in {str(folder)!r} was trained with the prompt {asked!r}")


def _weights(folder: Path, scalar: Scalar) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        held: dict[str, torch.Tensor] = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{folder / WEIGHTS} cannot be read: {error}") from None
    wanted = {name: value.shape for name, value in scalar.head.state_dict().items()}
    if {name: value.shape for name, value in held.items()} != wanted:
        raise ConfigError(f"{folder / WEIGHTS} is the head of another backbone")
    return held
