"""What a third party may implement: models, generators, stores, clocks, observers.

Single-verb behaviours (filters, gatherers' halves, selects, policies) are callables and live beside
the values they work on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from attrs import field, frozen, validators

from parrot.core.asks import Ask, Failed, Reply
from parrot.core.errors import RejectedError
from parrot.core.values import Image, Request

Key = bytes
"""16 bytes that name an ask to a model (see `parrot.core.keys`)."""


@frozen(slots=True)
class Profile:
    """What a model can do beyond text: an ask for what it lacks is refused before it is sent."""

    logprobs: bool = False
    schema: bool = False
    images: bool = True
    seed: bool = False

    def lacking(self, ask: Ask) -> tuple[str, ...]:
        """What the ask needs and the model lacks, in words; a schema is a wish, not a need."""
        needs = (
            ("images", bool(ask.images), self.images),
            ("log-probabilities", ask.sampling.top_logprobs is not None, self.logprobs),
            ("seed", ask.sampling.seed is not None, self.seed),
        )
        return tuple(name for name, needed, able in needs if needed and not able)

    def refuse_unable(self, ask: Ask) -> None:
        """Raises RejectedError where the ask needs what the model lacks."""
        lacking = self.lacking(ask)
        if lacking:
            raise RejectedError(f"the model's profile has no {' and no '.join(lacking)}")


@runtime_checkable
class ChatModel(Protocol):
    """Reads text and images and writes text. Lives on one event loop."""

    @property
    def id(self) -> str:
        """Enters the key: names the weights or the endpoint's model, never a URL or a secret."""
        ...

    @property
    def profile(self) -> Profile: ...

    async def reply(self, ask: Ask, /) -> Reply:
        """One reply. Raises ModelError, and nothing else on account of the model."""
        ...

    async def aclose(self) -> None:
        """Frees what it holds; a second call does nothing."""
        ...


@runtime_checkable
class BatchModel(Protocol):
    """A local model that answers many asks at once, on a thread of its own."""

    @property
    def id(self) -> str: ...

    @property
    def profile(self) -> Profile: ...

    def reply_batch(self, asks: Sequence[Ask], /) -> Sequence[Reply | Failed]:
        """One answer an ask, in order; a failure is that ask's alone."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Counting(Protocol):
    """What a model may offer besides: how long an ask is, known before it is asked."""

    def prompt_tokens(self, ask: Ask, /) -> int:
        """Tokens of the ask, images included, as its reply's usage will say. Raises ImageError."""
        ...


class Generator(Protocol):
    """Draws images."""

    @property
    def id(self) -> str: ...

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        """One image for the request; the same seed draws the same image."""
        ...

    async def aclose(self) -> None: ...


@frozen(slots=True)
class Wanted:
    """One drawing that a batch generator is to make; as the arguments of `Generator.draw`."""

    request: Request
    seed: int
    start: Image | None = None


class BatchGenerator(Protocol):
    """A local generator that makes many drawings at once, on a thread of its own."""

    @property
    def id(self) -> str: ...

    def draw_batch(self, wanted: Sequence[Wanted], /) -> Sequence[Image | Failed]:
        """One image a drawing, in order; a failure is that drawing's alone."""
        ...

    def close(self) -> None: ...


@frozen(slots=True)
class Record:
    """One stored answer. Only replies are kept as answers; a failure is kept to be told of.

    max_tokens, until and top_logprobs say what was asked, so that `keys.answers` can decide whether
    the stored reply is enough. latency: seconds. at: seconds since 1970.
    """

    key: Key
    outcome: Reply | Failed
    model: str
    max_tokens: int
    until: str = "end"
    top_logprobs: int | None = None
    attempts: int = field(default=1, validator=validators.ge(0))
    latency: float = 0.0
    at: float = 0.0


class Store(Protocol):
    """Keeps answers by key. Also a context manager; safe from one thread at a time."""

    def have(self, keys: Collection[Key], /) -> set[Key]:
        """Those of the keys under which a reply (not a failure) is stored."""
        ...

    def get(self, keys: Collection[Key], /) -> Mapping[Key, Record]:
        """The stored records, failures included, of those keys that have one."""
        ...

    def put(self, records: Iterable[Record], /) -> None:
        """All or nothing. A failure or a shorter reply never replaces a better record."""
        ...

    def scan(self) -> Iterator[Record]:
        """Every record, oldest first."""
        ...


class Clock(Protocol):
    """Time, so that tests need none. Seconds."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float, /) -> None: ...
