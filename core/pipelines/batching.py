"""Asking in provider batches: submit what is not answered and not on its way, collect what is.

Into the same store as live replies, under the same keys. A crash at any point loses nothing: a
batch is written down before the provider hears of it, and looked for there when its id never came.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from attrs import define, evolve, field

from parrot.core.asks import Ask, Failed, FailureKind, Reply
from parrot.core.batches import (
    Batch,
    Bounds,
    Fetching,
    Ledger,
    Line,
    Provider,
    Row,
    Sending,
    Stage,
    State,
    packed,
    settled,
)
from parrot.core.engine.retry import RetryAfter, RetryPolicy, Tries, kind_of
from parrot.core.errors import ImageError, ModelError, RejectedError
from parrot.core.interfaces import Clock, Key, Record, Store
from parrot.core.keys import answers, key_of

T = TypeVar("T")
CHUNK: Final = 500
PATIENCE: Final = RetryPolicy(attempts=5)


@define(slots=True)
class Submitted:
    """What a submission did. refused: asks that can be no line of a file; stored with the reason."""

    batches: int = 0
    asks: int = 0
    stored: int = 0
    on_their_way: int = 0
    refused: int = 0


@define(slots=True)
class Collected:
    """What a collection found; `waiting` counts asks of batches that are not over."""

    batches: int = 0
    answered: int = 0
    failed: int = 0
    waiting: int = 0


@define(slots=True)
class Batching:
    """Batches of one run, whose asks allow max_tokens each. new_token: a name never given before.

    Memory is 100 bytes for each ask on its way, and one file.
    """

    ledger: Ledger
    store: Store
    clock: Clock
    new_token: Callable[[], str]
    max_tokens: int
    bounds: Bounds = field(factory=Bounds)

    async def submit(self, asks: Iterable[Ask], provider: Sending, model: str) -> Submitted:
        """Sends the asks that have no answer yet. Raises ModelError; the next call goes on there."""
        await self.recover(provider)
        told = Submitted()
        lines = self._lines(asks, provider, model, told)
        for pack in packed(lines, self.bounds):
            await self._send(pack, provider, model, told)
        return told

    def _lines(
        self, asks: Iterable[Ask], provider: Sending, model: str, told: Submitted
    ) -> Iterator[Line]:
        busy = self._busy()
        source = iter(asks)
        while chunk := list(islice(source, CHUNK)):
            keyed = {key_of(ask, model): ask for ask in chunk}
            there = self.store.get(keyed)
            for key, ask in keyed.items():
                if key in busy:
                    told.on_their_way += 1
                elif key in there and answers(there[key], ask):
                    told.stored += 1
                else:
                    busy.add(key)
                    line = self._line(provider, ask, key, model, told)
                    if line is not None:
                        yield key, line

    def _line(
        self, provider: Sending, ask: Ask, key: Key, model: str, told: Submitted
    ) -> bytes | None:
        try:
            if ask.sampling.top_logprobs is not None:
                raise RejectedError("asks for log-probabilities are not asked in batches")
            line = provider.line(ask, key)
            if len(line) > self.bounds.most_bytes:
                raise RejectedError(f"a request of {len(line)} bytes is more than a file may hold")
        except (ModelError, ImageError) as error:
            kind = FailureKind.IMAGE if isinstance(error, ImageError) else kind_of(error)
            gone = Failed(kind, str(error))
            self.store.put([Record(key, gone, model, self.max_tokens, at=self.clock.now())])
            told.refused += 1
            return None
        return line

    async def _send(self, pack: list[Line], provider: Sending, model: str, told: Submitted) -> None:
        batch = Batch(self.new_token(), model, self.max_tokens, len(pack))
        self.ledger.plan(batch, [key for key, _ in pack])
        lines = b"".join(line for _, line in pack)
        file_id = await self._patiently(lambda: provider.upload(lines, batch.token))
        batch = evolve(batch, stage=Stage.UPLOADED, file_id=file_id)
        self.ledger.note(batch)
        await self._create(batch, provider)
        told.batches += 1
        told.asks += batch.asks

    async def _create(self, batch: Batch, provider: Sending) -> None:
        try:
            state = await provider.create(batch.file_id, batch.token)
        except ModelError as error:
            # It may have been created and its answer lost; never created twice unasked.
            found = await self._found(batch, provider)
            if found is None:
                raise error from None
            state = found
        self.ledger.note(evolve(batch, stage=Stage.SUBMITTED, batch_id=state.batch_id))

    async def _found(self, batch: Batch, provider: Sending) -> State | None:
        return await self._patiently(lambda: provider.find(batch.file_id, batch.token))

    async def recover(self, provider: Sending) -> None:
        """Finds out what became of batches whose submission was cut short. Raises ModelError."""
        for batch in self.ledger.batches():
            if batch.stage is Stage.PLANNED:
                self.ledger.note(evolve(batch, stage=Stage.DISCARDED))
            elif batch.stage is Stage.UPLOADED:
                found = await self._found(batch, provider)
                if found is not None:
                    self.ledger.note(evolve(batch, stage=Stage.SUBMITTED, batch_id=found.batch_id))
                    continue
                try:
                    await self._create(batch, provider)
                except RejectedError:  # of a file that the provider has thrown away since
                    self.ledger.note(evolve(batch, stage=Stage.DISCARDED))

    async def states(self, provider: Fetching) -> AsyncIterator[tuple[Batch, State | None]]:
        """Each batch, and what the provider says of those that are on their way. Raises ModelError."""
        for batch in self.ledger.batches():
            if batch.stage is Stage.SUBMITTED:
                yield batch, await self._state(batch, provider)
            else:
                yield batch, None

    async def _state(self, batch: Batch, provider: Fetching) -> State:
        return await self._patiently(lambda: provider.state(batch.batch_id))

    async def collect(self, provider: Provider, *, forget_lost: bool = False) -> Collected:
        """Stores the answers of batches that are over; a second call changes nothing.

        forget_lost: asks of a batch that the provider does not know have failed, and may be
        submitted again. Raises ModelError; what was stored before stays.
        """
        await self.recover(provider)
        told = Collected()
        for batch in self.ledger.batches():
            if batch.stage is not Stage.SUBMITTED:
                continue
            state = await self._state(batch, provider)
            if state.is_over or (forget_lost and state.status == "unknown"):
                await self._settle(batch, state, provider, told)
            else:
                told.waiting += batch.asks
        return told

    async def _settle(
        self, batch: Batch, state: State, provider: Fetching, told: Collected
    ) -> None:
        rows = [row for file in state.files for row in await self._rows(file, provider)]
        records = settled(batch, self.ledger.keys(batch.token), rows, state, self.clock.now())
        # The store first: if only that is done, the next collection does it again, to no effect.
        self.store.put(records)
        answered = sum(isinstance(record.outcome, Reply) for record in records)
        failed = len(records) - answered
        self.ledger.note(evolve(batch, stage=Stage.COLLECTED, answered=answered, failed=failed))
        told.batches += 1
        told.answered += answered
        told.failed += failed

    async def _rows(self, file: str, provider: Fetching) -> Sequence[Row]:
        return await self._patiently(lambda: provider.rows(file))

    def _busy(self) -> set[Key]:
        return {
            key
            for batch in self.ledger.batches()
            if batch.is_open
            for key in self.ledger.keys(batch.token)
        }

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        tries = Tries(b"batches", PATIENCE, self.clock.now())
        while True:
            try:
                return await call()
            except ModelError as error:
                verdict = tries.after(error, self.clock.now())
                if not isinstance(verdict, RetryAfter):
                    raise
            await self.clock.sleep(verdict.seconds)
