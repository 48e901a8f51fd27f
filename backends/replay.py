"""`replay:FILE`: recorded answers, by the key of what was asked. Asks nobody."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import IO, Any

from parrot.core.asks import Ask, Finish, Reply, Usage
from parrot.core.errors import ConfigError, RejectedError
from parrot.core.interfaces import ChatModel, Profile
from parrot.core.keys import key_of

SCHEMA = 1


def _opened(path: Path, mode: str) -> IO[Any]:
    return gzip.open(path, mode) if path.suffix == ".gz" else path.open(mode)


class ReplayModel:
    """Answers from a recording; what was not recorded is rejected. The id is the recorded one's."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with _opened(self.path, "rt") as lines:
                head = json.loads(next(lines, "{}"))
                self._id = str(head["model"])
                rows = [json.loads(line) for line in lines if line.strip()]
            self._replies = {bytes.fromhex(r["key"]): _reply(r) for r in rows}
        except FileNotFoundError:
            raise ConfigError(f"no recording at {self.path}") from None
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{self.path} is no recording of this library: {error!r}") from None
        if int(head.get("schema", SCHEMA)) > SCHEMA:
            raise ConfigError(f"{self.path} was recorded by a later version of this library")

    @property
    def id(self) -> str:
        return self._id

    @property
    def profile(self) -> Profile:
        return Profile(logprobs=False, schema=True, images=True, seed=True)

    async def reply(self, ask: Ask, /) -> Reply:
        """The recorded reply. Raises RejectedError where there is none."""
        found = self._replies.get(key_of(ask, self._id))
        if found is None:
            raise RejectedError(f"no recorded answer in {self.path.name} for this ask")
        return found

    async def aclose(self) -> None:
        """Holds nothing open."""


def _reply(row: dict[str, Any]) -> Reply:
    return Reply(str(row["text"]), Finish(row.get("finish", "end")), Usage(*row.get("usage", ())))


class Recorder:
    """A model whose replies are also written to a file that `replay:` reads."""

    def __init__(self, model: ChatModel, path: str | Path) -> None:
        self._model, self._file = model, _opened(Path(path), "wt")
        self._write({"schema": SCHEMA, "model": model.id})

    @property
    def id(self) -> str:
        return self._model.id

    @property
    def profile(self) -> Profile:
        return self._model.profile

    async def reply(self, ask: Ask, /) -> Reply:
        """The model's reply, recorded; raises as the model does."""
        reply = await self._model.reply(ask)
        usage = [reply.usage.prompt, reply.usage.cached, reply.usage.completion]
        key = key_of(ask, self._model.id).hex()
        row = {"key": key, "text": reply.text, "finish": reply.finish.value, "usage": usage}
        self._write(row)
        return reply

    async def aclose(self) -> None:
        """Closes the recording and the model."""
        self._file.close()
        await self._model.aclose()

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")


def open_model(target: str) -> ReplayModel:
    """The recording in a file."""
    return ReplayModel(target)
