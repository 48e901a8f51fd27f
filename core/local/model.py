"""Asks sorted into batches that fit into memory, for whatever prepares prompts and decodes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Generic, Protocol, TypeVar

from parrot.core.asks import Ask, Failed, FailureKind, Reply, Turn, sendable
from parrot.core.errors import ConfigError, ImageError, RejectedError
from parrot.core.interfaces import Profile
from parrot.core.local.growing import Growing


class Sized(Protocol):
    """A prompt, ready to be decoded. length: in tokens."""

    @property
    def length(self) -> int: ...


P = TypeVar("P", bound=Sized)
R = TypeVar("R", bound=Growing)


class Network(Protocol[P, R]):
    """What a LocalModel is made of."""

    def prepare(self, ask: Ask, /) -> P:
        """Raises ImageError or RejectedError where the ask cannot be put to the network."""
        ...

    def row(self, ask: Ask, /) -> R:
        """An empty reply to the ask."""
        ...

    def decode(self, prompts: Sequence[P], rows: Sequence[R], /) -> int:
        """Writes every row to its end; how many tokens were shared. Raises MemoryError."""
        ...

    def forget(self) -> None:
        """Frees what is kept between batches."""
        ...


class LocalModel(Generic[P, R]):
    """A network in this process as a BatchModel. For one thread at a time.

    max_batch: rows decoded at once, at least 1; halved where memory runs out.
    """

    def __init__(self, name: str, network: Network[P, R], *, max_batch: int) -> None:
        if max_batch < 1:
            raise ConfigError("max_batch is at least 1")
        self._name, self._network, self._most = name, network, max_batch
        self._closed = False

    @property
    def id(self) -> str:
        return self._name

    @property
    def profile(self) -> Profile:
        return Profile(logprobs=True, schema=False, images=True, seed=True)

    @property
    def max_batch(self) -> int:
        """Rows decoded at once; less than asked for once memory has run out."""
        return self._most

    def prompt_tokens(self, ask: Ask, /) -> int:
        """Tokens of the ask, images included. Raises ImageError or RejectedError."""
        return self._prepared(ask).length

    def reply_batch(self, asks: Sequence[Ask], /) -> Sequence[Reply | Failed]:
        """One answer an ask, in order; what cannot be prepared or decoded fails alone."""
        answers: dict[int, Reply | Failed] = {}
        groups: dict[Turn | None, list[tuple[int, P]]] = {}
        for index, ask in enumerate(asks):
            if self._closed:
                answers[index] = Failed(FailureKind.REJECTED, f"the model {self.id!r} is closed")
                continue
            try:
                self.profile.refuse_unable(ask)
                opening = ask.turns[0] if ask.turns and ask.turns[0].role == "system" else None
                ready = index, self._prepared(ask)
                groups.setdefault(opening, []).append(ready)
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
        """Frees what is kept between batches; later asks fail."""
        self._closed = True
        self._network.forget()

    def _prepared(self, ask: Ask) -> P:
        _refuse_unsayable(ask)
        return self._network.prepare(ask)

    def _decoded(
        self, group: list[tuple[int, P]], asks: Sequence[Ask]
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

    def _tried(self, some: list[tuple[int, P]], asks: Sequence[Ask]) -> list[Reply] | None:
        """The replies, or None where memory ran out: then all that was kept is let go."""
        rows = [self._network.row(asks[index]) for index, _ in some]
        try:
            shared = self._network.decode([prompt for _, prompt in some], rows)
        except MemoryError:
            self._network.forget()
            return None
        return [
            row.reply(prompt=prompt.length, cached=shared)
            for row, (_, prompt) in zip(rows, some, strict=True)
        ]


def _refuse_unsayable(ask: Ask) -> None:
    if not ask.turns:
        raise RejectedError("an ask without a turn")
    for turn in ask.turns:
        for part in turn.parts:
            if isinstance(part, str):
                sendable(part)


def name_with_stops(name: str, stop: Sequence[str]) -> str:
    """A model's id, told apart from that of one whose replies end elsewhere."""
    if not stop:
        return name
    told = "\0".join(sorted(stop)).encode("utf-8", "surrogatepass")
    return f"{name}+stop-{sha256(told).hexdigest()[:8]}"
