"""A study on disk: its plan, the truth about its test pairs, a line a cell. Loads no torch."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from attrs import asdict, frozen

from parrot.adapters.disk import read_object
from parrot.backends.identity import digest_of
from parrot.backends.miniature.shipped import SHIPPED, shipped
from parrot.core.begun import refuse_another
from parrot.core.errors import ConfigError, RecordError
from parrot.core.studies.results import (
    Result,
    TestPair,
    read_test_pair,
    result_from_record,
    result_to_record,
)
from parrot.core.studies.tuning import Tuned, tuned_from_record, tuned_to_record

PLAN: Final = "plan.json"
RESULTS: Final = "results.jsonl"
TESTS: Final = "tests.jsonl"
One = TypeVar("One")


def claim(folder: Path, plan: Mapping[str, Any]) -> None:
    """Begins a study, or goes on with it. Raises ConfigError where the folder holds another one."""
    folder.mkdir(parents=True, exist_ok=True)
    noted = folder / PLAN
    if not noted.exists():
        noted.write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")
    refuse_another(folder, plan_of(folder), plan, what="study")


def told_of(spec: str) -> str:
    """A model's spec, with a digest of its folder where it has one: a name may come to hold others."""
    kind, _, name = spec.partition(":")
    folder = shipped(name) if kind == "miniature" and name in SHIPPED else Path(name or kind)
    return f"{spec}@{digest_of(folder, 'float32')}" if folder.is_dir() else spec


def plan_of(folder: Path, primary: str | None = None) -> dict[str, Any]:
    """What was laid down when the study began; primary: the contrast that it must have named.

    Raises ConfigError where none has begun, or another.
    """
    if not (folder / PLAN).exists():
        raise ConfigError(f"{folder} holds no study")
    plan = read_object(folder / PLAN)
    if primary is not None and plan.get("primary") != primary:
        raise ConfigError(f"{folder} holds another study: {plan.get('primary')}, not {primary}")
    return plan


@frozen(slots=True)
class Lines(Generic[One]):
    """Finished cells, a JSON line each. load, id_of: of a line's value; dump is the inverse of load."""

    path: Path
    load: Callable[[Mapping[str, Any]], One]
    dump: Callable[[One], Mapping[str, Any]]
    id_of: Callable[[One], str]

    def read(self) -> list[One]:
        """Those written so far, the last one of an id. Raises RecordError with file and line."""
        found: dict[str, One] = {}
        for line, record in _lines(self.path):
            try:
                one = self.load(record)
            except RecordError as error:
                raise error.at(file=str(self.path), line=line) from None
            found[self.id_of(one)] = one
        return list(found.values())

    def add(self, one: One) -> None:
        """Appends one line in one write, so that several processes may share the file."""
        text = json.dumps(self.dump(one), separators=(",", ":")) + "\n"
        # A kill may have torn the last line; ours must not become its end.
        text = ("" if _ends_whole(self.path) else "\n") + text
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, text.encode())
            os.fsync(file)
        finally:
            os.close(file)


def tuned_lines(folder: Path) -> Lines[Tuned]:
    """The results of a study of rewards."""
    return Lines(folder / "tuned.jsonl", tuned_from_record, tuned_to_record, lambda one: one.id)


@frozen(slots=True)
class Folder:
    """A study of students on disk."""

    path: Path

    @property
    def lines(self) -> Lines[Result]:
        return Lines(
            self.path / RESULTS, result_from_record, result_to_record, lambda one: one.cell.id
        )

    def tests(self) -> list[TestPair]:
        """The truth about the test pairs. Raises ConfigError where there is none yet."""
        found = [read_test_pair(record) for _, record in _lines(self.path / TESTS)]
        if not found:
            raise ConfigError(f"{self.path} holds no study")
        return found

    def write_tests(self, pairs: list[TestPair]) -> None:
        path = self.path / TESTS
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        lines = [json.dumps(asdict(pair), separators=(",", ":")) for pair in pairs]
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
        partial.replace(path)


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    if not path.exists():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            yield number, json.loads(line)
        except ValueError:
            continue  # torn by a kill: its cell runs again


def _ends_whole(path: Path) -> bool:
    return not path.exists() or path.read_bytes()[-1:] in {b"", b"\n"}
