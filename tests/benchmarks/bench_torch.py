"""The torch backend's reward asks against plain `model.generate`, split into what brings the gain.

Run: python tests/benchmarks/bench_torch.py CHECKPOINT [--asks N] [--batch N] [--learn RUN --out DIR]

Every arm answers the same asks of the miniature in batches of the same size; what differs is named.
The rubric grows by filler to about 100, 400 and 1,500 tokens. A small student that never saw so long
a rubric babbles to the last token: --learn goes on with its training under each of the three, on the
critiques of a projected run folder, in DIR. `generate` goes on to the end mark of the longest row, in
batches in the order of the asks. Prints asks a second, the ratio to `generate`, the share of asks
whose scores are the same text as `generate`'s, and of replies that came to their end by themselves.
"""

import argparse
import time
from pathlib import Path

import torch
from attrs import evolve

from parrot.adapters.runs import RunFolder
from parrot.backends.miniature.pairs import pair_at
from parrot.backends.torch.distil import distil
from parrot.backends.torch.loading import Options, load
from parrot.backends.torch.model import TorchModel
from parrot.backends.torch.preparing import Preparer
from parrot.backends.torch.training import Recipe
from parrot.core.asks import Finish, Sampling, Until
from parrot.core.pipelines.examples import example_of
from parrot.core.prompts.judging import Prompt
from parrot.core.prompts.wording import OURS
from parrot.core.rubric import rubric_for
from parrot.core.stopping import end_of_scores

LENGTHS = (100, 400, 1500)
SAMPLING = Sampling(temperature=0.0, max_tokens=260)
LINE = "Look at the image before you score it. "
LEARNING = Recipe(steps=80, batch=8, rate=5e-4, tower=True, bf16=False)


def prompt_of(length, tokenizer):
    """A prompt with so many tokens, about, before the request."""
    lines = 0
    while True:
        prompt = Prompt(wording=evolve(OURS, method=f"{OURS.method} {LINE * lines}".strip()))
        (ask,) = asks_of(1, prompt)
        if len(tokenizer(ask.turns[0].parts[0]).input_ids) >= length:
            return prompt
        lines += 1


def learned(base, run, out, prompt):
    """The folder of a student that knows the prompt."""
    rows = RunFolder(run).candidates()
    distil(base, [example_of(row, prompt, id=name) for name, row in rows], out, recipe=LEARNING)
    return out


def asks_of(count, prompt):
    """Reward asks of held-out drawings."""
    made = []
    for n in range(count):
        pair, _ = pair_at(n, seed=77, task="t2i", split="test")
        rubric = rubric_for(pair.request)
        ask = prompt.critique(pair.request, pair.image_a, rubric, sampling=SAMPLING, refine=True)
        last = rubric.dimensions[-1].heading
        made.append(evolve(ask, until=Until.SCORES, last_score=last))
    return made


def generated(loaded, asks, batch):
    """Plain `generate` over left-padded batches; texts."""
    prepare, texts = Preparer(loaded), []
    for start in range(0, len(asks), batch):
        prompts = [prepare(ask) for ask in asks[start : start + batch]]
        width = max(p.length for p in prompts)
        ids = torch.zeros(len(prompts), width, dtype=torch.long)
        held, kinds = torch.zeros_like(ids), torch.zeros_like(ids)
        for row, p in enumerate(prompts):
            ids[row, width - p.length :] = torch.tensor(p.ids)
            held[row, width - p.length :] = 1
            kinds[row, width - p.length :] = p.pixels["mm_token_type_ids"][0]
        pixels = {
            name: torch.cat([p.pixels[name] for p in prompts])
            for name in ("pixel_values", "image_grid_thw")
        }
        fed = {"input_ids": ids, "attention_mask": held, "mm_token_type_ids": kinds} | pixels
        with torch.inference_mode():
            made = loaded.model.generate(
                **{k: v.to(loaded.device) for k, v in fed.items()},
                max_new_tokens=SAMPLING.max_tokens,
                do_sample=False,
                pad_token_id=0,
            )
        rows = made[:, width:].cpu()
        texts += [loaded.tokenizer.decode(row, skip_special_tokens=True) for row in rows]
    return texts


def scores(text, ask):
    end = end_of_scores(text, ask.last_score)
    return text if end is None else text[:end]


def timed(work):
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def compare(loaded, asks, batch, tokens):
    plain, base = timed(lambda: generated(loaded, asks, batch))
    print(f"\n{tokens} tokens before the request\n  {'generate':34} {len(asks) / base:8.2f} asks/s")
    whole = [evolve(ask, until=Until.END) for ask in asks]
    arms = (
        ("batches alone", whole, {"share": False, "retire": False}),
        ("+ retired rows", whole, {"share": False, "retire": True}),
        ("+ shared opening", whole, {"share": True, "retire": True}),
        ("+ end at the last score", asks, {"share": True, "retire": True}),
    )
    for name, some, options in arms:
        model = TorchModel(loaded, max_batch=batch, **options)
        replies, spent = timed(lambda m=model, s=some: m.reply_batch(s))
        same = sum(
            scores(r.text, a) == scores(t, a) for r, t, a in zip(replies, plain, asks, strict=True)
        )
        ended = sum(r.finish is Finish.END for r in replies)
        print(
            f"  {name:34} {len(asks) / spent:8.2f} asks/s  x{base / spent:5.2f}"
            f"  same scores {same / len(asks):.3f}  ended {ended / len(asks):.3f}"
        )


def main():
    options = argparse.ArgumentParser()
    options.add_argument("checkpoint", type=Path)
    options.add_argument("--asks", type=int, default=128)
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--learn", type=Path)
    options.add_argument("--out", type=Path)
    told = options.parse_args()
    for length in LENGTHS:
        folder = told.checkpoint
        prompt = prompt_of(length, load(folder).tokenizer)
        if told.learn:
            folder = learned(folder, told.learn, told.out / str(length), prompt)
        loaded = load(folder, Options(dtype="float32"))
        compare(loaded, asks_of(told.asks, prompt), told.batch, length)


if __name__ == "__main__":
    main()
