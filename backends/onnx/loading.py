"""From an exported folder to graphs, tokenizer and template; each fault is one clear error.

Needs onnxruntime, tokenizers, numpy, Pillow and Jinja; no torch and no transformers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from attrs import frozen
from tokenizers import Tokenizer

from parrot.backends.identity import digest_of
from parrot.backends.onnx.card import DECODER, TEMPLATE, TOKENIZER, TOWER, Card, read_card
from parrot.backends.onnx.patches import Array
from parrot.backends.onnx.preparing import Render, renderer
from parrot.core.errors import ConfigError

_PROVIDERS: Final = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@frozen(slots=True)
class Options:
    """How a folder is loaded; see `open_batch_model`."""

    device: str = "auto"
    threads: int | None = None


class Graph:
    """One graph on one device."""

    def __init__(self, path: Path, device: str, threads: int | None) -> None:
        wishes = onnxruntime.SessionOptions()
        wishes.log_severity_level = 3
        if threads is not None:
            wishes.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), wishes, providers=[_PROVIDERS[device]]
            )
        except Exception as error:  # noqa: BLE001  onnxruntime's errors have no common base
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ConfigError(f"the graph {str(path)!r}: {said}") from None
        self._device = device
        self._given = [one.name for one in self._session.get_outputs()]
        self.taken = [one.name for one in self._session.get_inputs()]

    def value(self, array: Array) -> Any:
        """An array on the graph's device."""
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), self._device)

    def run(self, fed: Mapping[str, Any]) -> Sequence[Any]:
        """What the graph gives, left on its device. Raises MemoryError where it did not fit."""
        binding = self._session.io_binding()
        for name, value in fed.items():
            held = value if isinstance(value, onnxruntime.OrtValue) else self.value(value)
            binding.bind_ortvalue_input(name, held)
        for name in self._given:
            binding.bind_output(name, self._device)
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:
            if _is_memory(error):
                raise MemoryError(str(error)) from error
            raise
        found: Sequence[Any] = binding.get_outputs()
        return found

    def step(self, fed: Mapping[str, Any], cache: Sequence[Any]) -> tuple[Array, list[Any]]:
        """Scores and the longer cache."""
        named = dict(zip(self.taken[len(fed) :], cache, strict=True))
        scores, *longer = self.run({**fed, **named})
        return scores.numpy(), longer


def _is_memory(error: Exception) -> bool:
    said = str(error).lower()
    return "out of memory" in said or "failed to allocate" in said or "bad_alloc" in said


@frozen(slots=True)
class Loaded:
    """An exported model in memory."""

    name: str
    card: Card
    tokenizer: Tokenizer
    render: Render
    tower: Graph
    decoder: Graph

    @property
    def ends(self) -> frozenset[int]:
        """The ids that end a reply."""
        return frozenset(self.card.ends)


def load(target: str | Path, options: Options | None = None) -> Loaded:
    """The exported model of a folder. Raises ConfigError where it is broken, of another kind, mute."""
    options = options or Options()
    folder = Path(target).expanduser()
    card = read_card(folder)
    device = device_of(options.device)
    tokenizer, render = _tokenizer(folder), _render(folder, card)
    tower = Graph(folder / TOWER, device, options.threads)
    decoder = Graph(folder / DECODER, device, options.threads)
    if len(decoder.taken) != 6 + 2 * card.layers:
        raise ConfigError(f"{str(folder / DECODER)!r} is not the graph that its card speaks of")
    name = f"onnx:{folder.resolve().name}@{digest_of(folder, card.dtype)}"
    return Loaded(name, card, tokenizer, render, tower, decoder)


def device_of(name: str) -> str:
    """cpu or cuda; `auto` is cuda where this onnxruntime has it. Raises ConfigError."""
    able = onnxruntime.get_available_providers()
    if name == "auto":
        return "cuda" if _PROVIDERS["cuda"] in able else "cpu"
    if name not in _PROVIDERS:
        raise ConfigError(f"device is auto, {' or '.join(_PROVIDERS)}, not {name!r}")
    if _PROVIDERS[name] not in able:
        raise ConfigError(
            f"this onnxruntime has no {name}; the extra onnx-gpu installs one that has"
        )
    return name


def _tokenizer(folder: Path) -> Tokenizer:
    path = folder / TOKENIZER
    if not path.exists():
        raise ConfigError(f"{str(folder)!r} holds no tokenizer ({TOKENIZER})")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001  tokenizers raises nothing more narrow
        raise ConfigError(f"{path} cannot be used: {str(error)[:200]}") from None


def _render(folder: Path, card: Card) -> Render:
    path = folder / TEMPLATE
    try:
        template = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{str(folder)!r} has no chat template ({TEMPLATE})") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be used: {error!r}") from None
    return renderer(template, dict(card.names))
