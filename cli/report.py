"""`parrot report`: a run as one HTML page to look at, to keep, to send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from parrot.adapters.report import refinement_page


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of refine.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="The page, a file of HTML.")] = Path(
        "report.html"
    ),
) -> None:
    """Writes one page with drafts side by side, what the critic said and what changed in the words.

    It holds its pictures, needs no network, and runs no script.
    """
    page = refinement_page(run)
    fresh = out.with_name(out.name + ".partial")
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh.write_text(page, encoding="utf-8", errors="replace")
    fresh.replace(out)
    print(f"report: {out}")
