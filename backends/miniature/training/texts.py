"""First training of the generator's text encoders: which words belong together.

Flux gives its words no order of their own, so that "red" must carry what is red when it comes from
the T5 encoder. Told only by the loss of images, an encoder takes very long to find that out; with
throwaway heads that name what each word belongs to, it takes minutes. The CLIP encoder learns what
the request as a whole asks for. The heads are not kept in the generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from attrs import frozen
from torch.nn.functional import cross_entropy

from parrot.backends.miniature.briefs import Style
from parrot.backends.miniature.chance import digest_of
from parrot.backends.miniature.training.captions import (
    Shown,
    changed_batch,
    drawn_batch,
    fresh_changed,
    fresh_drawn,
)
from parrot.backends.miniature.training.labels import TOKEN_CLASSES, WHOLE_CLASSES, labels_of
from parrot.backends.miniature.training.loop import Line, Schedule
from parrot.backends.miniature.training.optimizers import take_step
from parrot.backends.miniature.training.parts import Sizes, build_clip, build_t5
from parrot.backends.miniature.training.prompt_tokens import (
    LENGTH,
    POOLED_LENGTH,
    clip_tokenizer,
    t5_tokenizer,
)
from parrot.backends.miniature.training.state import State

_OUTSIDE: Final = -100
"""The class of padding, which counts for nothing."""


@frozen(slots=True)
class TextSettings:
    """What decides the run. total: samples the schedule spans. padded: share of steps padded."""

    sizes: Sizes = Sizes()  # noqa: RUF009 - frozen
    batch: int = 64
    peak: float = 2e-3
    total: int = 64_000
    warm: int = 3_200
    padded: float = 0.25
    seed: int = 0


class Heads(torch.nn.Module):
    """A linear classifier a field."""

    def __init__(self, wide: int, classes: dict[str, int], *, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.all = torch.nn.Linear(wide, sum(classes.values()))
        self._split = list(classes.values())

    def forward(self, states: torch.Tensor) -> Any:
        """Logits of each field in turn."""
        return self.all(states).split(self._split, dim=-1)


class TextRun:
    """The two text encoders in their first training, for `loop.train`."""

    def __init__(self, settings: TextSettings, device: torch.device) -> None:
        self.settings, self._device = settings, device
        sizes, seed = settings.sizes, settings.seed
        self.t5 = build_t5(sizes, seed=seed).to(device)
        self.clip = build_clip(sizes, seed=seed).to(device)
        self._tokens = Heads(sizes.text, TOKEN_CLASSES, seed=digest_of("heads", seed) % 2**63)
        self._whole = Heads(sizes.pooled, WHOLE_CLASSES, seed=digest_of("whole", seed) % 2**63)
        self._read_t5, self._read_clip = t5_tokenizer(), clip_tokenizer()
        models = {"t5": self.t5, "clip": self.clip, "tokens": self._tokens, "whole": self._whole}
        for model in models.values():
            model.to(device)
        parameters = [p for model in models.values() for p in model.parameters()]
        self._adam = torch.optim.AdamW(
            parameters, lr=settings.peak, betas=(0.9, 0.98), weight_decay=0.01
        )
        self._schedule = Schedule(settings.peak, settings.total, settings.warm)
        self.state = State(models=models, optimizers={"adamw": self._adam})

    @property
    def goal(self) -> int:
        return self.settings.total

    def advance(self) -> float:
        """One step on half drawings, half edits; returns the loss."""
        settings, step = self.settings, self.state.step
        half = settings.batch // 2
        shown = drawn_batch(half, seed=settings.seed, step=-1 - step)
        shown += changed_batch(half, seed=settings.seed, step=-1 - step)
        full = step % max(1, round(1 / settings.padded)) == 0
        loss = torch.stack([cross for cross, _ in self._judged(shown, full=full)]).sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(
            [p for group in self._adam.param_groups for p in group["params"]], 1.0
        )
        take_step(self.state.optimizers, self._schedule.rate(self.state.samples))
        self.state.step, self.state.samples = step + 1, self.state.samples + 2 * half
        return float(loss.detach())

    def _judged(
        self, shown: Sequence[Shown], *, full: bool
    ) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
        """For tokens and for whole requests: the loss, and which fields are told right."""
        prompts = [one.prompt for one in shown]
        read = self._read_t5(
            prompts,
            padding="max_length" if full else "longest",
            max_length=LENGTH,
            truncation=True,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        labels = [
            labels_of(one.prompt, one.brief, [(int(a), int(b)) for a, b in spans])
            for one, spans in zip(shown, read["offset_mapping"], strict=True)
        ]
        tokens = torch.from_numpy(np.stack([one.tokens for one in labels])).to(self._device)
        ids = read["input_ids"].to(self._device)
        tokens[ids == 0] = _OUTSIDE
        whole = torch.from_numpy(np.stack([one.whole for one in labels])).to(self._device)
        pooled = self.clip(pooled_ids(self._read_clip, prompts).to(self._device)).pooler_output
        return (
            _judge(self._tokens(self.t5(ids)[0]), tokens),
            _judge(self._whole(pooled), whole),
        )

    def measure(self) -> Line:
        """Shares of fields told right on requests of the test split, none said counting too."""
        shown = (
            fresh_changed(200) + fresh_drawn(100, Style.DETAILED) + fresh_drawn(100, Style.TERSE)
        )
        with torch.no_grad():
            told = [right for _, right in self._judged(shown, full=True)]
        names = ("tokens", "whole")
        return {n: round(float(r.float().mean()), 4) for n, r in zip(names, told, strict=True)}


def _judge(logits: Sequence[torch.Tensor], classes: torch.Tensor) -> tuple[Any, torch.Tensor]:
    fields = classes.reshape(-1, classes.shape[-1]).T
    pairs = [
        (one.reshape(-1, one.shape[-1]), field) for one, field in zip(logits, fields, strict=True)
    ]
    loss = sum(cross_entropy(one, field, ignore_index=_OUTSIDE) for one, field in pairs)
    right = torch.cat([(one.argmax(-1) == field)[field != _OUTSIDE] for one, field in pairs])
    return loss, right


def pooled_ids(tokenizer: Any, prompts: Sequence[str]) -> torch.Tensor:
    """Ids for the CLIP encoder. It reads up to the end's token: more padding changes nothing."""
    ids: torch.Tensor = tokenizer(
        list(prompts),
        padding="longest",
        max_length=POOLED_LENGTH,
        truncation=True,
        return_tensors="pt",
    )["input_ids"]
    return ids
