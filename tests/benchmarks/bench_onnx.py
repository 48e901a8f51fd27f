"""An exported Qwen3-VL against the checkpoint in torch: the same tokens, the same scores, how fast.

Run: python tests/benchmarks/bench_onnx.py CHECKPOINT [ASKS] [PAIRS]

Exports the checkpoint in fp32, int8 and int4 and asks all four for the same critiques of the
miniature (half of single images, half of pairs; half edits), greedily, on one thread. Prints how many
are the same tokens as torch's; for those that are not, by how much torch's own two best scores
differ where they part; the largest difference of scores over torch's answers given (teacher
forcing); how often the winner of PAIRS pairs is the label's and how often it is torch's; and
processor time of a part of the asks, in turns, as ratios to torch's.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

from parrot.backends import onnx as onnx_backend
from parrot.backends.miniature.pairs import pair_at
from parrot.backends.onnx import decoding as onnx_decoding
from parrot.backends.onnx.export import DTYPES, export
from parrot.backends.onnx.preparing import Preparer as OnnxPreparer
from parrot.backends.onnx.writing import Row as OnnxRow
from parrot.backends.torch import decoding as torch_decoding
from parrot.backends.torch.loading import Options, load
from parrot.backends.torch.model import TorchModel
from parrot.backends.torch.preparing import Preparer as TorchPreparer
from parrot.backends.torch.writing import Row as TorchRow
from parrot.core.asks import Sampling
from parrot.core.formats import Form
from parrot.core.prompts.judging import Prompt
from parrot.core.rubric import rubric_for
from parrot.core.values import Label

SAMPLING = Sampling(temperature=0.0, max_tokens=260)
CLOSE = 1e-3
BATCH = 16
ROUNDS = 3


def pairs_of(count):
    return [pair_at(n, seed=77, split="test")[0] for n in range(count)]


def compared(pair):
    return Prompt().compare(pair, rubric_for(pair.request), anchored=False, sampling=SAMPLING)


def critiqued(pair):
    return Prompt().critique(
        pair.request, pair.image_a, rubric_for(pair.request), sampling=SAMPLING
    )


class Torch:
    """The checkpoint: tokens written, and scores of given tokens."""

    def __init__(self, loaded):
        self.loaded, self.prepare = loaded, TorchPreparer(loaded)
        self.decoder = torch_decoding.Decoder(loaded.model, loaded.device)
        self.model = TorchModel(loaded, max_batch=BATCH)

    def row(self, ask):
        one = self.loaded
        return TorchRow(ask, one.name, one.tokenizer, ends=one.ends, stop=())

    def scores(self, prompt, ids):
        kinds, count = prompt.pixels["mm_token_type_ids"], len(ids)
        after = int(prompt.positions.max()) + 1 + torch.arange(count)
        places = torch.cat([prompt.positions, after.expand(3, -1)], dim=1)
        pixels = {
            **prompt.pixels,
            "mm_token_type_ids": torch.cat([kinds, kinds.new_zeros(1, count)], 1),
        }
        with torch.inference_mode():
            out = self.loaded.model(
                input_ids=torch.tensor([prompt.ids + ids]),
                position_ids=places[:, None],
                logits_to_keep=count + 1,
                **pixels,
            )
        return out.logits[0].numpy()


class Onnx:
    """An export of it, likewise."""

    def __init__(self, folder):
        self.loaded = onnx_backend.load(folder, onnx_backend.Options(device="cpu", threads=1))
        one = self.loaded
        self.prepare = OnnxPreparer(one.card, one.tokenizer, one.render)
        self.decoder = onnx_decoding.Decoder(one)
        self.model = onnx_backend.OnnxModel(one, max_batch=BATCH)

    def row(self, ask):
        one = self.loaded
        return OnnxRow(ask, one.name, one.tokenizer, ends=one.ends, stop=())

    def scores(self, prompt, ids):
        one, count = self.loaded, len(ids)
        features, starts = onnx_decoding.shown([prompt], one)
        held = np.array([prompt.ids + ids])
        seen = np.zeros_like(held)
        seen[held == one.card.image_token] = np.concatenate(
            [starts[p.name] + np.arange(p.tokens(one.card.looks)) for p in prompt.pictures]
        )
        after = np.tile(prompt.positions.max() + 1 + np.arange(count), (3, 1))
        fed = {
            "ids": held,
            "positions": np.concatenate([prompt.positions, after], axis=1)[:, None],
            "mask": np.ones_like(held),
            "seen": seen,
            "features": features,
            "wanted": np.arange(prompt.length - 1, held.shape[1]),
        }
        none = np.zeros((1, one.card.heads, 0, one.card.size), np.float32)
        cache = [one.decoder.value(none)] * (2 * one.card.layers)
        return one.decoder.step(fed, cache)[0][0]


def written(side, asks):
    """Token ids of every answer, greedy, in batches."""
    out = []
    for start in range(0, len(asks), BATCH):
        some = asks[start : start + BATCH]
        prompts, rows = [side.prepare(ask) for ask in some], [side.row(ask) for ask in some]
        side.decoder.decode(prompts, rows)
        out += [row.ids for row in rows]
    return out


def parted(ours, theirs):
    """Where two answers part: the first place at which one has another token or none."""
    same = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    return min(len(ours), len(theirs)) if same is None else same


def against(side, origin, asks, answers):
    """Prints how one export's tokens and scores differ from torch's."""
    mine = written(side, asks)
    gaps, furthest = [], 0.0
    for ask, theirs, ours in zip(asks, answers, mine, strict=True):
        wanted = origin.scores(origin.prepare(ask), theirs)
        found = side.scores(side.prepare(ask), theirs)
        furthest = max(furthest, float(np.abs(wanted - found).max()))
        if ours != theirs:
            best = np.sort(wanted[parted(ours, theirs)])[-2:]
            gaps.append(float(best[1] - best[0]))
    near = sum(gap < CLOSE for gap in gaps)
    print(
        f"  same tokens {len(asks) - len(gaps)} of {len(asks)}; parted where torch's two best differ"
        f" by less than {CLOSE:g}: {near}, by more: {len(gaps) - near}"
        f"\n  largest difference of scores, torch's answers given: {furthest:.2e}",
        flush=True,
    )


def winners(side, pairs):
    """The label that the mean of the scores speaks for; None where they cannot be read."""
    out = []
    for pair, reply in zip(
        pairs, side.model.reply_batch([compared(p) for p in pairs]), strict=True
    ):
        rubric = rubric_for(pair.request)
        value = Prompt().format.read(reply.text, rubric, Form.PAIRWISE).value
        margin = value.margin(rubric.applicable(pair.request))
        tied = Label.TIE if margin == 0 else Label.A
        out.append(None if margin is None else Label.B if margin < 0 else tied)
    return out


def agreement(found, pairs):
    """Share of pairs with a winner where it was found; a found tie counts half."""
    held = [(one, pair.label) for one, pair in zip(found, pairs, strict=True)]
    decided = [(one, label) for one, label in held if label is not Label.TIE]
    return sum(1.0 if a is b else 0.5 * (a is Label.TIE) for a, b in decided) / len(decided)


def timed(side, asks):
    began = time.process_time()
    side.model.reply_batch(asks)
    return time.process_time() - began


def main():
    folder, *counts = sys.argv[1:]
    count, others = (int(one) for one in (*counts, *("200", "400")[len(counts) :]))
    torch.set_num_threads(1)
    loaded = load(folder, Options(dtype="float32", device="cpu"))
    origin = Torch(loaded)
    pairs = pairs_of(count)
    asks = [(compared if n // 2 % 2 else critiqued)(pair) for n, pair in enumerate(pairs)]
    answers = written(origin, asks)
    with tempfile.TemporaryDirectory() as home:
        sides = {}
        for dtype in DTYPES:
            where = Path(home) / dtype
            export(loaded.model, loaded.tokenizer, loaded.images, where, name="x", dtype=dtype)
            sides[dtype] = Onnx(where)
            size = sum(one.stat().st_size for one in where.iterdir())
            print(f"{dtype}: {size / 1e6:.1f} MB")
            against(sides[dtype], origin, asks, answers)
        judged = pairs_of(others)
        base = winners(origin, judged)
        print(
            f"winners of {others} pairs\n  torch agrees with the labels {agreement(base, judged):.3f}"
        )
        for dtype, side in sides.items():
            found = winners(side, judged)
            same = sum(a is b for a, b in zip(found, base, strict=True)) / len(base)
            print(f"  {dtype} {agreement(found, judged):.3f}, same winner as torch {same:.3f}")
        some = asks[: 4 * BATCH]
        print(f"processor time of {len(some)} asks on one thread, batches of {BATCH}", flush=True)
        spent = {name: [] for name in ("torch", *sides)}
        for _ in range(ROUNDS):
            for name, side in {"torch": origin, **sides}.items():
                spent[name].append(timed(side, some))
        first = median(spent["torch"])
        for name, times in spent.items():
            print(f"  {name:6} {median(times):6.2f} s  x{first / median(times):5.2f}")


if __name__ == "__main__":
    main()
