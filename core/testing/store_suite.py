"""The conformance suite of stores: a state machine against a plain reference, killed and reopened."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from parrot.core.asks import Failed, FailureKind, Finish, Reply, TokenLogprob, Usage
from parrot.core.engine.memory import supersedes
from parrot.core.interfaces import Key, Record, Store
from parrot.core.testing.expecting import UNHURRIED, expect, phases
from parrot.core.testing.strategies import failures, replies

OpenStore = Callable[[Path], Store]
KEYS = (*(bytes([n]) * 16 for n in (0, 1, 127, 128, 255)), b"\0" * 15 + b"\1")

_TOKENS = (TokenLogprob("🦜", -0.25, (("🦜", -0.25), ("a", -1.5))), TokenLogprob("", 0.0))
RICH = (
    Record(
        KEYS[1],
        Reply('\0"🦜"\n', Finish.LENGTH, Usage(9, 4, 2), _TOKENS),
        "openai:m",
        512,
        "scores",
        5,
        attempts=3,
        latency=0.25,
        at=1.75e9 + 0.5,
    ),
    Record(KEYS[2], Failed(FailureKind.TRANSIENT, "é\n", 6), "torch:🦜", 16),
    Record(KEYS[0], Reply("", logprobs=()), "m", 1, top_logprobs=0),
)
"""One record of each sort, every field of which must come back."""


def records() -> st.SearchStrategy[Record]:
    """Records of few keys, so that they meet again."""
    return st.builds(
        Record,
        st.sampled_from(KEYS),
        replies() | replies().map(_cut) | failures(),
        st.sampled_from(("openai:m", "torch:🦜")),
        st.sampled_from((16, 512)),
        st.sampled_from(("end", "scores")),
        st.none() | st.integers(0, 5),
        st.integers(1, 6),
        st.sampled_from((0.0, 0.25, 30.5)),
        st.sampled_from((0.0, 1.75e9)),
    )


def _cut(reply: Reply) -> Reply:
    return Reply(reply.text, Finish.LENGTH, reply.usage)


class Reference:
    """What a store must hold: for each key in order of arrival the records that are all right.

    Of two replies that answer the same asks either may stay, but it must be one of them and
    stay the same.
    """

    def __init__(self) -> None:
        self.held: dict[Key, list[Record]] = {}

    def put(self, record: Record) -> None:
        held = self.held.setdefault(record.key, [record])
        if supersedes(record, held[0]):
            self.held[record.key] = [record]
        elif not supersedes(held[0], record) and record not in held:
            held.append(record)

    def settle(self, key: Key, found: Record) -> bool:
        """Whether the record is one of those that may be there; from now on it alone is."""
        if found not in self.held.get(key, ()):
            return False
        self.held[key] = [found]
        return True

    def replies(self) -> set[Key]:
        """The keys under which a reply is held."""
        return {k for k, held in self.held.items() if isinstance(held[0].outcome, Reply)}


class StoreMachine(RuleBasedStateMachine):
    """Puts, looks up, reopens and kills a store, and compares it with the reference."""

    open_store: OpenStore
    durable: bool

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="store-suite-"))
        self.generation = 0
        self.reference = Reference()
        self._open()

    def _open(self) -> None:
        self.entered: AbstractContextManager[Any] = type(self).open_store(self._place())  # type: ignore[assignment]
        self.store: Store = self.entered.__enter__()

    def _place(self) -> Path:
        place = self.folder / str(self.generation)
        place.mkdir(exist_ok=True)
        return place

    @rule(batch=st.lists(records(), max_size=5))
    def put(self, batch: Sequence[Record]) -> None:
        self.store.put(iter(batch))
        for record in batch:
            self.reference.put(record)

    @rule(batch=st.lists(records(), min_size=1, max_size=3))
    def put_broken_off(self, batch: Sequence[Record]) -> None:
        """An iterable that fails midway leaves nothing behind."""
        try:
            self.store.put(_broken_off(batch))
        except _BrokenOffError:
            return
        raise AssertionError("put() swallows an error of the records it is given")

    @rule(keys=st.lists(st.sampled_from((*KEYS, b"absent-absent-16"))))
    def have(self, keys: list[Key]) -> None:
        self._check_have(keys)

    def _check_have(self, keys: Sequence[Key]) -> None:
        found = self.store.have(keys)
        expected = set(keys) & self.reference.replies()
        expect(found == expected, f"have() gives {found!r}, not {expected!r}")

    @rule(keys=st.lists(st.sampled_from((*KEYS, b"absent-absent-16"))))
    def get(self, keys: list[Key]) -> None:
        self._check_get(keys)

    def _check_get(self, keys: Sequence[Key]) -> None:
        found = self.store.get(keys)
        expected = set(keys) & set(self.reference.held)
        expect(set(found) == expected, f"get() finds {set(found)!r}, not {expected!r}")
        for key, record in found.items():
            held = self.reference.held[key]
            expect(self.reference.settle(key, record), f"get() gives {record!r}, not {held!r}")

    @rule()
    def scan(self) -> None:
        found = list(self.store.scan())
        keys, expected = [r.key for r in found], list(self.reference.held)
        expect(keys == expected, f"scan() goes {keys!r}, not oldest first {expected!r}")
        for record in found:
            held = self.reference.held[record.key]
            right = self.reference.settle(record.key, record)
            expect(right, f"scan() gives {record!r}, not {held!r}")

    @precondition(lambda self: self.durable)
    @rule()
    def reopen(self) -> None:
        self.entered.__exit__(None, None, None)
        self._open()

    @precondition(lambda self: self.durable)
    @rule()
    def kill(self) -> None:
        """What lies on disk now is all that a killed process leaves."""
        self._kill()

    def _kill(self) -> None:
        before = self._place()
        self.generation += 1
        shutil.copytree(before, self.folder / str(self.generation))
        self.entered.__exit__(None, None, None)
        self._open()

    def teardown(self) -> None:
        try:
            if self.durable:
                self._kill()
            self._check_have(KEYS)
            self._check_get(KEYS)
            self.scan()
        finally:
            self.entered.__exit__(None, None, None)
            shutil.rmtree(self.folder, ignore_errors=True)


class _BrokenOffError(Exception):
    pass


def _broken_off(batch: Sequence[Record]) -> Iterator[Record]:
    yield from batch
    raise _BrokenOffError


def _comes_back(open_store: OpenStore) -> None:
    with tempfile.TemporaryDirectory(prefix="store-suite-") as folder:
        opened: AbstractContextManager[Any] = open_store(Path(folder))  # type: ignore[assignment]
        with opened as store:
            store.put(RICH)
            for record, found in zip(RICH, store.scan(), strict=False):
                expect(found == record, f"scan() gives {found!r}, not {record!r}")
            answered = {one.key for one in RICH if isinstance(one.outcome, Reply)}
            said = set(store.have([one.key for one in RICH]))
            expect(said == answered, "have() tells of the keys with a reply, and of no other")


def check_store(
    open_store: OpenStore,
    *,
    durable: bool = True,
    max_examples: int = 40,
    steps: int = 25,
    shrink: bool = True,
) -> None:
    """Asserts what every Store must do.

    open_store: opens the store that lives in a folder, or a new one where the folder is empty; the
    store is a context manager. durable: whether it outlives the process; if so it is closed and
    reopened, and also opened from a copy of its folder taken while it was open, as a killed process
    leaves it. shrink: whether a failing story is made short before it is told, which takes long.
    """
    _comes_back(open_store)
    machine = type(
        "StoreMachine",
        (StoreMachine,),
        {"open_store": staticmethod(open_store), "durable": durable},
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max_examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            phases=phases(shrink=shrink),
            suppress_health_check=UNHURRIED,
        ),
    )
