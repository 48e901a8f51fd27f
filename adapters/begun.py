"""What a run folder was begun with: its `run.json`, and whether another run may go on in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from parrot.adapters.disk import explained, read_object, write_object
from parrot.adapters.entries import FILE_OF, OUTCOMES
from parrot.adapters.funnels import read_funnel
from parrot.core.begun import refuse_another
from parrot.core.errors import ConfigError

RUN_SCHEMA: Final = 1
FILES: Final = (*FILE_OF.values(), OUTCOMES)
KEPT: Final = "everything answered before is stored"
_SAME: Final = ("command", "teacher", "anchored")
_NO_SETTINGS: Final = frozenset(
    {"asked", "images_root", "pairs", "pairs_at", "schema", "status", "version"}
)
_TYPES: Final = {
    "schema": int,
    "status": str,
    "input_status": str,
    "pairs": str,
    "pairs_at": str,
    "images_root": str,
    "filters": list,
    "shard": str,
    "shards": list,
}


def about_of(folder: Path) -> dict[str, Any]:
    """What a folder's `run.json` says. Raises ConfigError where it is broken or of a later version."""
    return read_about(folder / "run.json")


def read_about(place: Path) -> dict[str, Any]:
    """What a file says of a run. Raises ConfigError as `about_of`."""
    about = read_object(place)
    for name, kind in _TYPES.items():
        if about.get(name) is not None and not isinstance(about[name], kind):
            raise ConfigError(f"{place} is broken: {name} is {about[name]!r}")
    if not all(isinstance(one, str) for one in about.get("shards") or ()):
        raise ConfigError(f"{place} is broken: shards is {about['shards']!r}")
    if about.get("schema", 1) > RUN_SCHEMA:
        raise ConfigError(f"{place} was written by a later version of this library; upgrade")
    return about


def lacking(about: Mapping[str, Any]) -> str:
    """Why a run is not of its whole input, in one line; empty where nothing says so."""
    ends = (about.get("status"), about.get("input_status"))
    return " ".join("; ".join(str(one) for one in ends if one not in (None, "done")).split())


def told(about: Mapping[str, Any], images_root: Path) -> dict[str, Any]:
    """What `run.json` is to say of a run, but for its status."""
    pairs = str(about.get("pairs") or "")
    at = {"pairs_at": str(Path(pairs).resolve())} if pairs and ":/" not in pairs else {}
    return {"schema": RUN_SCHEMA, **about, **at, "images_root": str(images_root)}


def pairs_before(folder: Path, about: Mapping[str, Any]) -> int:
    """How many pairs an earlier run of the same kind has brought; 0 where there was none.

    Raises ConfigError where the folder holds another run, or such files as a run writes and no run.
    """
    if not (folder / "run.json").exists():
        refuse_foreign(folder)
        return 0
    earlier = about_of(folder)
    said = [name for name in _SAME if earlier.get(name) is not None and about.get(name) is not None]
    shard = ["shard"] if about.get("shard") is not None else []
    refuse_another(folder, earlier, about, names=("command", *said, *shard))
    was, is_ = _pairs_file(earlier), _pairs_file(about)
    if was.exists():
        refuse_another(folder, {"pairs": str(was)}, {"pairs": str(is_)})
    if not all((folder / name).exists() for name in ("rationales.jsonl", "funnel.json")):
        return 0
    return int(read_funnel(folder / "funnel.json")["pairs"].get("in", 0))


def refuse_foreign(folder: Path) -> None:
    """Raises ConfigError where a folder that is of no run holds a file that a run would replace."""
    if (folder / "run.json").exists():
        return
    found = [name for name in (*FILES, "funnel.json") if (folder / name).exists()]
    if found:
        raise ConfigError(
            f"{folder} holds {found[0]} and no run.json, so a file of no run, which would be lost;"
            " choose another --out"
        )


def _pairs_file(about: Mapping[str, Any]) -> Path:
    if "pairs_at" in about:
        return Path(about["pairs_at"])
    # A run of a version that did not say where they were: beside the images, most often.
    return Path(about.get("images_root") or "") / Path(about.get("pairs") or "").name


def open_run(folder: Path, images_root: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """What `run.json` is to say of a run whose results are put in place at its end.

    It is written now where there are no results yet, of which it would not be true. Raises
    ConfigError where the folder holds another run, StoreError.
    """
    asked = told(about, images_root.resolve())
    if not pairs_before(folder, asked):
        _write_about(folder, {**asked, "status": "begun"})
    return asked


def begin_run(folder: Path, images_root: Path, about: Mapping[str, Any]) -> None:
    """Writes what a run is to be, so that it can be asked later; answers and results stay.

    Raises ConfigError where the folder holds another run, or results of other settings, of which
    that would not be true; StoreError.
    """
    asked = told(about, images_root.resolve())
    pairs_before(folder, asked)
    status = "begun"
    if (folder / "rationales.jsonl").exists():
        earlier = about_of(folder)
        names = dict.fromkeys((*earlier, *asked))
        refuse_another(folder, earlier, asked, names=[n for n in names if n not in _NO_SETTINGS])
        if _limit(earlier) == _limit(asked):
            status = earlier.get("status", status)
    _write_about(folder, {**asked, "status": status})


def _limit(about: Mapping[str, Any]) -> Any:
    # Results of the first so many pairs are not those of all.
    asked = about.get("asked")
    return asked.get("limit") if isinstance(asked, dict) else None


def _write_about(folder: Path, about: Mapping[str, Any]) -> None:
    with explained(folder, KEPT):
        folder.mkdir(parents=True, exist_ok=True)
    write_object(folder / "run.json", about, kept=KEPT)


def run_settings(folder: Path) -> dict[str, Any]:
    """What a run of `rationalize` was begun with, ended or not. Raises ConfigError."""
    refuse_no_run(folder)
    about = about_of(folder)
    if about.get("command") != "rationalize" or not isinstance(about.get("asked"), dict):
        raise ConfigError(
            f"{folder} cannot be asked in batches: it is no run of parrot rationalize, or of an"
            " earlier version"
        )
    return about


def refuse_no_run(folder: Path) -> None:
    """Raises ConfigError that says why a folder is none of a run."""
    if (folder / "run.json").exists():
        return
    there = "has no run.json" if folder.is_dir() else "is a file"
    raise ConfigError(
        f"{folder} is no run folder: it {there if folder.exists() else 'does not exist'}"
    )
