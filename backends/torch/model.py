"""A loaded checkpoint as a BatchModel."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from parrot.backends.torch.decoding import Decoder
from parrot.backends.torch.loading import Loaded
from parrot.backends.torch.preparing import Prepared, Preparer
from parrot.backends.torch.writing import Row
from parrot.core.asks import Ask
from parrot.core.local.model import LocalModel, name_with_stops


class _Network:
    """A loaded checkpoint, put to work."""

    def __init__(self, loaded: Loaded, decoder: Decoder, stop: Sequence[str]) -> None:
        self._loaded, self._decoder, self._stop = loaded, decoder, tuple(stop)
        self._preparer = Preparer(loaded)

    def prepare(self, ask: Ask) -> Prepared:
        return self._preparer(ask)

    def row(self, ask: Ask) -> Row:
        loaded = self._loaded
        return Row(ask, loaded.name, loaded.tokenizer, ends=loaded.ends, stop=self._stop)

    def decode(self, prompts: Sequence[Prepared], rows: Sequence[Row]) -> int:
        try:
            return self._decoder.decode(prompts, rows)
        except RuntimeError as error:
            if not _is_memory(error):
                raise
            raise MemoryError(str(error)) from error

    def forget(self) -> None:
        self._decoder.forget()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


class TorchModel(LocalModel[Prepared, Row]):
    """A checkpoint in this process. For one thread at a time.

    share, retire: see `Decoder`; False only to measure what they bring.
    """

    def __init__(
        self,
        loaded: Loaded,
        *,
        max_batch: int = 16,
        stop: Sequence[str] = (),
        share: bool = True,
        retire: bool = True,
    ) -> None:
        decoder = Decoder(loaded.model, loaded.device, share=share, retire=retire)
        name = name_with_stops(loaded.name, stop)
        super().__init__(name, _Network(loaded, decoder, stop), max_batch=max_batch)


def _is_memory(error: RuntimeError) -> bool:
    if isinstance(error, torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    return "out of memory" in said or "can't allocate memory" in said
