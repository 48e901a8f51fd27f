"""`parrot show`: look at pairs, critiques and the reasons why they stayed or fell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.adapters.disk import json_text
from parrot.adapters.runs import RunFolder
from parrot.cli.ending import told_lacking
from parrot.core.errors import ConfigError, RecordError, UnknownNameError
from parrot.core.filters import FILTERS, POINTWISE_FILTERS


def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    *,
    kept: Annotated[bool, typer.Option("--kept", help="Kept rationales (the default).")] = False,
    dropped: Annotated[
        str | None, typer.Option("--dropped", help="What this filter dropped; `any` for all.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="What failed, and why.")] = False,
    n: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print each as a line of JSON.")] = False,
) -> None:
    """Prints records of a run: the pair, the critique, the reason."""
    if sum((kept, dropped is not None, failed)) > 1:
        raise ConfigError("choose one of --kept, --dropped and --failed")
    folder = RunFolder(run)
    if dropped is not None:
        _known(dropped, folder)
    told_lacking(folder)
    chosen = list(islice(_records(folder, dropped, failed=failed), n))
    for record in chosen:
        if as_json:
            print(json_text(record))
        else:
            print("\n".join(_read(record, run)) + "\n")
    if not chosen:
        typer.echo("nothing of that kind in this run", err=True)


def _read(record: Mapping[str, Any], run: Path) -> list[str]:
    try:
        return list(_lines(record))
    except (KeyError, TypeError, AttributeError) as error:
        raise RecordError(
            f"{run} has a record that is none: {error} is missing or broken"
        ) from None


def _known(dropped: str, folder: RunFolder) -> None:
    own = folder.about.get("filters") or ()
    if dropped not in ("any", *own, *FILTERS, *POINTWISE_FILTERS):
        raise UnknownNameError("filter", dropped, ("any", *(own or FILTERS)))


def _records(
    folder: RunFolder, dropped: str | None, *, failed: bool
) -> Iterator[Mapping[str, Any]]:
    if failed:
        yield from (r for _, r in folder.records("failed.jsonl"))
    elif dropped is not None:
        for _, record in folder.records("dropped.jsonl"):
            if dropped in ("any", record.get("_dropped", {}).get("filter")):
                yield record
    else:
        yield from (r for _, r in folder.records())


def _seen(record: Mapping[str, Any]) -> Iterator[str]:
    """Images and label as the teacher saw them: what it calls A is the pair's B in order BA."""
    pair, turned = record.get("pair") or {}, record["provenance"]["order"] == "BA"
    for shown, own in (("A", "B" if turned else "A"), ("B", "A" if turned else "B")):
        if record.get("side") in (None, shown):  # a critique saw one image only
            of_pair = f" ({own} of the pair)" if turned else ""
            yield f"image {shown}{of_pair}: {_place(pair, f'image_{own.lower()}')}"
    label = str(pair.get("label", "?"))
    both = f", both {pair['both']}" if pair.get("both") else ""
    of_pair = f" ({label} of the pair)" if turned else ""
    yield f"label: {_TURNED.get(label, label) if turned else label}{of_pair}{both}"


_TURNED = {"A": "B", "B": "A"}


def _place(pair: Mapping[str, Any], name: str) -> str:
    place = str(pair.get(name, "?"))
    return "(not in the data)" if place.startswith("absent:") else place


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    if "body" not in record:
        place = " ".join(str(record[k]) for k in ("order", "sample") if k in record)
        yield f"{record['pair_id']} {place}: {record['kind']} at {record['stage']}: {record['detail']}"
        return
    pair, body = record.get("pair") or {}, record["body"]
    yield f"== {record['id']}  (teacher {record['provenance']['teacher']})"
    yield f"request: {pair.get('prompt', '?')}"
    yield from _seen(record)
    for finding in body["findings"]:
        scores = [finding[k] for k in ("score", "score_a", "score_b", "winner") if k in finding]
        yield f"- {finding['dimension']}: {' / '.join(map(str, scores))}"
        yield f"  {finding['justification']}"
    if body["summary"]:
        yield f"summary: {body['summary']}"
    if body.get("refinement"):
        yield f"refined request: {body['refinement']['request']}"
    if record.get("choice"):
        yield f"choice: {record['choice']}"
    if "_dropped" in record:
        fell = record["_dropped"]
        yield f"DROPPED by {fell['filter']}: {fell['reason']}: {fell['detail']}"
