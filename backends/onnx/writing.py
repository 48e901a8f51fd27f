"""Which token comes next in a row: the likeliest, or one drawn by the ask's own chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from parrot.backends.onnx.patches import Array
from parrot.core.asks import Ask, TokenLogprob
from parrot.core.keys import key_of
from parrot.core.local.growing import Growing

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SMALLEST: Final = 1e-10


class Row(Growing):
    """A reply in the making. The same tokens in any batch."""

    def __init__(
        self,
        ask: Ask,
        model: str,
        tokenizer: Tokenizer,
        *,
        ends: frozenset[int],
        stop: Sequence[str],
    ) -> None:
        def spell(ids: Sequence[int], /, *, plain: bool) -> str:
            return str(tokenizer.decode(list(ids), skip_special_tokens=plain))

        super().__init__(ask, spell, ends=ends, stop=stop)
        # The key holds seed and sample, so that equal asks draw alike and samples differ.
        self._chance = np.random.default_rng(int.from_bytes(key_of(ask, model)[:8], "big"))

    def take(self, scores: Array) -> int:
        """The next token from its scores before the softmax (one a word of the vocabulary)."""
        sampling = self.ask.sampling
        token = int(scores.argmax()) if sampling.temperature <= 0 else self._drawn(scores)
        count = sampling.top_logprobs
        self.put(token, None if count is None else self._logprob(scores, token, count))
        return token

    def _drawn(self, scores: Array) -> int:
        sampling = self.ask.sampling
        odds = np.exp(_logs(scores.astype(np.float64) / max(sampling.temperature, _SMALLEST)))
        order = np.argsort(-odds, kind="stable")
        odds = odds[order]
        if sampling.top_p < 1.0:
            odds = np.where(odds.cumsum() - odds < sampling.top_p, odds, 0.0)
        mass = odds.cumsum()
        place = np.searchsorted(mass, self._chance.random() * mass[-1], side="right")
        return int(order[min(int(place), len(order) - 1)])

    def _logprob(self, scores: Array, token: int, count: int) -> TokenLogprob:
        logs = _logs(scores.astype(np.float64))
        best = np.argsort(-logs, kind="stable")[:count]
        top = tuple((self.piece(int(i)), float(logs[i])) for i in best)
        return TokenLogprob(self.piece(token), min(0.0, float(logs[token])), top)


def _logs(scores: Array) -> Array:
    """Natural logs of the softmax."""
    lowered = scores - scores.max()
    out: Any = lowered - np.log(np.exp(lowered).sum())
    return np.asarray(out)
