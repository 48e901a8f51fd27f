"""`parrot doctor`: what is installed, what works, and the command for what is missing."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import tempfile
from contextlib import closing
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.core.registry import known_kinds

# What each extra brings, by the module to look for, and the commands that need it.
EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    "miniature": (("numpy", "PIL"), "demo, miniature, miniature: teachers"),
    "openai": (
        ("openai", "aiohttp", "PIL"),
        "rationalize, filter, project, judge with openai: models",
    ),
    "data": (
        ("datasets", "pyarrow", "numpy", "PIL"),
        "Parquet in and out (import, export --to trl or verl), hub:",
    ),
    "torch": (("torch", "transformers", "safetensors", "PIL"), "torch: models"),
    "train": (
        ("torch", "transformers", "tokenizers", "accelerate", "peft", "diffusers", "numpy"),
        "distil, train-head, study, demo --train, miniature train",
    ),
    "diffusers": (
        ("diffusers", "torch", "transformers", "safetensors", "accelerate", "peft", "PIL"),
        "refine and tune with diffusers: generators, demo --full",
    ),
    "tensorboard": (("tensorboard",), "curves of tune"),
    "ray": (("ray", "pyarrow"), "rationalize --ray"),
    "onnx": (("onnxruntime", "tokenizers", "jinja2", "numpy", "PIL"), "onnx: models"),
    "onnx-export": (
        ("torch", "transformers", "safetensors", "onnx", "onnx_ir"),
        "export-onnx (int8 and int4: onnx too)",
    ),
    "server": (("fastapi", "uvicorn", "PIL"), "serve"),
    "testing": (("hypothesis", "pytest"), "parrot.core.testing"),
}
CONFLICTS = (("onnxruntime", "onnxruntime-gpu"),)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Says what works here. Exits with 1 when something that is installed cannot work."""
    report = examine()
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        _print(report)
    raise typer.Exit(1 if report["problems"] else 0)


def examine() -> dict[str, Any]:
    """The state of this installation as plain data; no key is shown, only whether one is set."""
    extras = {
        name: {
            "installed": not (gone := [m for m in modules if find_spec(m) is None]),
            "missing": gone,
            "for": purpose,
        }
        for name, (modules, purpose) in EXTRAS.items()
    }
    return {
        "parrot": _version("parrot-rewards"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
        "base": {name: _version(name) for name in _base()},
        "extras": extras,
        "models": sorted(known_kinds()),
        "keys": {n: n in os.environ for n in sorted(_key_names())},
        "problems": _problems(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _base() -> list[str]:
    try:
        wanted = requires("parrot-rewards") or []
    except PackageNotFoundError:
        return []
    plain = [line for line in wanted if "extra ==" not in line]
    return sorted(line.split(";")[0].split("[")[0].strip("<>=!~ .0123456789,") for line in plain)


def _key_names() -> set[str]:
    set_here = {n for n in os.environ if n.startswith("PARROT_API_KEY")}
    return {"OPENAI_API_KEY", "PARROT_API_KEY", *set_here}


def _problems() -> list[str]:
    found: list[str] = []
    if tuple(int(n) for n in sqlite3.sqlite_version.split(".")) < (3, 37, 0):
        found.append(f"SQLite {sqlite3.sqlite_version} is too old: strict tables need 3.37")
    for one, other in CONFLICTS:
        if _version(one) and _version(other):
            found.append(f"{one} and {other} break each other: uninstall one of them")
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            closing(sqlite3.connect(Path(folder) / "probe.sqlite")) as probe,
        ):
            probe.execute("pragma journal_mode=wal")
    except (OSError, sqlite3.Error) as error:
        found.append(f"the temporary folder cannot hold a store: {error}")
    return found


def _print(report: dict[str, Any]) -> None:
    from rich.table import Table

    from parrot.cli.tables import out

    out.print(
        f"parrot {report['parrot'] or '(not installed)'}, Python {report['python']},"
        f" SQLite {report['sqlite']}, {report['platform']}"
    )
    table = Table(box=None, pad_edge=False)
    for name in ("extra", "state", "for"):
        table.add_column(name)
    for name, extra in report["extras"].items():
        cure = f'pip install "parrot-rewards\\[{name}]"'
        table.add_row(name, "ready" if extra["installed"] else cure, extra["for"])
    out.print(table)
    out.print("model kinds: " + ", ".join(report["models"]))
    out.print("keys set: " + (", ".join(k for k, v in report["keys"].items() if v) or "none"))
    for problem in report["problems"]:
        out.print(f"[red]problem[/]: {problem}")
