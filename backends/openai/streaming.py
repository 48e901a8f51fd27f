"""A streamed completion, listened to until its end or until its last score is out."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping, Sequence

from attrs import define, field

from parrot.backends.openai.failures import told
from parrot.backends.openai.wire import Body, finish_of, logprobs_of, text_of, usage_of
from parrot.core.asks import Finish, Reply, TokenLogprob, Usage
from parrot.core.errors import RefusedError, TransientError
from parrot.core.stopping import end_of_scores


def streamed(body: Body, *, official: bool) -> Body:
    """The body of the same request, its reply to be streamed with its token counts.

    Servers other than OpenAI's own are asked for counts in every event (vLLM, SGLang), since a
    stream that is left early never comes to the last one.
    """
    options = {"include_usage": True} if official else {"include_usage": True} | _CONTINUOUS
    return {**body, "stream": True, "stream_options": options}


_CONTINUOUS = {"continuous_usage_stats": True}


@define(slots=True)
class Heard:
    """What has come of one streamed reply."""

    text: str = ""
    refusal: str = ""
    finish: Finish | None = None
    usage: Usage | None = None
    logprobs: list[TokenLogprob] = field(factory=list)
    events: int = 0

    def hear(self, event: object) -> str:
        """Takes one event in and returns the text it added."""
        if not isinstance(event, Mapping):
            raise TransientError(f"an event of the stream is no completion but {str(event)!r}")
        if event.get("error"):
            raise told(event["error"])
        if event.get("usage"):
            self.usage = usage_of(event["usage"])
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, Sequence) and choices else {}
        if not isinstance(choice, Mapping):
            raise TransientError("an event of the stream has a choice that is none")
        return self._choice(choice)

    def _choice(self, choice: Mapping[str, object]) -> str:
        delta = choice.get("delta")
        said = text_of(delta.get("content")) if isinstance(delta, Mapping) else ""
        self.refusal += str(delta.get("refusal") or "") if isinstance(delta, Mapping) else ""
        self.logprobs += logprobs_of(choice.get("logprobs")) or ()
        if choice.get("finish_reason") is not None:
            self.finish = finish_of(choice["finish_reason"])
        self.text += said
        self.events += bool(said)
        return said

    def reply(self, *, end: int | None = None) -> Reply:
        """The reply as far as `end`; whole where that is None. Raises for one broken off."""
        if self.refusal:
            raise RefusedError(f"the model declined: {self.refusal}")
        finish = Finish.SCORES if end is not None else self.finish
        if finish is None:
            raise TransientError("the stream ended before the reply did")
        # A server that did not count has sent about a token an event.
        usage = self.usage or Usage(completion=self.events)
        return Reply(self.text[:end], finish, usage, self._logprobs(end))

    def _logprobs(self, end: int | None) -> tuple[TokenLogprob, ...] | None:
        kept: list[TokenLogprob] = []
        length = 0
        for entry in self.logprobs:
            if end is not None and length >= end:
                break
            kept.append(entry)
            length += len(entry.token)
        return tuple(kept) or None


async def heard_out(events: AsyncIterable[object], last_score: str) -> Reply:
    """The reply in the events, no further than its last score."""
    heard = Heard()
    async for event in events:
        if "\n" in heard.hear(event) and heard.finish is None:
            end = end_of_scores(heard.text, last_score)
            if end is not None:
                return heard.reply(end=end)
    return heard.reply()
