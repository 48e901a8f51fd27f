"""`replay:FILE`: answers from a recording, and the recorder that makes one.

A recording is JSONL, gzipped where its name ends in `.gz`: a first line
`{"schema": 1, "model": ID}`, then an answer a line under the key of its ask. It goes by the id of the
model that was recorded, so that keys match. It is read whole into memory.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from attrs import define, evolve, field

from parrot.core.asks import Ask, Failed, FailureKind, Finish, Reply, TokenLogprob, Usage
from parrot.core.engine.memory import supersedes
from parrot.core.errors import ConfigError, ModelError, RecordError, RefusedError, RejectedError
from parrot.core.interfaces import ChatModel, Key, Profile, Record
from parrot.core.keys import answers, key_of

SCHEMA = 1
_ABLE = Profile(logprobs=True, schema=True, images=True, seed=True)
_KEY_BYTES = 16


@define(slots=True)
class ReplayModel:
    """A ChatModel that knows only what was recorded."""

    id: str
    records: Mapping[Key, Record] = field(repr=False)
    profile: Profile = _ABLE

    async def reply(self, ask: Ask, /) -> Reply:
        """The recorded answer. Raises RejectedError where there is none that is enough."""
        record = self.records.get(key_of(ask, self.id))
        if record is not None and isinstance(record.outcome, Failed):
            raise _raised(record.outcome)
        if record is None or not isinstance(record.outcome, Reply) or not answers(record, ask):
            lack = "no recorded answer" if record is None else "the recorded answer is too short"
            raise RejectedError(f"{lack} to this ask of {self.id!r}")
        if ask.sampling.top_logprobs is None:
            return evolve(record.outcome, logprobs=None)
        return record.outcome

    async def aclose(self) -> None:
        """Holds nothing that must be freed."""


def open_model(target: str) -> ReplayModel:
    """The model recorded in a file. Raises ConfigError, or RecordError naming the line at fault."""
    path = Path(target)
    try:
        with _opened(path, "rt") as lines:
            return _read(lines, str(path))
    except FileNotFoundError:
        raise ConfigError(f"there is no recording {target!r}") from None
    except (OSError, EOFError, UnicodeError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error  # without the number and the path again
        raise ConfigError(f"the recording {target!r} cannot be read: {why}") from None


def write_recording(path: str | Path, model: str, records: Iterable[Record]) -> int:
    """Writes a store's answers of one model as a recording and says how many there were."""
    count = 0
    with _opened(Path(path), "wt") as out:
        out.write(_header(model))
        for record in records:
            if record.model == model and isinstance(record.outcome, Reply):
                out.write(_line(record))
                count += 1
    return count


@define(slots=True)
class Recorder:
    """A ChatModel that records what another one answers, its refusals too, as they come.

    A recording of the same model is carried on; of another model it is refused (ConfigError).
    """

    model: ChatModel
    path: Path = field(converter=Path)
    _out: IO[str] | None = field(default=None, init=False, repr=False)

    @property
    def id(self) -> str:
        return self.model.id

    @property
    def profile(self) -> Profile:
        return self.model.profile

    async def reply(self, ask: Ask, /) -> Reply:
        """The other model's reply, recorded before it is handed on."""
        if self._out is None:
            self._out = self._carried_on()
        try:
            reply = await self.model.reply(ask)
        except (RefusedError, RejectedError) as error:
            refused = isinstance(error, RefusedError)
            kind = FailureKind.REFUSED if refused else FailureKind.REJECTED
            self._keep(self._out, ask, Failed(kind, str(error)))
            raise
        self._keep(self._out, ask, reply)
        return reply

    async def aclose(self) -> None:
        """Closes the recording and the model."""
        if self._out is not None:
            self._out.close()
            self._out = None
        await self.model.aclose()

    def _keep(self, out: IO[str], ask: Ask, outcome: Reply | Failed) -> None:
        sampling = ask.sampling
        record = Record(
            key_of(ask, self.id),
            outcome,
            self.id,
            sampling.max_tokens,
            ask.until.value,
            sampling.top_logprobs,
        )
        out.write(_line(record))
        out.flush()

    def _carried_on(self) -> IO[str]:
        new = not self.path.exists() or self.path.stat().st_size == 0
        if not new and (recorded := open_model(str(self.path)).id) != self.id:
            raise ConfigError(f"{str(self.path)!r} is a recording of {recorded!r}, not {self.id!r}")
        if not new:
            _mend(self.path)
        out = _opened(self.path, "at")
        if new:
            out.write(_header(self.id))
        return out


def _opened(path: Path, mode: str) -> IO[str]:
    if path.suffix == ".gz":
        packed = gzip.open(path, mode, encoding="utf-8")  # noqa: SIM115 - the caller closes it
        return cast("IO[str]", packed)
    return path.open(mode.rstrip("t"), encoding="utf-8")


def _mend(path: Path) -> None:
    """Takes off a last line that was not written to its end, and ends an archive that was not."""
    if path.suffix == ".gz":
        _repack(path)
        return
    data = path.read_bytes()
    if not data.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(data.rfind(b"\n") + 1)


def _repack(path: Path) -> None:
    try:
        with gzip.open(path) as packed:
            while packed.read(1 << 20):
                pass
    except EOFError:
        whole = path.with_name(f"{path.name}.partial")
        with _opened(path, "rt") as lines, gzip.open(whole, "wt", encoding="utf-8") as out:
            out.writelines(line for line in _readable(lines) if line.endswith("\n"))
        whole.replace(path)


def _readable(lines: Iterable[str]) -> Iterator[str]:
    try:
        yield from lines
    except EOFError:  # the recorder of an archive was killed
        return


def _header(model: str) -> str:
    return json.dumps({"schema": SCHEMA, "model": model}) + "\n"


def _line(record: Record) -> str:
    data: dict[str, Any] = {"key": record.key.hex(), "max_tokens": record.max_tokens}
    data |= {"until": record.until, "top_logprobs": record.top_logprobs}
    if isinstance(record.outcome, Failed):
        data["failed"] = {"kind": record.outcome.kind.value, "detail": record.outcome.detail}
        return json.dumps(data) + "\n"
    reply = record.outcome
    usage = {"prompt": reply.usage.prompt, "cached": reply.usage.cached}
    data |= {"text": reply.text, "finish": reply.finish.value}
    data["usage"] = {**usage, "completion": reply.usage.completion}
    if reply.logprobs is not None:
        data["logprobs"] = [[t.token, t.logprob, [list(o) for o in t.top]] for t in reply.logprobs]
    return json.dumps(data) + "\n"


def _read(lines: Iterable[str], file: str) -> ReplayModel:
    numbered = _objects(lines, file)
    number, header = next(numbered, (1, {}))
    model, schema = header.get("model"), header.get("schema")
    if not isinstance(model, str) or not isinstance(schema, int):
        raise RecordError(
            'a recording begins with {"schema": 1, "model": ID}', file=file, line=number
        )
    if schema > SCHEMA:
        raise RecordError(f"schema {schema} is of a later version", file=file, line=number)
    records: dict[Key, Record] = {}
    for number, data in numbered:
        record = _record(data, model, file, number)
        old = records.get(record.key)
        if old is None or supersedes(record, old):
            records[record.key] = record
    return ReplayModel(model, records)


def _objects(lines: Iterable[str], file: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(_readable(lines), start=1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except ValueError as error:
            if not line.endswith("\n"):
                return  # the recorder was killed amid its last line
            raise RecordError(f"no JSON: {error}", file=file, line=number) from None
        if not isinstance(data, dict):
            raise RecordError("not a JSON object", file=file, line=number)
        yield number, data


def _record(data: Mapping[str, Any], model: str, file: str, line: int) -> Record:
    name = "key"
    try:
        key = bytes.fromhex(data["key"])
        if len(key) != _KEY_BYTES:
            raise ValueError("must be 32 hex digits")
        name = "failed" if "failed" in data else "text"
        outcome = _failed(data["failed"]) if "failed" in data else _reply(data)
        name = "max_tokens"
        limit = int(data.get("max_tokens", 0))
        return Record(
            key, outcome, model, limit, data.get("until", "end"), data.get("top_logprobs")
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"{error}", file=file, line=line, field=name) from None


def _failed(data: Mapping[str, Any]) -> Failed:
    return Failed(FailureKind(data["kind"]), str(data.get("detail", "")))


def _reply(data: Mapping[str, Any]) -> Reply:
    if not isinstance(data["text"], str):
        raise TypeError("must be a text")
    logprobs = data.get("logprobs")
    return Reply(
        data["text"],
        Finish(data.get("finish", "end")),
        Usage(**data.get("usage", {})),
        None if logprobs is None else tuple(_token(*entry) for entry in logprobs),
    )


def _token(token: str, logprob: float, top: Iterable[tuple[str, float]]) -> TokenLogprob:
    return TokenLogprob(token, logprob, tuple((t, p) for t, p in top))


def _raised(failed: Failed) -> ModelError:
    error = RefusedError if failed.kind is FailureKind.REFUSED else RejectedError
    return error(failed.detail)
