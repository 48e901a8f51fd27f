"""Which token comes next in a row: the likeliest, or one drawn by the ask's own chance.

Knows logits, nothing of networks or batches: a row gets the same tokens in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch

from parrot.core.asks import Ask, TokenLogprob
from parrot.core.keys import key_of
from parrot.core.local.growing import Growing

_SMALLEST: Final = 1e-10


class Row(Growing):
    """A reply in the making."""

    def __init__(
        self, ask: Ask, model: str, tokenizer: Any, *, ends: frozenset[int], stop: Sequence[str]
    ) -> None:
        def spell(ids: Sequence[int], /, *, plain: bool) -> str:
            kept = {"skip_special_tokens": plain, "clean_up_tokenization_spaces": False}
            return str(tokenizer.decode(ids, **kept))

        super().__init__(ask, spell, ends=ends, stop=stop)
        # The key holds seed and sample, so that equal asks draw alike and samples differ.
        self._chance = torch.Generator().manual_seed(int.from_bytes(key_of(ask, model)[:7], "big"))

    def take(self, scores: torch.Tensor) -> int:
        """The next token from its scores before the softmax (one a word of the vocabulary)."""
        sampling = self.ask.sampling
        plain = scores.float().cpu()
        token = int(plain.argmax()) if sampling.temperature <= 0 else self._drawn(plain)
        count = sampling.top_logprobs
        self.put(token, None if count is None else self._logprob(plain, token, count))
        return token

    def _drawn(self, scores: torch.Tensor) -> int:
        sampling = self.ask.sampling
        odds = torch.softmax(scores.double() / max(sampling.temperature, _SMALLEST), -1)
        odds, order = odds.sort(descending=True, stable=True)
        if sampling.top_p < 1.0:
            before = odds.cumsum(-1) - odds
            odds = torch.where(before < sampling.top_p, odds, 0.0)
        mass = odds.cumsum(-1)
        point = torch.rand((), generator=self._chance, dtype=torch.float64) * mass[-1]
        return int(order[min(int((mass <= point).sum()), len(order) - 1)])

    def _logprob(self, scores: torch.Tensor, token: int, count: int) -> TokenLogprob:
        logs = torch.log_softmax(scores, -1)
        best, ids = logs.topk(min(count, len(logs)))
        top = tuple(
            (self.piece(i), float(p)) for i, p in zip(ids.tolist(), best.tolist(), strict=True)
        )
        return TokenLogprob(self.piece(token), min(0.0, float(logs[token])), top)
