"""PARROT: reward models for image generation that explain before they score.

Names are loaded when they are first used, so that `import parrot` stays small.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parrot.adapters.datasets.columns import pairs_from as pairs_from
    from parrot.adapters.datasets.reading import check_pairs as check_pairs
    from parrot.adapters.datasets.reading import read_pairs as read_pairs
    from parrot.adapters.store import SqliteStore as SqliteStore
    from parrot.backends.images import image_from_bytes as image_from_bytes
    from parrot.backends.images import image_from_path as image_from_path
    from parrot.backends.images import image_from_pixels as image_from_pixels
    from parrot.core.asks import Ask as Ask
    from parrot.core.asks import Failed as Failed
    from parrot.core.asks import Reply as Reply
    from parrot.core.asks import Sampling as Sampling
    from parrot.core.asks import Turn as Turn
    from parrot.core.candidates import Candidate as Candidate
    from parrot.core.candidates import Drop as Drop
    from parrot.core.candidates import Keep as Keep
    from parrot.core.candidates import Provenance as Provenance
    from parrot.core.candidates import Rationale as Rationale
    from parrot.core.candidates import Undecided as Undecided
    from parrot.core.critiques import Comparison as Comparison
    from parrot.core.critiques import Critique as Critique
    from parrot.core.critiques import Finding as Finding
    from parrot.core.critiques import PairFinding as PairFinding
    from parrot.core.critiques import Refinement as Refinement
    from parrot.core.engine import Engine as Engine
    from parrot.core.engine import MemoryStore as MemoryStore
    from parrot.core.engine.bridge import run_sync as run_sync
    from parrot.core.engine.budget import Budget as Budget
    from parrot.core.engine.budget import Price as Price
    from parrot.core.engine.retry import RetryPolicy as RetryPolicy
    from parrot.core.errors import ConfigError as ConfigError
    from parrot.core.errors import ParrotError as ParrotError
    from parrot.core.errors import RunStopped as RunStopped
    from parrot.core.evaluation.scoring import evaluate as evaluate
    from parrot.core.filters import FILTERS as FILTERS
    from parrot.core.formats import JSON as JSON
    from parrot.core.formats import MARKUP as MARKUP
    from parrot.core.formats import Form as Form
    from parrot.core.funnel import Funnel as Funnel
    from parrot.core.interfaces import ChatModel as ChatModel
    from parrot.core.interfaces import Profile as Profile
    from parrot.core.judgements import Judgement as Judgement
    from parrot.core.pipelines.examples import example_of as example_of
    from parrot.core.pipelines.filtering import Filtering as Filtering
    from parrot.core.pipelines.filtering import filtered as filtered
    from parrot.core.pipelines.judging import Judging as Judging
    from parrot.core.pipelines.judging import judge as judge
    from parrot.core.pipelines.projecting import Projecting as Projecting
    from parrot.core.pipelines.projecting import project as project
    from parrot.core.pipelines.rationalizing import Rationalizing as Rationalizing
    from parrot.core.pipelines.rationalizing import rationalize as rationalize
    from parrot.core.pipelines.reward_model import RewardModel as RewardModel
    from parrot.core.pipelines.rewarding import Rewarding as Rewarding
    from parrot.core.prompts.judging import Prompt as Prompt
    from parrot.core.refine.policies import Bounded as Bounded
    from parrot.core.refine.policies import KeepBest as KeepBest
    from parrot.core.refine.policies import Paper as Paper
    from parrot.core.refine.policies import best_of as best_of
    from parrot.core.refine.runner import Refining as Refining
    from parrot.core.refine.runner import refine as refine
    from parrot.core.registry import open_generator as open_generator
    from parrot.core.registry import open_model as open_model
    from parrot.core.rewards.advantages import gdpo as gdpo
    from parrot.core.rewards.advantages import grpo as grpo
    from parrot.core.rewards.aggregates import Weighted as Weighted
    from parrot.core.rewards.groups import GroupFilter as GroupFilter
    from parrot.core.rewards.values import Drawing as Drawing
    from parrot.core.rewards.values import Reward as Reward
    from parrot.core.rewards.values import Unscored as Unscored
    from parrot.core.rubric import IMAGE_EDIT as IMAGE_EDIT
    from parrot.core.rubric import TEXT_TO_IMAGE as TEXT_TO_IMAGE
    from parrot.core.rubric import Dimension as Dimension
    from parrot.core.rubric import Level as Level
    from parrot.core.rubric import Rubric as Rubric
    from parrot.core.rubric import Scale as Scale
    from parrot.core.rubric import rubric_for as rubric_for
    from parrot.core.values import Image as Image
    from parrot.core.values import Label as Label
    from parrot.core.values import PreferencePair as PreferencePair
    from parrot.core.values import Request as Request
    from parrot.core.values import Unloadable as Unloadable

_WHERE = {
    "parrot.adapters.datasets.columns": ("pairs_from",),
    "parrot.adapters.datasets.reading": (
        "check_pairs",
        "read_pairs",
    ),
    "parrot.adapters.store": ("SqliteStore",),
    "parrot.backends.images": (
        "image_from_bytes",
        "image_from_path",
        "image_from_pixels",
    ),
    "parrot.core.asks": (
        "Ask",
        "Failed",
        "Reply",
        "Sampling",
        "Turn",
    ),
    "parrot.core.candidates": (
        "Candidate",
        "Drop",
        "Keep",
        "Provenance",
        "Rationale",
        "Undecided",
    ),
    "parrot.core.critiques": (
        "Comparison",
        "Critique",
        "Finding",
        "PairFinding",
        "Refinement",
    ),
    "parrot.core.engine": (
        "Engine",
        "MemoryStore",
    ),
    "parrot.core.engine.bridge": ("run_sync",),
    "parrot.core.engine.budget": (
        "Budget",
        "Price",
    ),
    "parrot.core.engine.retry": ("RetryPolicy",),
    "parrot.core.errors": (
        "ConfigError",
        "ParrotError",
        "RunStopped",
    ),
    "parrot.core.evaluation.scoring": ("evaluate",),
    "parrot.core.filters": ("FILTERS",),
    "parrot.core.formats": (
        "JSON",
        "MARKUP",
        "Form",
    ),
    "parrot.core.funnel": ("Funnel",),
    "parrot.core.interfaces": (
        "ChatModel",
        "Profile",
    ),
    "parrot.core.judgements": ("Judgement",),
    "parrot.core.pipelines.examples": ("example_of",),
    "parrot.core.pipelines.filtering": (
        "Filtering",
        "filtered",
    ),
    "parrot.core.pipelines.judging": (
        "Judging",
        "judge",
    ),
    "parrot.core.pipelines.projecting": (
        "Projecting",
        "project",
    ),
    "parrot.core.pipelines.rationalizing": (
        "Rationalizing",
        "rationalize",
    ),
    "parrot.core.pipelines.reward_model": ("RewardModel",),
    "parrot.core.pipelines.rewarding": ("Rewarding",),
    "parrot.core.prompts.judging": ("Prompt",),
    "parrot.core.refine.policies": (
        "Bounded",
        "KeepBest",
        "Paper",
        "best_of",
    ),
    "parrot.core.refine.runner": (
        "Refining",
        "refine",
    ),
    "parrot.core.registry": (
        "open_generator",
        "open_model",
    ),
    "parrot.core.rewards.advantages": (
        "gdpo",
        "grpo",
    ),
    "parrot.core.rewards.aggregates": ("Weighted",),
    "parrot.core.rewards.groups": ("GroupFilter",),
    "parrot.core.rewards.values": (
        "Drawing",
        "Reward",
        "Unscored",
    ),
    "parrot.core.rubric": (
        "IMAGE_EDIT",
        "TEXT_TO_IMAGE",
        "Dimension",
        "Level",
        "Rubric",
        "Scale",
        "rubric_for",
    ),
    "parrot.core.values": (
        "Image",
        "Label",
        "PreferencePair",
        "Request",
        "Unloadable",
    ),
}
__all__ = [
    "FILTERS",
    "IMAGE_EDIT",
    "JSON",
    "MARKUP",
    "TEXT_TO_IMAGE",
    "Ask",
    "Bounded",
    "Budget",
    "Candidate",
    "ChatModel",
    "Comparison",
    "ConfigError",
    "Critique",
    "Dimension",
    "Drawing",
    "Drop",
    "Engine",
    "Failed",
    "Filtering",
    "Finding",
    "Form",
    "Funnel",
    "GroupFilter",
    "Image",
    "Judgement",
    "Judging",
    "Keep",
    "KeepBest",
    "Label",
    "Level",
    "MemoryStore",
    "PairFinding",
    "Paper",
    "ParrotError",
    "PreferencePair",
    "Price",
    "Profile",
    "Projecting",
    "Prompt",
    "Provenance",
    "Rationale",
    "Rationalizing",
    "Refinement",
    "Refining",
    "Reply",
    "Request",
    "RetryPolicy",
    "Reward",
    "RewardModel",
    "Rewarding",
    "Rubric",
    "RunStopped",
    "Sampling",
    "Scale",
    "SqliteStore",
    "Turn",
    "Undecided",
    "Unloadable",
    "Unscored",
    "Weighted",
    "best_of",
    "check_pairs",
    "evaluate",
    "example_of",
    "filtered",
    "gdpo",
    "grpo",
    "image_from_bytes",
    "image_from_path",
    "image_from_pixels",
    "judge",
    "open_generator",
    "open_model",
    "pairs_from",
    "project",
    "rationalize",
    "read_pairs",
    "refine",
    "rubric_for",
    "run_sync",
]
_HOME = {name: module for module, names in _WHERE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'parrot' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
