"""Names to import strings: `kind:target` for models and generators, split at the first colon.

Nothing is imported until a name is used. Third parties add kinds through the entry-point groups
`parrot.models` and `parrot.generators`: the entry point's name is the kind, its value an import
string of a callable `open(target, **options)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from attrs import frozen

from parrot.core.errors import ConfigError, MissingExtraError, UnknownNameError
from parrot.core.interfaces import ChatModel, Generator

MODELS: dict[str, str] = {
    "openai": "parrot.backends.openai:open_model",
    "replay": "parrot.backends.replay:open_model",
    "miniature": "parrot.backends.miniature.opening:open_model",
    "torch": "parrot.backends.torch:open_model",
    "onnx": "parrot.backends.onnx:open_model",
}
GENERATORS: dict[str, str] = {
    "diffusers": "parrot.backends.diffusers:open_generator",
    "miniature": "parrot.backends.miniature.opening:open_generator",
    "openai": "parrot.backends.openai:open_generator",
}
EXTRAS: dict[str, str] = {
    "openai": "openai",
    "miniature": "miniature",
    "torch": "torch",
    "onnx": "onnx",
    "diffusers": "diffusers",
}


@frozen(slots=True)
class Spec:
    """A model's name, `kind:target`."""

    kind: str
    target: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.target}"


def parse_spec(text: str) -> Spec:
    """`kind:target` split at the first colon. Raises ConfigError where either half is absent."""
    kind, colon, target = text.strip().partition(":")
    if not (colon and kind and target):
        raise ConfigError(f"a model is named kind:target, such as openai:gpt-5, not {text!r}")
    return Spec(kind.strip().lower(), target.strip())


@lru_cache(maxsize=8)
def _plugged(group: str) -> Mapping[str, str]:
    return {point.name.lower(): point.value for point in entry_points(group=group)}


def known_kinds() -> Mapping[str, str]:
    """Every model kind with its import string; ours win over third parties' of the same name."""
    return {**_plugged("parrot.models"), **MODELS}


def resolve(import_string: str) -> Any:
    """The object that `module:attribute` names."""
    module, _, attribute = import_string.partition(":")
    return getattr(import_module(module), attribute)


def known_generators() -> Mapping[str, str]:
    """Every generator kind with its import string; ours win over third parties' of the same name."""
    return {**_plugged("parrot.generators"), **GENERATORS}


def opener(kind: str) -> Callable[..., ChatModel]:
    """What opens models of a kind. Raises UnknownNameError, or MissingExtraError with the cure."""
    found: Callable[..., ChatModel] = _found("model", kind, known_kinds())
    return found


def generator_opener(kind: str) -> Callable[..., Generator]:
    """What opens generators of a kind; raises as `opener` does."""
    found: Callable[..., Generator] = _found("generator", kind, known_generators())
    return found


def _found(what: str, kind: str, kinds: Mapping[str, str]) -> Any:
    if kind not in kinds:
        raise UnknownNameError(f"{what} kind", kind, kinds)
    try:
        return resolve(kinds[kind])
    except ImportError as error:
        if isinstance(error, MissingExtraError) or kind not in EXTRAS:
            raise
        raise MissingExtraError(f"a {kind}: {what}", EXTRAS[kind]) from error


def open_model(spec: str | Spec, **options: Any) -> ChatModel:
    """The model that a spec names, ready to be asked."""
    parsed = spec if isinstance(spec, Spec) else parse_spec(spec)
    return opener(parsed.kind)(parsed.target, **options)


def open_generator(spec: str | Spec, **options: Any) -> Generator:
    """The generator that a spec names, ready to draw."""
    parsed = spec if isinstance(spec, Spec) else parse_spec(spec)
    return generator_opener(parsed.kind)(parsed.target, **options)
