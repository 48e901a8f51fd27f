"""Every exception this library raises on purpose.

ParrotError
├── ConfigError(ValueError)        the caller's mistake: an option, a spec, a rubric file
│   ├── UnknownNameError           no such kind, filter, protocol or format; says the nearest
│   ├── ProtocolError              judgements that an evaluation protocol cannot score
│   └── MissingExtraError          a package is not installed; says which pip command brings it
├── RecordError(ValueError)        a record from outside is wrong; names file, line and field
├── ImageError(ValueError)         an image that cannot be opened, is too large, or leaves its folder
├── Unwritable(ValueError)         a value that a reply format cannot carry
├── StoreError                     the store on disk
│   ├── NewerStoreError            written by a later version of this library
│   ├── StoreBusyError             another process holds it
│   └── StoreFullError             no space left; what was committed is safe
├── ModelError                     a model gave no reply; `retryable`, `retry_after`
│   ├── ThrottledError             retryable; slows the gate (429 and kin)
│   ├── TransientError             retryable; does not touch the gate (5xx, time-out, reset)
│   │   └── TimedOutError          no reply within the time allowed
│   ├── RejectedError              this ask is at fault (other 4xx)
│   ├── RefusedError               a content filter said no
│   └── AccessError                fatal to the run (401, 403, unknown model)
├── UnscoredError                  a trainer wants numbers and nothing was ever scored
└── RunStopped                     a budget, too many failures or a fatal error ended the run
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar


class ParrotError(Exception):
    """Root of all exceptions of this library."""


class ConfigError(ParrotError, ValueError):
    """An option, spec or file given by the caller makes no sense."""


class UnknownNameError(ConfigError):
    """A name that is not in a registry; the message lists what is, nearest first."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.what, self.name, self.known = what, name, tuple(known)
        near = difflib.get_close_matches(name, self.known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(sorted(self.known)) or "none"
        super().__init__(f"unknown {what} {name!r}.{hint} Known: {listed}.")


class ProtocolError(ConfigError):
    """Judgements lack what the named evaluation protocol needs, or dev and test share pairs."""


class MissingExtraError(ConfigError, ImportError):
    """A third-party package is absent; the message is the pip command that brings it."""

    def __init__(self, feature: str, extra: str) -> None:
        self.feature, self.extra = feature, extra
        super().__init__(
            f'{feature} needs an extra that is not installed: pip install "parrot-rewards[{extra}]"'
        )


class RecordError(ParrotError, ValueError):
    """A record from outside is wrong. `file` and `line` (from 1) say where, `field` says what."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        self.message, self.file, self.line, self.field = message, file, line, field
        place = ":".join(str(part) for part in (file, line) if part is not None)
        about = f"field {field!r}: " if field else ""
        super().__init__(f"{place}: {about}{message}" if place else f"{about}{message}")

    def at(self, *, file: str | None = None, line: int | None = None) -> RecordError:
        """The same error with the place filled in where it was unknown."""
        return RecordError(
            self.message, file=self.file or file, line=self.line or line, field=self.field
        )


class ImageError(ParrotError, ValueError):
    """An image cannot be opened, is larger than allowed, or its path leaves its folder."""


class Unwritable(ParrotError, ValueError):
    """A value that a reply format has no way to carry."""


class StoreError(ParrotError):
    """The store on disk cannot be used; what it holds is untouched."""


class NewerStoreError(StoreError):
    """The store was written by a later version of this library."""


class StoreBusyError(StoreError):
    """Another living process holds the store."""


class StoreFullError(StoreError):
    """No space is left on the device; everything committed before is safe."""


class ModelError(ParrotError):
    """A model gave no reply. `retry_after` is in seconds, None where the server named none."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class ThrottledError(ModelError):
    """The server asks for less (429 and kin); retryable, and slows the gate."""

    retryable = True


class TransientError(ModelError):
    """A time-out, a reset or a 5xx; retryable, and does not touch the gate."""

    retryable = True


class TimedOutError(TransientError):
    """No reply, or no more of one, came within the time allowed."""


class RejectedError(ModelError):
    """The server will never take this ask (a 4xx of its own fault)."""


class RefusedError(ModelError):
    """A content filter refused this ask."""


class AccessError(ModelError):
    """Wrong key, no right, or no such model: nothing in this run can succeed."""


class UnscoredError(ParrotError):
    """A trainer needs numbers, and no drawing was ever scored that could stand in."""


class StopReason(StrEnum):
    """Why a run ended before its input did."""

    INTERRUPTED = "interrupted"
    ACCESS = "access"
    FAILURES = "failures"
    ASKS = "asks"
    TOKENS = "tokens"
    MONEY = "money"
    SECONDS = "seconds"


class RunStopped(ParrotError):
    """The run ended before its input did. Everything paid for is stored; run again to go on."""

    def __init__(self, message: str, *, reason: StopReason = StopReason.INTERRUPTED) -> None:
        self.reason = reason
        super().__init__(message)
