"""The student's tokenizer, and the folder files by which transformers loads it.

A word of the vocabulary is one token; any other text falls back to its UTF-8 bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Sequence, Split

from parrot.backends.miniature.training.student.lessons import (
    END,
    IMAGE_PAD,
    MERGE,
    PATCH,
    SPECIALS,
    STOP,
    TEMPLATE,
    VIDEO_PAD,
    VISION_END,
    VISION_START,
)
from parrot.backends.miniature.training.student.vocabulary import (
    PIECES,
    Vocabulary,
    gathered,
    passages,
)
from parrot.backends.miniature.world import SIDE

_LETTERS: Final = str.maketrans({" ": "Ġ", "\n": "Ċ"})
_CUT: Final = Split(Regex(PIECES), behavior="isolated")
_COVERED: Final = re.compile("|".join(re.escape(mark) for mark in (*SPECIALS, *passages())))
LONGEST: Final = 4096
"""Tokens that the tokenizer's card allows."""


def vocabulary() -> Vocabulary:
    """The vocabulary of this version of world and prompts; the same on every machine."""
    return gathered(_uncovered)


def tokenizer_of(words: Vocabulary) -> Tokenizer:
    """The tokenizer of a vocabulary; ids as `Vocabulary` says."""
    table = {special: i for i, special in enumerate(SPECIALS)}
    for one in (*sorted(ByteLevel.alphabet()), *(w.translate(_LETTERS) for w in words.words)):
        table.setdefault(one, len(table))
    tokenizer = Tokenizer(BPE(vocab=table, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = _pieces()
    tokenizer.decoder = ByteDecoder()
    return _with_passages(tokenizer, words.passages)


def _pieces() -> PreTokenizer:
    whole: PreTokenizer = Sequence([_CUT, ByteLevel(add_prefix_space=False, use_regex=False)])
    return whole


def _with_passages(tokenizer: Tokenizer, texts: Iterable[str]) -> Tokenizer:
    tokenizer.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIALS])
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in texts])
    return tokenizer


def _uncovered(text: str) -> Iterator[str]:
    """The pieces of a text outside special tokens and passages."""
    for part in _COVERED.split(text):
        yield from (piece for piece, _ in _CUT.pre_tokenize_str(part))


def write_files(folder: str | Path, words: Vocabulary) -> None:
    """Tokenizer, chat template and image processor files, for `AutoProcessor` and without it."""
    from transformers import PreTrainedTokenizerFast

    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer_of(words),
        eos_token=STOP,
        pad_token=END,
        model_max_length=LONGEST,
        clean_up_tokenization_spaces=False,
        extra_special_tokens={
            "image_token": IMAGE_PAD,
            "video_token": VIDEO_PAD,
            "vision_bos_token": VISION_START,
            "vision_eos_token": VISION_END,
        },
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(home)
    _put(home / "preprocessor_config.json", _image_processor("Qwen2VLImageProcessor"))
    video = _image_processor(None) | {"video_processor_type": "Qwen3VLVideoProcessor"}
    _put(home / "video_preprocessor_config.json", video)


def _image_processor(kind: str | None) -> dict[str, Any]:
    area = SIDE * SIDE
    files: dict[str, Any] = {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "merge_size": MERGE,
        "patch_size": PATCH,
        "processor_class": "Qwen3VLProcessor",
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"longest_edge": area, "shortest_edge": area},
        "temporal_patch_size": 2,
    }
    return files | ({"image_processor_type": kind} if kind else {})


def _put(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
