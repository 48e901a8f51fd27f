"""A study on disk: its plan, the truth about its test pairs, a line a cell. Loads no torch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import asdict, frozen

from parrot.core.errors import ConfigError, RecordError
from parrot.core.studies.results import (
    Result,
    TestPair,
    read_test_pair,
    result_from_record,
    result_to_record,
)

PLAN: Final = "plan.json"
RESULTS: Final = "results.jsonl"
TESTS: Final = "tests.jsonl"


@frozen(slots=True)
class Folder:
    """A study on disk."""

    path: Path

    def claim(self, plan: Mapping[str, Any]) -> None:
        """Begins the study, or goes on with it. Raises ConfigError where it is another one."""
        self.path.mkdir(parents=True, exist_ok=True)
        noted = self.path / PLAN
        if not noted.exists():
            noted.write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")
        held = json.loads(noted.read_text(encoding="utf-8"))
        other = sorted(name for name in {*held, *plan} if held.get(name) != plan.get(name))
        if other:
            said = ", ".join(f"{n} {held.get(n)!r} and not {plan.get(n)!r}" for n in other)
            raise ConfigError(f"{self.path} holds a study with {said}; choose another folder")

    def results(self) -> list[Result]:
        """Those written so far, the last one of a cell. Raises RecordError with file and line."""
        found: dict[str, Result] = {}
        for line, record in self._lines(RESULTS):
            try:
                one = result_from_record(record)
            except RecordError as error:
                raise error.at(file=str(self.path / RESULTS), line=line) from None
            found[one.cell.id] = one
        return list(found.values())

    def add(self, result: Result) -> None:
        """Appends one line in one write, so that several processes may share the file."""
        text = json.dumps(result_to_record(result), separators=(",", ":")) + "\n"
        path = self.path / RESULTS
        # A kill may have torn the last line; ours must not become its end.
        text = ("" if _ends_whole(path) else "\n") + text
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, text.encode())
            os.fsync(file)
        finally:
            os.close(file)

    def tests(self) -> list[TestPair]:
        """The truth about the test pairs. Raises ConfigError where there is none yet."""
        found = [read_test_pair(record) for _, record in self._lines(TESTS)]
        if not found:
            raise ConfigError(f"{self.path} holds no study")
        return found

    def write_tests(self, pairs: list[TestPair]) -> None:
        path = self.path / TESTS
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        lines = [json.dumps(asdict(pair), separators=(",", ":")) for pair in pairs]
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
        partial.replace(path)

    def _lines(self, name: str) -> Iterator[tuple[int, Any]]:
        path = self.path / name
        if not path.exists():
            return
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                yield number, json.loads(line)
            except ValueError:
                continue  # torn by a kill: its cell runs again


def _ends_whole(path: Path) -> bool:
    return not path.exists() or path.read_bytes()[-1:] in {b"", b"\n"}
