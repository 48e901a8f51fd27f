"""Training a scalar head on preference pairs: Bradley and Terry's loss on transformers' Trainer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from attrs import asdict, frozen

from parrot.backends.torch.head import Scalar, fed_of, item_of, write_head
from parrot.backends.torch.lessons import Item, Sound
from parrot.backends.torch.loading import Loaded, Options, load
from parrot.backends.torch.preparing import Preparer
from parrot.backends.torch.training import (
    CHECKPOINTS,
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
from parrot.core.errors import ConfigError
from parrot.core.pipelines.scoring import scoring_asks
from parrot.core.prompts.judging import Prompt
from parrot.core.values import Label, PreferencePair

TARGETS: Final = {Label.A: 1.0, Label.B: 0.0, Label.TIE: 0.5}
"""What a label asks of P(A): a tie asks that neither image be ahead."""
_Shown = tuple[Item, Item, float]


@frozen(slots=True)
class Preferred:
    """What came of it. loss: the mean over training; ln 2 is that of a head that knows nothing.

    undecodable: pairs that were left out for an image, since the training was last taken up.
    """

    folder: Path
    pairs: int
    steps: int
    loss: float
    undecodable: int = 0


class Preferences(torch.utils.data.Dataset[_Shown]):
    """Pairs prepared when they are taken."""

    def __init__(self, loaded: Loaded, pairs: Sequence[PreferencePair], prompt: Prompt) -> None:
        self._prepare, self._pairs, self._prompt = Preparer(loaded), pairs, prompt

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def lengths(self) -> list[int]:
        """Words of each pair's request."""
        return [len(one.request.prompt.split()) for one in self._pairs]

    def __getitem__(self, index: int) -> _Shown:
        """Both images' asks, and the target. Raises ImageError."""
        pair = self._pairs[index]
        a, b = (item_of(self._prepare, ask) for ask in scoring_asks(pair, self._prompt))
        return a, b, TARGETS[pair.label]


def collated_pairs(shown: Sequence[_Shown]) -> dict[str, Any]:
    """A batch: rows A and B of each pair in turn, and a target a pair."""
    items = [item for a, b, _ in shown for item in (a, b)]
    return {"fed": fed_of(items), "targets": torch.tensor([target for *_, target in shown])}


def train_head(
    base: str | Path,
    pairs: Sequence[PreferencePair],
    out: str | Path,
    *,
    recipe: Recipe | None = None,
    held: Sequence[PreferencePair] = (),
    frozen: bool = False,
    prompt: Prompt | None = None,
    force: bool = False,
    say: Say = lambda _: None,
) -> Preferred:
    """Trains a scalar head, and the base under it unless frozen; taken up again after any end.

    A label is learned as it is, noise included; a tie pulls both images' numbers together. An edit's
    source images are shown beside each image. held: pairs whose loss is looked at on the way. Raises
    ConfigError for a broken base, adapters, no pairs, pairs on both sides, or pairs that may not be
    trained on, unless forced.
    """
    recipe, prompt, folder = recipe or Recipe(), prompt or Prompt(), Path(out)
    _check(pairs, held, recipe, force=force)
    loaded = load(base, Options(dtype="float32", device=recipe.device))
    facts = facts_of(recipe, loaded.name, (_told(one, prompt) for one in pairs))
    goes_on = begin(folder, {**facts, "frozen": frozen})
    shown: Sound[_Shown] = Sound(Preferences(loaded, pairs, prompt), [one.id for one in pairs])
    scalar = Scalar(loaded.model, frozen=frozen)
    if not recipe.tower:
        freeze_towers(scalar)
    trainer = trainer_of(
        scalar,
        shown,
        Sound(Preferences(loaded, held, prompt), [one.id for one in held]) if held else None,
        collated_pairs,
        folder,
        recipe,
        labels="targets",
        say=say,
    )
    result = trainer.train(resume_from_checkpoint=goes_on)
    steps, lost = int(trainer.state.global_step), shown.lost
    done = Preferred(folder, len(pairs), steps, loss_of(result), len(lost))
    if lost:
        say({"undecodable": len(lost), "first": next(iter(lost.items()))})
    if is_first():
        write_checkpoint(loaded.model.eval(), Path(base), folder)
        write_head(scalar, folder, prompt)
        _card(done, base, recipe, pairs, frozen=frozen)
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    all_here()
    return done


def _check(
    pairs: Sequence[PreferencePair],
    held: Sequence[PreferencePair],
    recipe: Recipe,
    *,
    force: bool,
) -> None:
    if recipe.lora is not None:
        raise ConfigError("a scalar head trains all weights or none of the base: no adapters")
    if not pairs:
        raise ConfigError("there is nothing to learn from: no pair was given")
    both = {one.id for one in pairs} & {one.id for one in held}
    if both and not force:
        raise ConfigError(f"{len(both)} pairs are learned from and held out, first {min(both)!r}")
    barred = sum(not one.may_train for one in pairs)
    if barred and not force:
        raise ConfigError(f"{barred} pairs may not be trained on")


def _told(pair: PreferencePair, prompt: Prompt) -> str:
    images = (pair.image_a, pair.image_b, *pair.request.sources)
    seen = [one.sha256 for one in images]
    return json.dumps([pair.id, pair.request.prompt, *seen, pair.label, prompt.id])


def _card(
    done: Preferred,
    base: str | Path,
    recipe: Recipe,
    pairs: Sequence[PreferencePair],
    *,
    frozen: bool,
) -> None:
    ties = sum(pair.label is Label.TIE for pair in pairs)
    sources = sorted({pair.source for pair in pairs if pair.source})
    lines = [
        "---",
        f"base_model: {Path(base).name}",
        "---",
        "",
        "# A scalar Bradley-Terry head",
        "",
        f"- Base: {Path(base).name}, {'frozen' if frozen else 'trained with the head'}",
        f"- Pairs: {done.pairs}, of which {ties} ties, learned as an even chance",
        f"- Data: {', '.join(sources) or 'not said'}",
        *([f"- Left out for an image: {done.undecodable} pairs"] if done.undecodable else []),
        f"- Steps: {done.steps}; mean loss {done.loss:.4f} (0.6931 knows nothing)",
        f"- Recipe: `{json.dumps(asdict(recipe))}`",
        "",
    ]
    (done.folder / "README.md").write_text("\n".join(lines), encoding="utf-8")
