"""The page of a long data run: how long it takes to write, how large it is, how long to open.

Run: python tests/benchmarks/bench_report.py [RATIONALES] [SIDE ...]

A run of 10,000 rationales of two images each, of three kinds in turn (or of these sides alone); the page
shows 200 of them. Prints processor seconds of `data_page` (the best of two), the same without any
example (what reading the run takes), megabytes of the page, and, where a Chromium is installed, the
processor milliseconds that its main thread spends on the page until all is loaded.
"""

import importlib.util
import io
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image as Pillow

from parrot.adapters.report import data_page, data_run
from parrot.adapters.runs import RunFolder

KINDS = {
    "drawings, 64 x 64, PNG": (64, "PNG"),
    "photographs, 512 x 512, JPEG": (512, "JPEG"),
    "photographs, 1024 x 1024, PNG": (1024, "PNG"),
}
DIFFERENT = 32
TEXT = "The left wing is sharper in one of the two, and the branch is where it was asked for. " * 2


def picture(number, side, form):
    """A soft field of colours with some grain, as a photograph has; flat where small."""
    rng = random.Random(number)
    small = Pillow.new("RGB", (6, 6))
    small.putdata([tuple(rng.randrange(256) for _ in "rgb") for _ in range(36)])
    if side < 100:
        whole = small.resize((side, side), Pillow.Resampling.NEAREST)
    else:
        grain = Pillow.effect_noise((side, side), 20).convert("RGB")
        whole = Pillow.blend(small.resize((side, side), Pillow.Resampling.BICUBIC), grain, 0.1)
    out = io.BytesIO()
    whole.save(out, form)
    return out.getvalue()


def rationale(number, suffix):
    names = ("text_faithfulness", "physical_quality", "text_rendering")
    found = [
        {"dimension": n, "justification": TEXT, "score_a": 3.0, "score_b": 2.0, "winner": "A"}
        for n in names
    ]
    a, b = (f"images/{(2 * number + k) % DIFFERENT}.{suffix}" for k in (0, 1))
    pair = {"id": f"p{number}", "prompt": TEXT, "image_a": a, "image_b": b, "label": "A"}
    return {
        "schema": 1,
        "id": f"p{number}/pairwise/AB/0",
        "pair_id": f"p{number}",
        "form": "pairwise",
        "body": {"analysis": TEXT, "findings": found, "summary": TEXT},
        "provenance": {"teacher": "t", "prompt": "p", "anchored": True},
        "raw": TEXT * 6,
        "pair": pair,
        "verdicts": {n: {"verdict": "keep"} for n in ("well-formed", "scores-agree", "leak-free")},
    }


def write_run(folder, count, side, form):
    (folder / "images").mkdir(parents=True)
    for number in range(DIFFERENT):
        (folder / f"images/{number}.{form.lower()}").write_bytes(picture(number, side, form))
    about = {"schema": 1, "command": "rationalize", "images_root": str(folder)}
    (folder / "run.json").write_text(json.dumps(about))
    kept = count // 2
    ends = {"kept": kept, "dropped": count - kept, "failed": 0}
    funnel = {"pairs": {"in": count, **ends}, "rationales": {"asked": count, **ends}}
    (folder / "funnel.json").write_text(json.dumps({**funnel, "filters": []}))
    (folder / "failed.jsonl").touch()
    for name, numbers in (("rationales", range(kept)), ("dropped", range(kept, count))):
        with (folder / f"{name}.jsonl").open("w") as lines:
            for number in numbers:
                record = rationale(number, form.lower())
                if name == "dropped":
                    record["_dropped"] = {"filter": f"f{number % 5}", "reason": "r", "detail": ""}
                lines.write(json.dumps(record) + "\n")
    return RunFolder(folder)


def processor_seconds(run):
    spent = []
    for _ in range(2):
        began = time.process_time()
        page = data_page(run)
        spent.append(time.process_time() - began)
    return min(spent), page


def reading_seconds(run):
    whole, data_run.example = data_run.example, lambda *_: ""
    try:
        return processor_seconds(run)[0]
    finally:
        data_run.example = whole


def browser():
    """What the tests drive, or None where none is installed."""
    place = Path(__file__).parents[1] / "adapters/report/conftest.py"
    spec = importlib.util.spec_from_file_location("chromium", place)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    program = next(filter(None, map(found.shutil.which, found.NAMES)), None)
    return program and (found.Tab, found.Chromium(program, tempfile.mkdtemp()))


def opened(shown, place):
    if shown is None:
        return "no Chromium"
    tab, one = shown
    spent = []
    for _ in range(2):
        with tab(one, place.with_name("blank.html")) as page:
            page.ask("Performance.enable", timeDomain="threadTicks")
            page.go(place)
            told = page.ask("Performance.getMetrics")["metrics"]
            spent.append({m["name"]: m["value"] for m in told}["TaskDuration"])
    return f"{1000 * min(spent):.0f} ms"


def main(count=10_000, *sides):
    shown = browser()
    print(f"{count} rationales{'':22}{'writing':>9}{'reading':>9}{'page':>10}{'opening':>10}")
    for name, (side, form) in KINDS.items():
        if sides and side not in sides:
            continue
        with tempfile.TemporaryDirectory() as folder:
            run = write_run(Path(folder) / "run", count, side, form)
            seconds, page = processor_seconds(run)
            place = Path(folder) / "report.html"
            place.write_text(page)
            place.with_name("blank.html").touch()
            size = f"{len(page.encode()) / 1e6:.1f} MB"
            read = reading_seconds(run)
            print(f"{name:34}{seconds:7.2f} s{read:7.2f} s{size:>10}{opened(shown, place):>10}")
    if shown is not None:
        shown[1].close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
