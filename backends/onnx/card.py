"""The card of an exported folder: what its graphs, tokenizer and images are, as JSON.

Knows files and nothing of graphs; needs neither numpy nor onnxruntime.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import asdict, field, frozen, validators

from parrot.core.errors import ConfigError

CARD: Final = "parrot-onnx.json"
TEMPLATE: Final = "chat_template.jinja"
TOKENIZER: Final = "tokenizer.json"
TOWER: Final = "tower.onnx"
DECODER: Final = "decoder.onnx"
SCHEMA: Final = 1
ARCHITECTURE: Final = "qwen3_vl"
_positive = validators.and_(validators.instance_of(int), validators.ge(1))
_real = validators.instance_of((int, float))
_three: Any = validators.deep_iterable(
    _real, validators.and_(validators.min_len(3), validators.max_len(3))
)


@frozen(slots=True)
class Looks:
    """How an image becomes patches. least, most: pixels after resizing; table: side of the learned
    table of positions; resample: Pillow's number of the filter; scale: before mean and deviation."""

    patch: int = field(validator=_positive)
    merge: int = field(validator=_positive)
    frames: int = field(validator=_positive)
    least: int = field(validator=_positive)
    most: int = field(validator=_positive)
    table: int = field(validator=_positive)
    resample: int = field(validator=validators.instance_of(int))
    scale: float = field(validator=_real)
    mean: tuple[float, ...] = field(converter=tuple, validator=_three)
    deviation: tuple[float, ...] = field(converter=tuple, validator=_three)


@frozen(slots=True)
class Card:
    """One exported model. width: of a token's features; deep: layers of deep-stack features;
    heads, size: of keys and values; marks: texts that are markup; names: the template's tokens."""

    name: str = field(validator=validators.min_len(1))
    dtype: str = field(validator=validators.instance_of(str))
    layers: int = field(validator=_positive)
    heads: int = field(validator=_positive)
    size: int = field(validator=_positive)
    width: int = field(validator=_positive)
    deep: int = field(validator=[validators.instance_of(int), validators.ge(0)])
    longest: int = field(validator=_positive)
    image_token: int = field(validator=validators.instance_of(int))
    ends: tuple[int, ...] = field(
        converter=tuple, validator=validators.deep_iterable(validators.instance_of(int))
    )
    marks: tuple[str, ...] = field(
        converter=tuple, validator=validators.deep_iterable(validators.instance_of(str))
    )
    names: Mapping[str, str] = field(validator=validators.instance_of(dict))
    looks: Looks = field(validator=validators.instance_of(Looks))


def write_card(folder: Path, card: Card) -> None:
    """Writes the card of a folder."""
    held = {"schema": SCHEMA, "architecture": ARCHITECTURE} | asdict(card)
    (folder / CARD).write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")


def read_card(folder: Path) -> Card:
    """The card of a folder. Raises ConfigError where it is absent, broken or of another kind."""
    path = folder / CARD
    if not folder.is_dir():
        raise ConfigError(f"{str(folder)!r} is no folder with an exported model")
    if not path.exists():
        raise ConfigError(
            f"{str(folder)!r} holds no {CARD}; `parrot export-onnx` makes such folders"
        )
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        schema, kind = held.pop("schema"), held.pop("architecture")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} cannot be used: {error!r}") from None
    if schema != SCHEMA or kind != ARCHITECTURE:
        raise ConfigError(
            f"{path} is of {kind!r}, schema {schema!r}; read are {ARCHITECTURE}, {SCHEMA}"
        )
    return _card(held, path)


def _card(held: dict[str, Any], path: Path) -> Card:
    try:
        parts: dict[str, Any] = {**held, "looks": Looks(**held["looks"])}
        return Card(**parts)
    except (KeyError, TypeError, ValueError) as error:
        said = str(error).strip().splitlines()[0][:200]
        raise ConfigError(f"{path} cannot be used: {said}") from None
