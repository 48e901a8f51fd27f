"""The stream of preference pairs, each with the truth about it.

A pair is decided by (seed, split, task, index) alone, so any subset of a stream is the same pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from attrs import field, frozen

from parrot.backends.miniature.briefs import Brief
from parrot.backends.miniature.chance import Chance, unit
from parrot.backends.miniature.draw import draw, image_of, png_of
from parrot.backends.miniature.editing import attempt_edit, random_edit
from parrot.backends.miniature.human import LABEL_NOISE, label_of, opinion, overall, utilities
from parrot.backends.miniature.realise import attempt, brief_for, random_scene, spoiled
from parrot.backends.miniature.requests import prompt_of
from parrot.backends.miniature.world import Drawing, Scene, drawing_to_dict, scene_to_dict
from parrot.core.errors import ConfigError
from parrot.core.rubric import rubric_for
from parrot.core.values import Image, Label, PreferencePair, Request

Task = Literal["t2i", "edit", "both"]
Split = Literal["train", "test", "any"]

_TASKS: Final[Mapping[str, Task]] = {"t2i": "t2i", "edit": "edit", "both": "both"}
_SPLITS: Final[Mapping[str, Split]] = {"train": "train", "test": "test", "any": "any"}
TEST_SHARE: Final = 0.25
"""Share of prompts, and of scenes, that belong to the test split."""
SOURCE: Final = "miniature"
LICENCE: Final = "Apache-2.0"
WORLD: Final = 1
"""Changes whenever the same seed gives other pairs."""


@frozen(slots=True)
class PairTruth:
    """What is true of a pair, whoever says what. A and B are the pair's.

    utilities: by dimension, in [0, 1]. margin: overall A minus B. true_label: without label noise.
    decisive: the margin exceeds one deviation of the label's noise.
    """

    id: str
    brief: Brief
    a: Drawing
    b: Drawing
    source: Scene | None
    utilities_a: Mapping[str, float] = field(hash=False)
    utilities_b: Mapping[str, float] = field(hash=False)
    margin: float
    true_label: Label
    label: Label
    dimension_labels: Mapping[str, Label] = field(hash=False)

    @property
    def flipped(self) -> bool:
        """Whether noise changed the label."""
        return self.label is not self.true_label

    @property
    def decisive(self) -> bool:
        return abs(self.margin) > LABEL_NOISE


def in_split(split: Split, what: str) -> bool:
    """Whether a prompt, or a scene's text, belongs to a split; every one is in train or in test."""
    return split == "any" or (unit("parrot miniature split", what) < TEST_SHARE) is (
        split == "test"
    )


def scene_in_split(split: Split, scene: Scene) -> bool:
    """Whether a scene belongs to a split; its defects do not matter."""
    return split == "any" or in_split(split, repr(scene_to_dict(scene)))


def pair_id(index: int, *, seed: int, task: str, split: str) -> str:
    """The name of one pair of a stream."""
    return f"miniature-{split}-{task}-{seed}-{index:06d}"


_Made = tuple[Brief, str, Scene | None, Scene, Scene]


def _try(chance: Chance, task: str, split: Split) -> _Made | None:
    """A request and two tries at it, or None where one of them is of another split."""
    source: Scene | None = None
    if task == "edit":
        source, brief = random_edit(chance)
    else:
        brief = brief_for(random_scene(chance), chance)
    prompt = prompt_of(brief, chance)
    if not in_split(split, prompt) or (source and not scene_in_split(split, source)):
        return None
    made = []
    for _ in "AB":
        edit = brief.edit
        scene = attempt_edit(edit, source, chance) if edit and source else attempt(brief, chance)
        if not scene_in_split(split, scene):
            return None
        made.append(scene)
    return brief, prompt, source, made[0], made[1]


def image_for(drawing: Drawing) -> Image:
    """The drawing as an image whose source is its PNG bytes."""
    return image_of(png_of(draw(drawing)))


def pair_at(
    index: int, *, seed: int = 0, task: Task = "both", split: Split = "train"
) -> tuple[PreferencePair, PairTruth]:
    """One pair of a stream, with its truth. With the task "both", odd indices are edits."""
    if task == "both":
        task = "edit" if index % 2 else "t2i"
    name = pair_id(index, seed=seed, task=task, split=split)
    chance = Chance(name, WORLD)
    made = _try(chance, task, split)
    while made is None:
        made = _try(chance, task, split)
    brief, prompt, source, scene_a, scene_b = made
    a, b = spoiled(scene_a, chance), spoiled(scene_b, chance)
    sources = (image_for(Drawing(source)),) if source else ()
    return _judged(name, Request(prompt, sources), brief, (source, a, b), chance)


def _judged(
    name: str,
    request: Request,
    brief: Brief,
    shown: tuple[Scene | None, Drawing, Drawing],
    chance: Chance,
) -> tuple[PreferencePair, PairTruth]:
    source, a, b = shown
    applicable = rubric_for(request).applicable(request)
    worth_a = utilities(brief, a, applicable, source)
    worth_b = utilities(brief, b, applicable, source)
    margin = overall(worth_a) - overall(worth_b)
    said = opinion(worth_a, worth_b, chance)
    pair = PreferencePair(
        id=name,
        request=request,
        image_a=image_for(a),
        image_b=image_for(b),
        label=said.label,
        both=said.both,
        strength=said.strength,
        votes=said.votes,
        dimension_labels=said.dimension_labels,
        source=SOURCE,
        licence=LICENCE,
        may_train=True,
    )
    truth = PairTruth(
        name,
        brief,
        a,
        b,
        source,
        worth_a,
        worth_b,
        margin,
        label_of(margin),
        said.label,
        said.dimension_labels,
    )
    return pair, truth


def checked_task(name: str) -> Task:
    """The task of that name. Raises ConfigError."""
    if name not in _TASKS:
        raise ConfigError(f"task must be one of {', '.join(_TASKS)}, not {name!r}")
    return _TASKS[name]


def checked_split(name: str) -> Split:
    """The split of that name. Raises ConfigError."""
    if name not in _SPLITS:
        raise ConfigError(f"split must be one of {', '.join(_SPLITS)}, not {name!r}")
    return _SPLITS[name]


def stream(
    n: int, *, seed: int = 0, task: Task = "both", split: Split = "train", start: int = 0
) -> Iterator[tuple[PreferencePair, PairTruth]]:
    """The pairs from `start` on, each with its truth."""
    for index in range(start, start + n):
        yield pair_at(index, seed=seed, task=task, split=split)


def truth_to_dict(truth: PairTruth) -> dict[str, Any]:
    """The truth about a pair as plain data."""
    return {
        "id": truth.id,
        "a": drawing_to_dict(truth.a),
        "b": drawing_to_dict(truth.b),
        "source": truth.source and scene_to_dict(truth.source),
        "utilities_a": {k: round(v, 6) for k, v in truth.utilities_a.items()},
        "utilities_b": {k: round(v, 6) for k, v in truth.utilities_b.items()},
        "margin": round(truth.margin, 6),
        "true_label": truth.true_label.value,
        "label": truth.label.value,
        "flipped": truth.flipped,
        "decisive": truth.decisive,
        "dimension_labels": {k: v.value for k, v in truth.dimension_labels.items()},
        "style": truth.brief.style.value,
        "quality": truth.brief.quality,
        "op": truth.brief.edit and truth.brief.edit.op.value,
    }
