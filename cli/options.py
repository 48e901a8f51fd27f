"""Options that several commands share, by name, so that they read and behave alike."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

# The headings under which `--help` lists them.
MODELS, WORDS = "Models", "What is asked, and how"
JUDGING, BOUNDS, CLUSTER = "Filters", "Pace and bounds", "On a Ray cluster"


def _above_0(text: str) -> float:
    """A number above 0, as `parser` of an option. Raises BadParameter."""
    try:
        value = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no number") from None
    if not 0 < value < math.inf:
        raise typer.BadParameter(f"{text} is not more than 0")
    return value


ABOVE_0: dict[str, Any] = {"parser": _above_0, "metavar": "FLOAT"}
"""What an option takes that is a number above 0."""


def _under(panel: str, *names: str, text: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, **more)


Out = Annotated[Path, typer.Option("--out", help="Folder of the run; an earlier run goes on.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]

Teacher = Annotated[str, _under(MODELS, text="Model that writes critiques (kind:target).")]
Verifier = Annotated[str | None, _under(MODELS, text="Model that gathers evidence (kind:target).")]
Tag = Annotated[str | None, _under(MODELS, text="Tells servers of one model name apart.")]

RubricName = Annotated[str, _under(WORDS, "--rubric", text="auto, t2i, edit or a JSON file.")]
FormatName = Annotated[
    str, _under(WORDS, "--format", text="Reply format: markup, markup-score-first, json.")
]
LayoutName = Annotated[str, _under(WORDS, "--prompt", text="Layout: prefix-first or released.")]
WordingFile = Annotated[Path | None, _under(WORDS, "--wording", text="JSON file of prompt texts.")]
Temperature = Annotated[float, _under(WORDS, text="Sampling temperature.", min=0)]
ReplyTokens = Annotated[
    int, _under(WORDS, "--max-tokens", text="Tokens of a reply at most.", min=1)
]
Seed = Annotated[int | None, _under(WORDS, text="Sampling seed, for servers that take one.")]

Filters = Annotated[
    str,
    _under(
        JUDGING, "--filters", text="Names and sets with commas; sets: default, paper, free, all."
    ),
]
AllEvidence = Annotated[
    bool,
    _under(JUDGING, "--all-evidence", text="Gather all evidence for all: marginal rates."),
]
Probabilities = Annotated[
    bool,
    _under(
        JUDGING,
        "--probabilities",
        text="Ask for log-probabilities where the verifier gives them; `specific` always does.",
    ),
]

Concurrency = Annotated[int, _under(BOUNDS, text="Asks in flight at most.", min=1)]
Rpm = Annotated[
    float | None,
    _under(BOUNDS, "--rpm", text="Requests a minute at most.", **ABOVE_0),
]
Tpm = Annotated[
    float | None,
    _under(BOUNDS, "--tpm", text="Tokens a minute at most.", **ABOVE_0),
]
MaxAsks = Annotated[int | None, _under(BOUNDS, text="Stop after so many asks sent.", min=1)]
MaxSpent = Annotated[
    int | None, _under(BOUNDS, "--max-tokens-spent", text="Stop after so many tokens.", min=1)
]
MaxCost = Annotated[
    float | None,
    _under(
        BOUNDS,
        text="Stop after so much money (needs both prices).",
        **ABOVE_0,
    ),
]
MaxSeconds = Annotated[
    float | None,
    _under(BOUNDS, text="Stop after so many seconds.", **ABOVE_0),
]
MaxFailures = Annotated[
    float,
    _under(BOUNDS, text="Stop when more than this share of 500 asks fails.", min=0, max=1),
]
Limit = Annotated[int | None, _under(BOUNDS, text="Only the first so many pairs.", min=1)]
ShardOf = Annotated[
    str | None,
    _under(BOUNDS, "--shard", text="Only part I of N, as I/N; `parrot merge` joins the parts."),
]
Known = Annotated[
    list[Path] | None,
    _under(BOUNDS, "--known", text="Another run, whose answers are not asked again; repeatable."),
]
PriceIn = Annotated[float | None, _under(BOUNDS, text="Money for a million prompt tokens.", min=0)]
PriceOut = Annotated[
    float | None, _under(BOUNDS, text="Money for a million completion tokens.", min=0)
]

RayAddress = Annotated[
    str | None,
    _under(CLUSTER, "--ray", text="Run on this Ray cluster: its address, auto, or local."),
]
RayActors = Annotated[int, _under(CLUSTER, "--ray-actors", text="Actors; each has a shard.", min=1)]
RayCpus = Annotated[float, _under(CLUSTER, "--ray-cpus", text="Ray's CPUs an actor.", min=0)]
RayGpus = Annotated[float, _under(CLUSTER, "--ray-gpus", text="Ray's GPUs an actor.", min=0)]
