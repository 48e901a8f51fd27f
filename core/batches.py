"""Provider batches, as values: what was sent in one, how far it is, and what its rows answer.

Pure. A batch is many asks in one file, answered within a day at a discount. Keys are its custom
ids, so an answer is matched by what was asked and by nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, Protocol

from attrs import field, frozen, validators

from parrot.core.asks import Ask, Failed, FailureKind, Reply
from parrot.core.engine.memory import supersedes
from parrot.core.interfaces import Key, Record

MOST: Final = 50_000
MOST_BYTES: Final = 190_000_000


class Stage(StrEnum):
    """How far a batch is with us. Keys of all but the last two are not to be asked again."""

    PLANNED = "planned"  # keys are written down; nothing can have been paid
    UPLOADED = "uploaded"  # a batch may exist that we were not told of
    SUBMITTED = "submitted"
    COLLECTED = "collected"
    DISCARDED = "discarded"  # it never came to be


@frozen(slots=True)
class Batch:
    """One batch of ours. token: names it at the provider before it has an id there.

    model and max_tokens hold for all its asks. answered, failed: counts once it is collected.
    """

    token: str
    model: str
    max_tokens: int
    asks: int
    stage: Stage = Stage.PLANNED
    file_id: str = ""
    batch_id: str = ""
    answered: int = 0
    failed: int = 0

    @property
    def is_open(self) -> bool:
        return self.stage not in (Stage.COLLECTED, Stage.DISCARDED)


@frozen(slots=True)
class State:
    """What the provider says of a batch. files: of answers and of errors, those that there are."""

    batch_id: str
    status: str
    files: tuple[str, ...] = ()
    detail: str = ""

    @property
    def is_over(self) -> bool:
        return self.status in {"completed", "failed", "expired", "cancelled"}


@frozen(slots=True)
class Row:
    """One line of an answer file. name: its custom id."""

    name: str
    outcome: Reply | Failed


class Sending(Protocol):
    """The provider's side of submitting. All but `line` raise ModelError."""

    def line(self, ask: Ask, key: Key, /) -> bytes:
        """The line of an ask, ending in a line feed. Raises ModelError or ImageError."""
        ...

    async def upload(self, lines: bytes, token: str, /) -> str:
        """Puts a file of lines there; its id."""
        ...

    async def create(self, file_id: str, token: str, /) -> State: ...

    async def find(self, file_id: str, token: str, /) -> State | None:
        """The batch that was created of the file or under the token, if there is one."""
        ...


class Fetching(Protocol):
    """The provider's side of collecting. Both raise ModelError."""

    async def state(self, batch_id: str, /) -> State: ...

    async def rows(self, file_id: str, /) -> Sequence[Row]:
        """What can be read of an answer file."""
        ...


class Provider(Sending, Fetching, Protocol):
    """Both sides."""


class Ledger(Protocol):
    """Remembers batches across crashes. Each call is one transaction, on disk when it returns."""

    def plan(self, batch: Batch, keys: Collection[Key], /) -> None:
        """Writes a batch down with the keys of its asks."""
        ...

    def note(self, batch: Batch, /) -> None:
        """How far it is now."""
        ...

    def batches(self) -> Sequence[Batch]:
        """All, oldest first."""
        ...

    def keys(self, token: str, /) -> Sequence[Key]:
        """The keys of a batch."""
        ...


@frozen(slots=True)
class Bounds:
    """Of one file: asks and bytes at most (OpenAI: 50,000 and 200 MB)."""

    most: int = field(default=MOST, validator=validators.ge(1))
    most_bytes: int = field(default=MOST_BYTES, validator=validators.ge(1))


Line = tuple[Key, bytes]


def packed(lines: Iterable[Line], bounds: Bounds) -> Iterator[list[Line]]:
    """The lines in files within the bounds, in order, each as full as the next line lets it be.

    A line that alone is over the bound must have been taken out before: it gets a file of its own.
    """
    pack: list[Line] = []
    size = 0
    for key, line in lines:
        if pack and (len(pack) >= bounds.most or size + len(line) > bounds.most_bytes):
            yield pack
            pack, size = [], 0
        pack.append((key, line))
        size += len(line)
    if pack:
        yield pack


def name_of(key: Key) -> str:
    """The custom id of a key."""
    return key.hex()


def settled(
    batch: Batch, keys: Collection[Key], rows: Iterable[Row], state: State, at: float
) -> list[Record]:
    """A record for each key of a batch that is over, whatever its files hold and how often.

    The best of several rows of a key counts; rows of foreign ids are passed over; a key without a
    row failed. at: seconds since 1970.
    """
    by_name = {name_of(key): key for key in keys}
    found: dict[Key, Record] = {}
    for row in rows:
        key = by_name.get(row.name)
        if key is None:
            continue
        record = Record(key, row.outcome, batch.model, batch.max_tokens, at=at)
        if key not in found or supersedes(record, found[key]):
            found[key] = record
    gone = _gone(state)
    return [found.get(k) or Record(k, gone, batch.model, batch.max_tokens, at=at) for k in keys]


def _gone(state: State) -> Failed:
    kind = {"expired": FailureKind.TIMEOUT, "cancelled": FailureKind.NOT_ASKED}.get(
        state.status, FailureKind.TRANSIENT
    )
    detail = f": {state.detail}" if state.detail else ""
    return Failed(kind, f"its batch ended ({state.status}) without an answer to it{detail}")
