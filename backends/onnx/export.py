"""`parrot export-onnx`: a loaded Qwen3-VL to a folder of graphs that run without torch.

Exporting needs torch and onnx. The folder is whole or not there.
"""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any, Final

import torch

from parrot.backends.onnx.card import (
    ARCHITECTURE,
    DECODER,
    TEMPLATE,
    TOKENIZER,
    TOWER,
    Card,
    Looks,
    write_card,
)
from parrot.backends.onnx.graphs import DECODER_INPUTS, TOWER_INPUTS, Decoder, Tower
from parrot.backends.onnx.quantizing import BITS, quantize
from parrot.core.errors import ConfigError

DTYPES: Final = ("fp32", *BITS)
_OPSET: Final = 18


def export(
    model: Any, tokenizer: Any, images: Any, out: str | Path, *, name: str, dtype: str = "fp32"
) -> Path:
    """Writes graphs, tokenizer, template and card to a folder, and returns it.

    model: a Qwen3-VL of transformers, in float32 on the CPU; images: its image processor; name: the
    checkpoint's id. dtype: fp32, or int8 or int4 for the decoder's weights. Raises ConfigError where
    the model is of another kind or the folder has something in it.
    """
    place = Path(out)
    check_target(place, dtype)
    card = card_of(model, tokenizer, images, name=name, dtype=dtype)
    partial = place.with_name(place.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write(model, card, partial)
    if dtype in BITS:
        quantize(partial / DECODER, BITS[dtype])
    tokenizer.backend_tokenizer.save(str(partial / TOKENIZER))
    (partial / TEMPLATE).write_text(tokenizer.get_chat_template(), encoding="utf-8")
    write_card(partial, card)
    if place.exists():
        place.rmdir()
    partial.rename(place)
    return place


def check_target(place: Path, dtype: str) -> None:
    """Raises ConfigError for an unknown dtype, and where the folder has something in it."""
    if dtype not in DTYPES:
        raise ConfigError(f"dtype is one of {', '.join(DTYPES)}, not {dtype!r}")
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise ConfigError(f"{str(place)!r} has something in it already")


def card_of(model: Any, tokenizer: Any, images: Any, *, name: str, dtype: str) -> Card:
    """The card of a loaded model. Raises ConfigError where its kind is not exported here."""
    config = model.config
    if config.model_type != ARCHITECTURE:
        raise ConfigError(f"exported are {ARCHITECTURE} models, not {config.model_type!r}")
    text = config.text_config
    said = model.generation_config.eos_token_id
    ends = {*(said if isinstance(said, list) else [said]), tokenizer.eos_token_id} - {None}
    added = [one.content for one in tokenizer.added_tokens_decoder.values() if one.special]
    return Card(
        name=name,
        dtype=dtype,
        layers=text.num_hidden_layers,
        heads=text.num_key_value_heads,
        size=getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads,
        width=text.hidden_size,
        deep=len(config.vision_config.deepstack_visual_indexes),
        longest=text.max_position_embeddings,
        image_token=config.image_token_id,
        ends=sorted(ends),
        marks=sorted({*tokenizer.all_special_tokens, *added}),
        names={k: v for k, v in tokenizer.special_tokens_map.items() if isinstance(v, str)},
        looks=_looks(images, model.model.visual),
    )


def _looks(images: Any, visual: Any) -> Looks:
    switches = ("do_resize", "do_rescale", "do_normalize", "do_convert_rgb")
    unlike = [name for name in switches if not getattr(images, name)]
    if unlike:
        raise ConfigError(f"the image processor has {unlike[0]} off, which is not exported here")
    return Looks(
        patch=images.patch_size,
        merge=images.merge_size,
        frames=images.temporal_patch_size,
        least=images.size["shortest_edge"],
        most=images.size["longest_edge"],
        table=visual.num_grid_per_side,
        resample=int(images.resample),
        scale=images.rescale_factor,
        mean=images.image_mean,
        deviation=images.image_std,
    )


def _write(model: Any, card: Card, folder: Path) -> None:
    looks = card.looks
    values = 3 * looks.frames * looks.patch**2
    count = 4 * looks.merge**2
    seen = (
        torch.zeros(2, count, values),
        torch.zeros(count, 4, dtype=torch.long),
        torch.zeros(count, 4),
        torch.zeros(count, 2, dtype=torch.long),
    )
    free = {"patches": {0: "images", 1: "patches"}}
    free |= {name: {0: "patches"} for name in TOWER_INPUTS[1:]}
    _graph(Tower(model.model.visual), seen, folder / TOWER, TOWER_INPUTS, ("features",), free)
    names = tuple(f"{k}_{n}" for n in range(card.layers) for k in ("key", "value"))
    free = {
        "ids": {0: "rows", 1: "new"},
        "positions": {1: "rows", 2: "new"},
        "mask": {0: "rows", 1: "total"},
        "seen": {0: "rows", 1: "new"},
        "features": {1: "shown"},
        "wanted": {0: "wanted"},
    }
    free |= {name: {0: "rows", 2: "held"} for name in names}
    given = ("scores", *(f"longer_{name}" for name in names))
    decoder = Decoder(model)
    _graph(decoder, _fed(card), folder / DECODER, (*DECODER_INPUTS, *names), given, free)


def _fed(card: Card) -> tuple[Any, ...]:
    """What the decoder is traced with: two rows, five tokens after seven."""
    ids = torch.zeros(2, 5, dtype=torch.long)
    cache = [torch.zeros(2, card.heads, 7, card.size) for _ in range(2 * card.layers)]
    features = torch.zeros(1 + card.deep, 4, card.width)
    places, mask = torch.zeros(3, 2, 5, dtype=torch.long), torch.ones(2, 12, dtype=torch.long)
    return ids, places, mask, ids, features, torch.tensor([4]), cache


def _graph(
    module: torch.nn.Module,
    fed: tuple[Any, ...],
    path: Path,
    taken: tuple[str, ...],
    given: tuple[str, ...],
    free: dict[str, dict[int, str]],
) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        # The tracer: the exporter that replaced it needs a minute for what this does in a second.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            fed,
            str(path),
            input_names=list(taken),
            output_names=list(given),
            dynamic_axes=free,
            opset_version=_OPSET,
            dynamo=False,
        )
