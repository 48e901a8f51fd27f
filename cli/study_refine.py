"""`parrot study refine`: refinement against its controls, an arm and a seed at a time."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.cli import options
from parrot.cli.choices import chosen_members, chosen_values
from parrot.core.studies.redrawing import Arm, cell_id


def refine(
    *,
    out: Annotated[Path, typer.Option(help="Folder of the study; the same command goes on.")],
    generator: Annotated[str, typer.Option(help="Who draws.")] = "miniature:painter",
    draw: Annotated[
        list[str] | None,
        typer.Option(
            help="KEY=VALUE for the generator, such as num_inference_steps=4; repeatable."
        ),
    ] = None,
    critic: Annotated[str, typer.Option(help="Who critiques.")] = "miniature:student",
    requests: Annotated[int, typer.Option(min=1, help="Requests, of the test split.")] = 300,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of every arm.")] = 5,
    rounds: Annotated[int, typer.Option(min=1, help="Drafts after the first.")] = 4,
    arms: Annotated[
        str | None, typer.Option(help=f"Some of {', '.join(Arm)}, instead of all.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads that torch may use.")] = 1,
    report: Annotated[
        bool, typer.Option("--report", help="Run nothing: write the table of what there is.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Refined requests, new seeds, a suffix and blind rewrites, at equal drawings.

    The judge is the truth, read from the pixels. Each arm and seed ends as a line of drawn.jsonl. The
    primary contrast, refined against new-seed within keep-best, is in plan.json before anything is drawn.
    """
    from parrot.cli.study_drafts import Study, lines_of
    from parrot.cli.study_files import claim, plan_of, told_of
    from parrot.core.studies.redrawn_report import PRIMARY, report_of, report_to_dict, table_of

    wanted = chosen_members(Arm, "refinement arm", arms) if arms else tuple(Arm)
    if not report:
        how = chosen_values(draw or ())
        drawn_by = {"generator": told_of(generator), **({"draw": how} if how else {})}
        models = {**drawn_by, "critic": told_of(critic)}
        claim(out, {"primary": PRIMARY, **models, "requests": requests, "rounds": rounds})
        done = {one.id for one in lines_of(out).read()}
        cells = [(arm, seed) for seed in range(seeds) for arm in wanted]
        left = [(arm, seed) for arm, seed in cells if cell_id(arm, seed) not in done]
        if left:
            _threads(threads)
            Study(out, generator, how, critic, requests, rounds, _say).run(left)
    found = report_of(lines_of(out).read(), rounds=plan_of(out, PRIMARY)["rounds"])
    table, plain = table_of(found), report_to_dict(found)
    (out / "report.md").write_text(table + "\n", encoding="utf-8")
    (out / "report.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(plain) if as_json else table)


def _threads(count: int) -> None:
    try:
        import torch
    except ImportError:  # simulated models need none, and others say what they miss
        return
    torch.set_num_threads(count)


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), file=sys.stderr, flush=True)
