"""One row being written: which token comes next, where the reply ends, what it amounts to.

Knows logits and tokens, nothing of networks or batches: a row gets the same tokens in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch

from parrot.core.asks import Ask, Finish, Reply, TokenLogprob, Until, Usage
from parrot.core.keys import key_of
from parrot.core.stopping import end_of_scores

_SMALLEST: Final = 1e-10


class Row:
    """A reply in the making."""

    def __init__(
        self, ask: Ask, model: str, tokenizer: Any, *, ends: frozenset[int], stop: Sequence[str]
    ) -> None:
        self.ask, self._tokenizer, self._ends, self._stop = ask, tokenizer, ends, tuple(stop)
        self.ids: list[int] = []
        self.finish: Finish | None = None
        self._text: str | None = None
        self._logprobs: list[TokenLogprob] = []
        # The key holds seed and sample, so that equal asks draw alike and samples differ.
        self._chance = torch.Generator().manual_seed(int.from_bytes(key_of(ask, model)[:7], "big"))

    def take(self, scores: torch.Tensor) -> int:
        """The next token from its scores before the softmax (one a word of the vocabulary)."""
        sampling = self.ask.sampling
        plain = scores.float().cpu()
        token = int(plain.argmax()) if sampling.temperature <= 0 else self._drawn(plain)
        if sampling.top_logprobs is not None:
            self._logprobs.append(self._logprob(plain, token, sampling.top_logprobs))
        self._put(token)
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
            (self._piece(i), float(p)) for i, p in zip(ids.tolist(), best.tolist(), strict=True)
        )
        return TokenLogprob(self._piece(token), min(0.0, float(logs[token])), top)

    def _piece(self, token: int) -> str:
        return str(self._tokenizer.decode([token], skip_special_tokens=False))

    def _put(self, token: int) -> None:
        if token in self._ends:
            self.finish = Finish.END
            return
        self.ids.append(token)
        self._look_for_end(token)
        if self.finish is None and len(self.ids) >= self.ask.sampling.max_tokens:
            self.finish = Finish.LENGTH

    def _look_for_end(self, token: int) -> None:
        wants_scores = self.ask.until is Until.SCORES and self.ask.last_score
        if wants_scores and "\n" in self._piece(token):
            text = self.text
            end = end_of_scores(text, self.ask.last_score or "")
            if end is not None:
                self._text, self.finish = text[:end], Finish.SCORES
        for mark in self._stop:
            # A stop may have begun in any of the latest tokens, each of at least one character.
            tail = self._tokenizer.decode(self.ids[-len(mark) - 4 :], skip_special_tokens=True)
            if mark in tail:
                self._text, self.finish = self.text.partition(mark)[0], Finish.END

    @property
    def text(self) -> str:
        if self._text is not None:
            return self._text
        return str(
            self._tokenizer.decode(
                self.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def reply(self, *, prompt: int, cached: int) -> Reply:
        """What came of it. prompt: tokens of the prompt, of which `cached` were not computed anew."""
        wanted = self.ask.sampling.top_logprobs is not None
        return Reply(
            self.text,
            self.finish or Finish.LENGTH,
            Usage(prompt, cached, len(self.ids)),
            tuple(self._logprobs[: len(self.ids)]) if wanted else None,
        )
