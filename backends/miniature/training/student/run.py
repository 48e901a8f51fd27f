"""The student's base training: stages, state, a log of JSON lines, and the folder that comes out.

Goes on from its state after any end, a kill included, with the same lessons in the same order.
Loops of our own and not a trainer's: lessons are drawn, never stored, and each stage trains other
weights.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from attrs import define, field, frozen
from tokenizers import Tokenizer
from torch import nn
from transformers import Qwen3VLForConditionalGeneration

from parrot.backends.miniature.training.loop import device_of
from parrot.backends.miniature.training.optimizers import optimizers_of, take_step
from parrot.backends.miniature.training.state import Average, Saver, State
from parrot.backends.miniature.training.student.batches import (
    MASKED,
    Encoded,
    collated,
    pool,
)
from parrot.backends.miniature.training.student.faster import compile_layers, look_together
from parrot.backends.miniature.training.student.lens import Lens
from parrot.backends.miniature.training.student.measure import Greedy, measured
from parrot.backends.miniature.training.student.net import student_of
from parrot.backends.miniature.training.student.tokens import (
    tokenizer_of,
    vocabulary,
    write_files,
)
from parrot.backends.miniature.training.student.tower import examples, reader_of, tower_loss
from parrot.backends.miniature.training.student.vocabulary import Vocabulary
from parrot.core.errors import ConfigError

TOWER_STEPS: Final = 700
SEE_STEPS: Final = 2500
WARM_STEPS: Final = 200
RATE: Final = 1.5e-3
_LOGGED: Final = 20.0  # seconds between two lines of the log
_MEASURED: Final = 900.0
_PER_KIND: Final = 64  # lessons of each kind in a measurement
_BLIND: Final = 0.1
Log = Callable[[Mapping[str, Any]], None]


@frozen(slots=True)
class Setup:
    """What a run is told. vae: a diffusers folder, taken up as soon as it is there.

    seconds: how long to train now, None without end; stop: asked after each step, True ends the run
    as the end of the time does; rate: the learning rate after warming up; compile: layers compiled,
    a third faster after two minutes; begin: a folder that was shipped, whose weights a run without
    a state goes on from, with all kinds of lessons at once.
    """

    state: Path
    out: Path | None = None
    seconds: float | None = None
    seed: int = 0
    threads: int = 1
    device: str = "auto"
    vae: Path | None = None
    rate: float = RATE
    compile: bool = False
    begin: Path | None = None
    stop: Callable[[], bool] = lambda: False


@define(slots=True)
class Lessons:
    """Where in the stream of lessons a run is. Numbers and places are saved with the state."""

    seed: int
    tokenizer: Tokenizer
    lens: Lens
    stage: int = 0
    number: int = 0
    place: int = 0
    _batches: list[list[Encoded]] = field(factory=list, init=False)

    def take(self) -> list[Encoded]:
        """The next batch."""
        if not self._batches:
            self._batches = self._pool()
        if self.place >= len(self._batches):
            self.number, self.place = self.number + 1, 0
            self._batches = self._pool()
        batch = self._batches[self.place]
        self.place += 1
        return batch

    def go(self, stage: int) -> None:
        """On to a stage, from its first lesson; nothing where it is that stage already."""
        if stage != self.stage:
            self.stage, self.number, self.place, self._batches = stage, 0, 0, []

    def _pool(self) -> list[list[Encoded]]:
        return pool(
            self.number,
            stage=self.stage,
            seed=self.seed,
            tokenizer=self.tokenizer,
            lens=self.lens,
        )


class Training:
    """One run: network, stream and state, put together and taken up from where they were."""

    def __init__(self, setup: Setup, now: Callable[[], float] = time.monotonic) -> None:
        torch.set_num_threads(setup.threads)
        self.setup, self._now = setup, now
        self.device = device_of(setup.device)
        self.words = _words(setup.state)
        self.tokenizer = tokenizer_of(self.words)
        self.model = student_of(len(self.words), seed=setup.seed).to(self.device)
        self.model.set_attn_implementation("eager" if self.device.type == "cpu" else "sdpa")
        look_together(self.model)
        if setup.compile:
            compile_layers(self.model)
        self.reader = reader_of(setup.seed).to(self.device)
        self.average = Average(self.model, decay=0.998)
        self._weights = score_weights(self.tokenizer).to(self.device)
        self.optimizers = optimizers_of(((self.model, 1.0), (self.reader, 1.0)))
        self.state = State(
            models={"student": self.model, "reader": self.reader},
            averages={"student": self.average},
            optimizers=self.optimizers,
        )
        self.saver = Saver(setup.state, self.state, now=now)
        if not self.saver.resume() and setup.begin:
            self._begin(setup.begin)
        self.lessons = self._stream()

    def _begin(self, folder: Path) -> None:
        shipped = weights_of(folder)
        try:
            self.model.load_state_dict(shipped)
        except RuntimeError as error:
            raise ConfigError(f"{folder} is another student: {error}") from error
        self.average.load_state_dict(self.model.state_dict())
        self.state.step = self.state.notes["begun"] = TOWER_STEPS + SEE_STEPS

    def _stream(self) -> Lessons:
        notes = self.state.notes
        if notes.setdefault("seed", self.setup.seed) != self.setup.seed:
            raise ConfigError(f"the state was begun with seed {notes['seed']}")
        vae = _vae(self.setup.vae)
        if vae and "vae_from" not in notes:
            notes["vae_from"] = self.state.step
        lens = Lens(vae, str(self.device))
        place = notes.setdefault("lessons", {"stage": 0, "number": 0, "place": 0})
        return Lessons(self.setup.seed, self.tokenizer, lens, **place)

    @property
    def step(self) -> int:
        return self.state.step

    def learn(self) -> dict[str, float]:
        """One step of whichever stage it is; its figures."""
        rate = self.setup.rate * min(1.0, (1 + self._since_stage()) / WARM_STEPS)
        figures = self._see() if self.step < TOWER_STEPS else self._read()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        take_step(self.optimizers, rate)
        self.average.update(self.model, self.step)
        self.state.step += 1
        self.state.notes["lessons"] = {
            "stage": self.lessons.stage,
            "number": self.lessons.number,
            "place": self.lessons.place,
        }
        return figures

    def _since_stage(self) -> int:
        begun = self.state.notes.get("begun", 0)
        return self.step - max(begun, TOWER_STEPS if self.step >= TOWER_STEPS else 0)

    def _see(self) -> dict[str, float]:
        shown = examples(self.lessons.lens, self.setup.seed, self.step)
        on_device = (shown[0].to(self.device), shown[1].to(self.device), shown[2].to(self.device))
        with torch.autocast(self.device.type, torch.bfloat16):
            loss, shares = tower_loss(self.model, self.reader, on_device)
        loss.backward()
        self.state.samples += len(shown[2])
        return {"loss": float(loss.detach()), "tokens": float(len(shown[1])), **shares}

    def _read(self) -> dict[str, float]:
        self.lessons.go(0 if self.step < TOWER_STEPS + SEE_STEPS else 1)
        batch = self.lessons.take()
        fed = {k: v.to(self.device) for k, v in collated(batch).items()}
        with torch.autocast(self.device.type, torch.bfloat16):
            loss = answer_loss(self.model, fed, self._weights)
        loss.backward()
        self.state.samples += len(batch)
        return {"loss": float(loss.detach()), "tokens": float(fed["input_ids"].numel())}

    def until(self, end: float, log: Log) -> None:
        """Learns until the time comes, saving, measuring and logging on the way."""
        last = measured_at = self._now()
        tokens, losses, steps, begun = 0.0, 0.0, 0, self.step
        while self._now() < end and not self.setup.stop():
            figures = self.learn()
            tokens, losses, steps = tokens + figures["tokens"], losses + figures["loss"], steps + 1
            passed = self._now() - last
            if passed >= _LOGGED:
                log(self._line(figures, losses / steps, tokens / passed))
                last, tokens, losses, steps = self._now(), 0.0, 0.0, 0
            self.saver.save_if_due()
            if self.step >= TOWER_STEPS and self._now() - measured_at >= _MEASURED:
                log({"step": self.step, "measured": self.figures()})
                last = measured_at = self._now()
                tokens, losses, steps = 0.0, 0.0, 0
        if self.step > begun:  # who only ships leaves the state to the run that trains
            self.saver.save()

    def _line(self, figures: Mapping[str, float], loss: float, speed: float) -> dict[str, Any]:
        stage = 0 if self.step <= TOWER_STEPS else 1 + self.lessons.stage
        rest = {k: round(v, 4) for k, v in figures.items() if k not in {"loss", "tokens"}}
        said = {"step": self.step, "stage": stage, "samples": self.state.samples}
        return said | {"loss": round(loss, 4), "tokens_per_second": round(speed), **rest}

    def figures(self, count: int = _PER_KIND) -> dict[str, float]:
        """What the averaged weights can do on the test split."""
        return measured(Greedy(self.averaged(), self.tokenizer, self.device), count)

    def averaged(self) -> Any:
        """A student with the averaged weights."""
        model = student_of(len(self.words), seed=0).to(self.device)
        self.average.copy_to(model)
        return model.eval()

    def ship(self, out: Path) -> None:
        """Writes the averaged weights in bf16, with every file that transformers needs."""
        write_files(out, self.words)
        self.averaged().to(torch.bfloat16).save_pretrained(out)


def answer_loss(
    model: Any, fed: Mapping[str, torch.Tensor], weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean cross entropy over the tokens of the answers; no other token is scored.

    weights: (vocabulary,), how much each token counts; all alike where none are given.
    """
    inputs = {name: value for name, value in fed.items() if name != "labels"}
    hidden = model.model(**inputs, use_cache=False).last_hidden_state[:, :-1]
    targets = fed["labels"][:, 1:]
    asked = targets != MASKED
    logits = model.lm_head(hidden[asked]).float()
    return nn.functional.cross_entropy(logits, targets[asked], weights)


def score_weights(tokenizer: Tokenizer) -> torch.Tensor:
    """How much each token counts: digits of scores little, since they are drawn blindly.

    Nobody can learn what they will be, and at full weight most of the gradient would be their noise.
    """
    weights = torch.ones(tokenizer.get_vocab_size())
    digits = (f"{mark}{n}" for mark in (" ", ".") for n in range(10))
    weights[[tokenizer.encode(digit).ids[0] for digit in digits]] = _BLIND
    return weights


def train_student(setup: Setup, log: Log, now: Callable[[], float] = time.monotonic) -> None:
    """Trains for the seconds allowed and, where a folder is named, ships what has come of it."""
    end = math.inf if setup.seconds is None else now() + setup.seconds
    training = Training(setup, now)
    log({"step": training.step, "device": str(training.device), "threads": setup.threads})
    training.until(end, log)
    if setup.out is not None:
        training.ship(setup.out)
        log({"step": training.step, "shipped": str(setup.out), "measured": training.figures()})


def _words(folder: Path) -> Vocabulary:
    """The vocabulary that the state was begun with; a fresh one where there is no state yet.

    Words may join the world later; the network of a state keeps those it knows.
    """
    path = folder / "vocabulary.json"
    if path.exists():
        held = json.loads(path.read_text(encoding="utf-8"))
        return Vocabulary(tuple(held["words"]), tuple(held["passages"]))
    words = vocabulary()
    folder.mkdir(parents=True, exist_ok=True)
    held = {"words": words.words, "passages": words.passages}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    return words


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a shipped folder, in full precision. Raises ConfigError where none lie there."""
    if not (folder / "model.safetensors").exists():
        raise ConfigError(f"no student lies in {folder}")
    kept = Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    weights: dict[str, torch.Tensor] = kept.state_dict()
    return weights


def _vae(folder: Path | None) -> Path | None:
    ready = folder is not None and (folder / "config.json").exists()
    return folder if ready else None
