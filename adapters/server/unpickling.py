"""Pickles read without pickle: containers, bytes, strings and numbers, and nothing else.

Edit-R1's clients send pickles. Python's own unpickler, even one that finds no classes, may be made
to set aside gigabytes by a few bytes, so the few harmless opcodes are carried out here, one by one.
No name is ever looked up and nothing is ever called.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any, Final

from parrot.adapters.server.refusing import Refusal, bad

OPCODES: Final = 100_000
_CONSTANTS: Final = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_ARGUMENTS: Final = frozenset({
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE",
    "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
})  # fmt: skip
_IGNORED: Final = frozenset({"PROTO", "FRAME"})
_MARK: Final = object()


def plain_pickle(data: bytes) -> Any:
    """The value of a pickle of plain containers. Raises Refusal (400) for any other."""
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > OPCODES:
                raise bad(f"the pickle has more than {OPCODES} steps")
            if opcode.name == "STOP":
                return machine.result()
            machine.step(opcode.name, argument)
    except Refusal:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, UnicodeError) as error:
        raise bad(f"the body is no plain pickle: {str(error)[:100]}") from None
    raise bad("the pickle does not end")


class _Machine:
    """A stack and a memo, as in pickle; the memo holds references, never copies."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._builders: dict[str, Callable[[], None]] = {
            "EMPTY_LIST": lambda: self._stack.append([]),
            "EMPTY_DICT": lambda: self._stack.append({}),
            "EMPTY_TUPLE": lambda: self._stack.append(()),
            "MARK": lambda: self._stack.append(_MARK),
            "LIST": lambda: self._stack.append(self._marked()),
            "TUPLE": lambda: self._stack.append(tuple(self._marked())),
            "DICT": lambda: self._stack.append(_paired(self._marked())),
            "TUPLE1": lambda: self._tuple(1),
            "TUPLE2": lambda: self._tuple(2),
            "TUPLE3": lambda: self._tuple(3),
            "APPEND": lambda: self._extend([self._stack.pop()]),
            "APPENDS": lambda: self._extend(self._marked()),
            "SETITEM": lambda: self._update(self._last(2)),
            "SETITEMS": lambda: self._update(self._marked()),
            "MEMOIZE": lambda: self._remember(len(self._memo)),
        }

    def step(self, name: str, argument: Any) -> None:
        """Carries out one opcode. Raises Refusal for one that is not harmless."""
        if name in _ARGUMENTS:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in self._builders:
            self._builders[name]()
        elif name in {"BINPUT", "LONG_BINPUT"}:
            self._remember(argument)
        elif name in {"BINGET", "LONG_BINGET"}:
            self._stack.append(self._memo[argument])
        elif name not in _IGNORED:
            raise bad(
                f"the pickle holds {name}: only containers, bytes, strings and numbers may be"
            )

    def result(self) -> Any:
        """The one value that is left."""
        if len(self._stack) != 1 or self._stack[0] is _MARK:
            raise bad("the pickle does not hold one value")
        return self._stack[0]

    def _remember(self, index: int) -> None:
        if self._stack[-1] is _MARK:
            raise bad("the pickle remembers a mark")
        self._memo[index] = self._stack[-1]

    def _marked(self) -> list[Any]:
        at = len(self._stack) - 1
        while self._stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise bad("the pickle lacks a mark")
        found = self._stack[at + 1 :]
        del self._stack[at:]
        return found

    def _last(self, count: int) -> list[Any]:
        found = self._stack[-count:]
        if len(found) < count or any(one is _MARK for one in found):
            raise bad("the pickle lacks values")
        del self._stack[-count:]
        return found

    def _tuple(self, count: int) -> None:
        self._stack.append(tuple(self._last(count)))

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list) or any(one is _MARK for one in values):
            raise bad("the pickle appends to what is no list")
        target.extend(values)

    def _update(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise bad("the pickle sets an item of what is no dict")
        target.update(_paired(values))


def _paired(values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise bad("the pickle has a key without a value")
    keys = values[::2]
    if not all(isinstance(key, str | int) for key in keys):
        raise bad("the pickle has a key that is no string")
    return dict(zip(keys, values[1::2], strict=True))
