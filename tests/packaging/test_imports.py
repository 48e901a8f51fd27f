"""What importing costs, what the package exports, and what the wheel must hold."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import parrot

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "numpy", "PIL", "pydantic", "openai", "typer", "rich", "structlog", "datasets"}


def loaded_by(statement):
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_core_loads_nothing_heavy():
    every = (
        "import parrot, parrot.core, parrot.core.candidates, parrot.core.registry, parrot.core.keys"
    )
    assert not loaded_by(every) & HEAVY


def test_pipelines_and_engine_load_nothing_heavy():
    both = "import parrot.core.pipelines.filtering, parrot.core.pipelines.projecting"
    assert not loaded_by(both) & HEAVY


def test_public_names_all_resolve():
    assert set(parrot.__all__) == set(parrot._HOME)
    for name in parrot.__all__:
        assert getattr(parrot, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        parrot.no_such_name  # noqa: B018


def test_every_package_folder_is_in_the_build():
    listed = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    )
    package = Path(parrot.__file__).parent
    found = {
        ".".join(("parrot", *Path(folder).relative_to(package).parts))
        for folder, _, files in os.walk(package, followlinks=True)
        if "__init__.py" in files and "_facade" not in folder
    }
    assert found == listed
