"""`parrot split`: disjoint parts of a set of pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from attrs import asdict


def split(
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS", help="Plain pairs: JSONL or Parquet.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for NAME.jsonl of each part, and images/.")],
    shares: Annotated[str, typer.Option(help="Parts and their shares.")] = "train=0.9,test=0.1",
    seed: Annotated[int, typer.Option(help="Another seed, another split.")] = 0,
    images_root: Annotated[
        Path | None, typer.Option(help="Folder that image paths start from and may not leave.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Splits pairs so that no request and no image is in two parts.

    Pairs that share a request or an image, directly or by way of others, stay together.
    """
    from parrot.adapters.datasets.splits import split_pairs
    from parrot.core.splitting import parse_shares

    done = split_pairs(pairs, out, parse_shares(shares), seed=seed, images_root=images_root)
    if as_json:
        print(json.dumps(asdict(done)))
        return
    total = sum(done.parts.values())
    for name, count in done.parts.items():
        print(f"{name}: {count} pairs ({count / total:.1%}) in {out / name}.jsonl")
    print(f"{done.groups} groups; the largest holds {done.largest} pairs")
    if done.unloadable:
        print(f"{done.unloadable} could not be loaded, see {out / 'unloadable.jsonl'}")
