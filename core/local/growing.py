"""A reply that grows token by token: where it ends, and what it amounts to.

Knows token ids and how to spell them; which token comes next is its caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from parrot.core.asks import Ask, Finish, Reply, TokenLogprob, Until, Usage
from parrot.core.stopping import end_of_scores


class Spell(Protocol):
    """The text of ids. plain: without special tokens."""

    def __call__(self, ids: Sequence[int], /, *, plain: bool) -> str: ...


class Growing:
    """A reply in the making. ends: ids that end it; stop: texts that end it, no part of it."""

    def __init__(
        self, ask: Ask, spell: Spell, *, ends: frozenset[int], stop: Sequence[str] = ()
    ) -> None:
        self.ask, self._spell, self._ends, self._stop = ask, spell, ends, tuple(stop)
        self.ids: list[int] = []
        self.finish: Finish | None = None
        self._text: str | None = None
        self._logprobs: list[TokenLogprob] = []

    def put(self, token: int, logprob: TokenLogprob | None = None) -> None:
        """One more token. Sets `finish` where the reply ends with it."""
        if logprob is not None:
            self._logprobs.append(logprob)
        if token in self._ends:
            self.finish = Finish.END
            return
        self.ids.append(token)
        self._look_for_end(token)
        if self.finish is None and len(self.ids) >= self.ask.sampling.max_tokens:
            self.finish = Finish.LENGTH

    def piece(self, token: int) -> str:
        """One token spelled, special or not."""
        return self._spell([token], plain=False)

    def _look_for_end(self, token: int) -> None:
        wants_scores = self.ask.until is Until.SCORES and self.ask.last_score
        if wants_scores and "\n" in self.piece(token):
            text = self.text
            end = end_of_scores(text, self.ask.last_score or "")
            if end is not None:
                self._text, self.finish = text[:end], Finish.SCORES
        for mark in self._stop:
            # A stop may have begun in any of the latest tokens, each of at least one byte.
            if mark in self._spell(self.ids[-4 * len(mark) - 4 :], plain=True):
                self._text, self.finish = self.text.partition(mark)[0], Finish.END

    @property
    def text(self) -> str:
        """What is written so far; what follows its end is left out."""
        return self._text if self._text is not None else self._spell(self.ids, plain=True)

    def reply(self, *, prompt: int, cached: int) -> Reply:
        """What came of it. prompt: tokens of the prompt, of which `cached` were not computed anew."""
        wanted = self.ask.sampling.top_logprobs is not None
        return Reply(
            self.text,
            self.finish or Finish.LENGTH,
            Usage(prompt, cached, len(self.ids)),
            tuple(self._logprobs[: len(self.ids)]) if wanted else None,
        )
