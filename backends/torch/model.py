"""A loaded checkpoint as a BatchModel: asks sorted into batches, memory kept within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from parrot.backends.torch.decoding import Decoder
from parrot.backends.torch.loading import Loaded
from parrot.backends.torch.preparing import Prepared, Preparer
from parrot.backends.torch.writing import Row
from parrot.core.asks import Ask, Failed, FailureKind, Reply, Turn
from parrot.core.errors import ConfigError, ImageError, RejectedError
from parrot.core.interfaces import Profile

_Ready = tuple[int, Prepared]


class TorchModel:
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
        if max_batch < 1:
            raise ConfigError("max_batch is at least 1")
        self._loaded, self._stop, self._most = loaded, tuple(stop), max_batch
        self._prepare = Preparer(loaded)
        self._decoder = Decoder(loaded.model, loaded.device, share=share, retire=retire)
        self._closed = False

    @property
    def id(self) -> str:
        return self._loaded.name

    @property
    def profile(self) -> Profile:
        return Profile(logprobs=True, schema=False, images=True, seed=True)

    @property
    def max_batch(self) -> int:
        """Rows decoded at once; less than asked for once memory has run out."""
        return self._most

    def reply_batch(self, asks: Sequence[Ask], /) -> Sequence[Reply | Failed]:
        """One answer an ask, in order; what cannot be prepared or decoded fails alone."""
        answers: dict[int, Reply | Failed] = {}
        groups: dict[Turn | None, list[_Ready]] = {}
        for index, ask in enumerate(asks):
            if self._closed:
                answers[index] = Failed(FailureKind.REJECTED, f"the model {self.id!r} is closed")
                continue
            try:
                self.profile.refuse_unable(ask)
                opening = ask.turns[0] if ask.turns and ask.turns[0].role == "system" else None
                groups.setdefault(opening, []).append((index, self._prepare(ask)))
            except ImageError as error:
                answers[index] = Failed(FailureKind.IMAGE, str(error))
            except RejectedError as error:
                answers[index] = Failed(FailureKind.REJECTED, str(error))
        for group in groups.values():
            # Asks of one opening share it; of like length, they are padded least.
            group.sort(key=lambda one: -one[1].length)
            answers.update(self._decoded(group, asks))
        return [answers[i] for i in range(len(asks))]

    def close(self) -> None:
        """Frees the caches; later asks fail."""
        self._closed = True
        self._decoder.forget()

    def _decoded(
        self, group: list[_Ready], asks: Sequence[Ask]
    ) -> Iterator[tuple[int, Reply | Failed]]:
        waiting = list(group)
        while waiting:
            some = waiting[: self._most]
            answers = self._tried(some, asks)
            if answers is None and len(some) > 1:
                self._most = (len(some) + 1) // 2
                continue
            waiting = waiting[len(some) :]
            full = Failed(FailureKind.REJECTED, "one ask alone does not fit into memory")
            given = answers if answers is not None else [full]
            yield from zip((index for index, _ in some), given, strict=True)

    def _tried(self, some: list[_Ready], asks: Sequence[Ask]) -> list[Reply] | None:
        """The replies, or None where memory ran out: then all that was held is let go."""
        rows = [self._row(asks[index]) for index, _ in some]
        try:
            shared = self._decoder.decode([prompt for _, prompt in some], rows)
        except RuntimeError as error:
            if not _is_memory(error):
                raise
            self._decoder.forget()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            return None
        return [
            row.reply(prompt=prompt.length, cached=shared)
            for row, (_, prompt) in zip(rows, some, strict=True)
        ]

    def _row(self, ask: Ask) -> Row:
        loaded = self._loaded
        return Row(ask, self.id, loaded.tokenizer, ends=loaded.ends, stop=self._stop)


def _is_memory(error: RuntimeError) -> bool:
    if isinstance(error, torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    return "out of memory" in said or "can't allocate memory" in said
