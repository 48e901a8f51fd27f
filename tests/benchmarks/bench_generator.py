"""How well a miniature generator draws what it is asked, by the exact reader.

    python tests/benchmarks/bench_generator.py [FOLDER] [REQUESTS]

The shipped one and 256 requests of the test split of each kind, unless told otherwise. objects: things
drawn as the request tells of them; intended: things of the scene behind it, told of or not; met:
whole requests; unread: drawings that the reader makes nothing of.
"""

import sys

import torch
from diffusers import FluxPipeline

from parrot.backends.miniature.briefs import Style
from parrot.backends.miniature.shipped import folder_of
from parrot.backends.miniature.training.captions import fresh_changed, fresh_drawn
from parrot.backends.miniature.training.drawing import Hand, Sheet
from parrot.backends.miniature.training.grading import graded

FOLDER = folder_of(sys.argv[1] if len(sys.argv) > 1 else "miniature:generator")
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 256
SEED = 1  # the training's own measurements have 0


def main():
    torch.set_num_threads(1)
    pipeline = FluxPipeline.from_pretrained(FOLDER, torch_dtype=torch.float32)
    hand = Hand(pipeline.vae, pipeline.transformer, pipeline.text_encoder_2, pipeline.text_encoder)
    for name, shown in (
        ("detailed", fresh_drawn(COUNT, Style.DETAILED, seed=SEED)),
        ("terse", fresh_drawn(COUNT, Style.TERSE, seed=SEED)),
        ("edits", fresh_changed(COUNT, seed=SEED)),
    ):
        sheets = [Sheet(one.prompt, k, one.source) for k, one in enumerate(shown)]
        print(name, graded(shown, hand.draw(sheets)), flush=True)


if __name__ == "__main__":
    main()
