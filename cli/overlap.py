"""`parrot overlap`: what two sets of pairs share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from parrot.core.overlap import Overlap, Traits
    from parrot.core.values import Unloadable


def overlap(
    train: Annotated[Path, typer.Argument(metavar="TRAIN", help="Plain pairs to train on.")],
    evaluation: Annotated[Path, typer.Argument(metavar="EVAL", help="Plain pairs to test on.")],
    *,
    near_text: Annotated[
        float, typer.Option(min=0.01, max=1, help="Likeness from which requests are near.")
    ] = 0.8,
    near_image: Annotated[
        int, typer.Option(min=0, max=31, help="Bits of 128 that near images may differ in.")
    ] = 8,
    exact: Annotated[bool, typer.Option("--exact", help="Only what is the same.")] = False,
    examples: Annotated[int, typer.Option(min=0, help="How many to print.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with all.")] = False,
) -> None:
    """Requests and images of EVAL that are in TRAIN too, or nearly. Exits with 1 if there are any.

    The same: equal digests, and requests equal but for case and punctuation. Near: character
    4-grams of requests (Jaccard), difference hashes of images.
    """
    from parrot.core.overlap import OverlapIndex
    from parrot.core.overlap import overlap as compared

    lost: list[Unloadable] = []
    index = OverlapIndex(
        _traits(evaluation, lost, look=not exact),
        near_text=None if exact else near_text,
        near_image=None if exact else near_image,
    )
    found = compared(index, _traits(train, lost, look=not exact))
    if as_json:
        print(json.dumps(_report(found, lost), ensure_ascii=False))
    else:
        _print(found, lost, examples)
    raise typer.Exit(1 if found.best else 0)


def _traits(path: Path, lost: list[Unloadable], *, look: bool) -> Iterator[Traits]:
    from parrot.adapters.datasets.likeness import traits_of
    from parrot.adapters.datasets.reading import read_pairs
    from parrot.core.errors import ImageError
    from parrot.core.values import Unloadable

    for pair in read_pairs(path):
        if isinstance(pair, Unloadable):
            lost.append(pair)
            continue
        try:
            yield traits_of(pair, look=look)
        except ImageError as error:
            lost.append(Unloadable(pair.id, str(error)))


def _report(found: Overlap, lost: list[Unloadable]) -> dict[str, Any]:
    return {
        "train": found.streamed,
        "eval": found.indexed,
        "touched": found.touched,
        "counts": found.counts,
        "unloadable": len(lost),
        "matches": [
            {"kind": m.kind.value, "eval": m.id, "train": m.other, "likeness": round(m.likeness, 4)}
            for m in found.best
        ],
    }


def _print(found: Overlap, lost: list[Unloadable], examples: int) -> None:
    share = found.touched / found.indexed if found.indexed else 0.0
    print(
        f"{found.touched} of {found.indexed} EVAL pairs ({share:.1%}) overlap with"
        f" {found.streamed} TRAIN pairs"
    )
    for kind, count in found.counts.items():
        print(f"  {kind}: {count}")
    for match in found.best[:examples]:
        print(f"  {match.kind}: {match.id} ~ {match.other} ({match.likeness:.2f})")
    if lost:
        print(f"{len(lost)} pairs could not be loaded, first {lost[0].id}: {lost[0].reason}")
