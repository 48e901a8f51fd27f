"""How a command that judged pairs ends: the funnel, where it is, what failed, the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from parrot.adapters.begun import lacking
from parrot.adapters.runs import RunFolder, RunWriter
from parrot.core.outcomes import End
from parrot.core.records.failures import failure_to_record


def told_lacking(run: RunFolder) -> dict[str, str]:
    """Says on standard error where a run is not of its whole input; what a run made of it says."""
    why = lacking(run.about)
    if not why:
        return {}
    typer.echo(f"{run.folder} is not of its whole input: {why}", err=True)
    return {"input_status": why}


def ended(writer: RunWriter) -> dict[str, Any]:
    """What a run brought, as plain data: its funnel, and the first failure if there is one."""
    first = writer.first_failure
    found = {"first_failure": failure_to_record(first)} if first else {}
    return {**writer.funnel.to_dict(), **found}


def tell_run(
    report: dict[str, Any],
    out: Path,
    *,
    as_json: bool,
    title: str = "Funnel",
    examples: int = 1,
) -> None:
    """Prints the report; exits with 1 where a pair failed, naming the first and why."""
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        from parrot.cli.tables import print_funnel

        print_funnel(report, title=title, examples=examples)
        if report.get("not_run"):
            print(f"not run, since they need a --verifier: {', '.join(report['not_run'])}")
        print(f"run: {out}")
    failed = report["pairs"][End.FAILED.value]
    if failed:
        share = f"{failed} of {report['pairs']['in']} pairs failed"
        where = f"{out / 'failed.jsonl'} has all; the same command tries them again"
        typer.echo(f"{share}{_first(report)}; {where}", err=True)
        raise typer.Exit(1)


def _first(report: dict[str, Any]) -> str:
    first = report.get("first_failure")
    if not first:
        return ""
    return f", the first {first['pair_id']}: {first['kind']}: {first['detail']}"
