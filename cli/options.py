"""Options that several commands share, by name, so that they read and behave alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option("--out", help="Folder of the run; an earlier run goes on.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Concurrency = Annotated[int, typer.Option(min=1, help="Asks in flight at most.")]
Rpm = Annotated[float | None, typer.Option("--rpm", help="Requests a minute at most.")]
Tpm = Annotated[float | None, typer.Option("--tpm", help="Tokens a minute at most.")]
MaxAsks = Annotated[int | None, typer.Option(min=1, help="Stop after so many asks sent.")]
MaxSpent = Annotated[
    int | None, typer.Option("--max-tokens-spent", min=1, help="Stop after so many tokens.")
]
MaxCost = Annotated[
    float | None, typer.Option(help="Stop after so much money (needs --price-in, --price-out).")
]
MaxSeconds = Annotated[float | None, typer.Option(help="Stop after so many seconds.")]
MaxFailures = Annotated[
    float, typer.Option(min=0, max=1, help="Stop when more than this share of 500 asks fails.")
]
PriceIn = Annotated[float | None, typer.Option(help="Money for a million prompt tokens.")]
PriceOut = Annotated[float | None, typer.Option(help="Money for a million completion tokens.")]
Temperature = Annotated[float, typer.Option(min=0, help="Sampling temperature.")]
ReplyTokens = Annotated[int, typer.Option("--max-tokens", min=1, help="Tokens of a reply at most.")]
Seed = Annotated[int | None, typer.Option(help="Sampling seed, for servers that take one.")]
RubricName = Annotated[str, typer.Option("--rubric", help="auto, t2i, edit or a JSON file.")]
FormatName = Annotated[
    str, typer.Option("--format", help="Reply format: markup, markup-score-first, json.")
]
LayoutName = Annotated[str, typer.Option("--prompt", help="Layout: prefix-first or released.")]
WordingFile = Annotated[Path | None, typer.Option("--wording", help="JSON file of prompt texts.")]
Filters = Annotated[
    str, typer.Option("--filters", help="Names with commas, or a set: default, paper, free, all.")
]
Verifier = Annotated[str | None, typer.Option(help="Model that gathers evidence (kind:target).")]
