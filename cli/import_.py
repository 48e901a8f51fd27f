"""`parrot import`: anyone's dataset as plain pairs, by its name or by a map of its columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parrot.core.errors import ConfigError

if TYPE_CHECKING:
    from parrot.adapters.datasets.schemas import Schema
    from parrot.core.values import PreferencePair, Unloadable


def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|hub:NAME",
            help="A JSONL, JSON, CSV, TSV or Parquet file, a folder of them, or a hub dataset.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder for pairs.jsonl and images/.")],
    schema: Annotated[
        str, typer.Option("--from", help="A dataset by name: hpdv3, mmrb2, genai-bench, ...")
    ] = "",
    column_map: Annotated[
        str,
        typer.Option(
            "--map",
            help="Our fields and your columns: prompt=caption, then image_a=..., image_b=...,"
            " label=..., with commas between.",
        ),
    ] = "",
    labels: Annotated[str, typer.Option(help="What label values mean: 0=A,1=B,2=TIE")] = "",
    constant: Annotated[
        list[str] | None, typer.Option("--set", help="A field for all pairs: licence=MIT")
    ] = None,
    preferred_first: Annotated[
        bool,
        typer.Option(
            "--preferred-first", help="Image A is always the preferred one; half are mirrored."
        ),
    ] = False,
    split: Annotated[str | None, typer.Option(help="Split of a hub dataset.")] = None,
    config: Annotated[str | None, typer.Option(help="Configuration of a hub dataset.")] = None,
    images_root: Annotated[
        Path | None, typer.Option(help="Folder that image paths start from and may not leave.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Reads a dataset and writes plain pairs with their images beside them."""
    from parrot.adapters.datasets.writing import UNLOADABLE, write_pairs

    if not (schema or column_map):
        raise ConfigError("name the dataset with --from, or map its columns with --map")
    if schema and column_map:
        raise ConfigError("one of --from and --map is taken, not both: --from knows its columns")
    if schema and (labels or constant or preferred_first):
        raise ConfigError("--labels, --set and --preferred-first go with --map")
    chosen = _schema(schema, column_map, labels, constant or [], preferred_first=preferred_first)
    pairs = _pairs(source, chosen, config=config, split=split, images_root=images_root)
    written = write_pairs(pairs, out)
    if as_json:
        counts = {"pairs": written.pairs, "unloadable": written.unloadable}
        print(json.dumps({**counts, "file": str(written.file)}))
        return
    lost = f"; {written.unloadable} could not be loaded, see {out / UNLOADABLE}"
    print(f"{written.pairs} pairs in {written.file}" + (lost if written.unloadable else ""))


def _schema(
    name: str, column_map: str, labels: str, constants: list[str], *, preferred_first: bool
) -> Schema:
    from parrot.adapters.datasets.columns import mapped
    from parrot.adapters.datasets.schemas import schema_named

    if name:
        return schema_named(name)
    fixed = dict(map(_constant, constants))
    return mapped(column_map, labels=labels, constants=fixed, preferred_first=preferred_first)


def _constant(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set is field=value, not {text!r}")
    known = {"true": True, "false": False}
    return name.strip(), known.get(value.strip().lower(), value.strip())


def _pairs(
    source: str,
    schema: Schema,
    *,
    config: str | None,
    split: str | None,
    images_root: Path | None,
) -> Iterator[PreferencePair | Unloadable]:
    from parrot.adapters.datasets.reading import pairs_in, read_pairs

    kind, _, name = source.partition(":")
    if kind != "hub":
        if config or split:
            raise ConfigError("--config and --split go with hub:NAME")
        return read_pairs(source, schema=schema, images_root=images_root)
    from parrot.adapters.datasets.hub import hub_rows, images_root_of

    rows = hub_rows(name, config=config, split=split)
    root = images_root or images_root_of(name)
    return pairs_in(rows, schema=schema, images_root=root, name=Path(name).name)
