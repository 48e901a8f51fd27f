"""Writes processor_inputs.json: what transformers' own processors make of images and texts.

Run where torchvision works: `python tests/data/golden/make_processor_inputs.py` (torch 2.14.1,
torchvision 0.29.1, transformers 5.24.0 made the file beside it).
"""

import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "backends"))

KINDS = {
    "qwen2_vl": {"patch_size": 14, "size": {"shortest_edge": 3136, "longest_edge": 50176}},
    "qwen3_vl": {"patch_size": 16, "size": {"shortest_edge": 4096, "longest_edge": 65536}},
    "miniature": {"patch_size": 8, "size": {"shortest_edge": 1024, "longest_edge": 1024}},
}
"""Patch and pixel limits; mean and deviation differ between the first and the others."""
MEANS = {
    "qwen2_vl": ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
}
CASES = {
    "square": [("RGB", 64, 64)],
    "odd": [("RGB", 101, 57)],
    "tall": [("RGB", 31, 240)],
    "wide": [("RGB", 333, 50)],
    "small": [("RGB", 9, 11)],
    "large": [("RGB", 700, 500)],
    "grey": [("L", 70, 45)],
    "one bit": [("1", 40, 44)],
    "two": [("RGB", 48, 80), ("L", 64, 33)],
}
SAMPLES = 97


def picture(mode, width, height):
    """An image of every frequency, the same in every version: stripes, a ramp and an edge."""
    from PIL import Image

    made = Image.new("RGB", (width, height))
    made.putdata(
        [
            ((x * 7 + y * 3) % 256, 255 * ((x // 3 + y // 5) % 2), (x * y) % 256)
            for y in range(height)
            for x in range(width)
        ]
    )
    return made.convert(mode)


def settings(kind):
    """preprocessor_config.json of a kind."""
    mean, deviation = MEANS.get(kind, ([0.5] * 3, [0.5] * 3))
    return {
        "image_processor_type": "Qwen2VLImageProcessor",
        "image_mean": mean,
        "image_std": deviation,
        "merge_size": 2,
        "temporal_patch_size": 2,
        **KINDS[kind],
    }


def sampled(pixels):
    """Values at equal distances over the whole of a tensor, first and last included."""
    flat = pixels.flatten()
    return [round(float(flat[i * (len(flat) - 1) // (SAMPLES - 1)]), 5) for i in range(SAMPLES)]


def made_by(processor, images):
    marks = "".join("<|vision_start|><|image_pad|><|vision_end|>" for _ in images)
    shown = [one.convert("RGB") for one in images]
    fed = processor(text=[f"Look: {marks} which?"], images=shown, return_tensors="pt")
    return {
        "ids": fed["input_ids"][0].tolist(),
        "grid": fed["image_grid_thw"].tolist(),
        "shape": list(fed["pixel_values"].shape),
        "mean": round(float(fed["pixel_values"].mean()), 5),
        "samples": sampled(fed["pixel_values"]),
    }


def main():
    from conftest import _tokenizer
    from transformers import AutoImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    out = {}
    for kind in KINDS:
        folder = Path(tempfile.mkdtemp())
        (folder / "preprocessor_config.json").write_text(json.dumps(settings(kind)))
        images = AutoImageProcessor.from_pretrained(folder, backend="torchvision")
        print(kind, type(images).__name__, file=sys.stderr)
        processor = Qwen3VLProcessor(images, _tokenizer(), Qwen3VLVideoProcessor())
        out[kind] = {
            name: made_by(processor, [picture(*one) for one in case])
            for name, case in CASES.items()
        }
    (HERE / "processor_inputs.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
