"""The generator's two tokenizers, built from the words of this world, the same on every machine.

Every word of a request is one token to the T5 tokenizer; a word of another kind is spelt. The CLIP
tokenizer merges the same words from letters. Nothing here is trained on chance.
"""

from __future__ import annotations

import re
import string
from functools import cache
from itertools import pairwise
from typing import Any, Final

from transformers import CLIPTokenizer, T5Tokenizer

from parrot.backends.miniature.briefs import Style
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.training.captions import changed, drawn
from parrot.backends.miniature.world import LETTERS

LENGTH: Final = 48
"""Tokens of a request to the T5 encoder; the longest request of this world has as many."""
POOLED_LENGTH: Final = 64
"""Tokens of a request to the CLIP encoder."""
_SAMPLED: Final = 4000
_MORE_WORDS: Final = (
    "an",
    "in",
    "of",
    "with",
    "and",
    "no",
    "not",
    "one",
    "left",
    "right",
    "corner",
)


@cache  # a pipeline is built with it several times
def words() -> tuple[str, ...]:
    """The words of the world's requests, without marks around them, sorted."""
    chance = Chance("parrot miniature words")
    texts = [changed(chance, split="any").prompt for _ in range(_SAMPLED)]
    texts += [drawn(chance, style=style, split="any").prompt for style in Style for _ in texts]
    found = {word for text in texts for word in re.findall(r"[a-z]+", text)}
    return tuple(sorted(found.union(_MORE_WORDS)))


def t5_tokenizer() -> Any:
    """A unigram tokenizer: whole words before letters, quoted letters whole."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
    pieces += [(f"▁{word}", -2.0) for word in words() if len(word) > 1]
    pieces += [(f'▁"{letter}"', -2.0) for letter in LETTERS]
    single = string.ascii_letters + string.digits + string.punctuation
    pieces += [(f"▁{c}", -5.0) for c in string.ascii_lowercase]
    pieces += [(c, -6.0) for c in single]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=LENGTH)


def clip_tokenizer() -> Any:
    """A byte-level tokenizer whose merges build the words, the more common beginnings first."""
    ends, merges = _merges(words())
    alphabet = _alphabet()
    vocab = ["<|startoftext|>", "<|endoftext|>", *alphabet, *(f"{c}</w>" for c in alphabet)]
    vocab += [piece for piece in ends if piece not in set(vocab)]
    return CLIPTokenizer(
        vocab={piece: i for i, piece in enumerate(dict.fromkeys(vocab))},
        merges=merges.copy(),
        model_max_length=POOLED_LENGTH,
    )


def _alphabet() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


@cache
def _merges(of: tuple[str, ...]) -> tuple[list[str], list[tuple[str, str]]]:
    """Byte-pair encoding of the words, each counted once, until every one is one piece.

    Ties go to the pair that sorts first, so that the merges are the same everywhere.
    """
    split = [(*word[:-1], word[-1] + "</w>") for word in of]
    made: list[str] = []
    merges: list[tuple[str, str]] = []
    while any(len(parts) > 1 for parts in split):
        counts: dict[tuple[str, str], int] = {}
        for parts in split:
            for pair in pairwise(parts):
                counts[pair] = counts.get(pair, 0) + 1
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        made.append("".join(best))
        split = [_merged(parts, best) for parts in split]
    return made, merges


def _merged(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out: list[str] = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return tuple(out)
