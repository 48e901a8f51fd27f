"""An exported model as a BatchModel."""

from __future__ import annotations

from collections.abc import Sequence

from parrot.backends.onnx.decoding import Decoder
from parrot.backends.onnx.loading import Loaded
from parrot.backends.onnx.preparing import Prepared, Preparer
from parrot.backends.onnx.writing import Row
from parrot.core.asks import Ask
from parrot.core.local.model import LocalModel, name_with_stops


class _Network:
    """A loaded export, put to work."""

    def __init__(self, loaded: Loaded, stop: Sequence[str]) -> None:
        self._loaded, self._stop = loaded, tuple(stop)
        self._preparer = Preparer(loaded.card, loaded.tokenizer, loaded.render)
        self._decoder = Decoder(loaded)

    def prepare(self, ask: Ask) -> Prepared:
        return self._preparer(ask)

    def row(self, ask: Ask) -> Row:
        loaded = self._loaded
        return Row(ask, loaded.name, loaded.tokenizer, ends=loaded.ends, stop=self._stop)

    def decode(self, prompts: Sequence[Prepared], rows: Sequence[Row]) -> int:
        return self._decoder.decode(prompts, rows)

    def forget(self) -> None:
        self._decoder.forget()


class OnnxModel(LocalModel[Prepared, Row]):
    """An exported model in this process. For one thread at a time."""

    def __init__(self, loaded: Loaded, *, max_batch: int = 16, stop: Sequence[str] = ()) -> None:
        name = name_with_stops(loaded.name, stop)
        super().__init__(name, _Network(loaded, stop), max_batch=max_batch)
