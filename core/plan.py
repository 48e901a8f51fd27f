"""What a run will ask, counted before anything is spent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field, frozen, validators

from parrot.core.asks import Ask
from parrot.core.errors import ImageError, RejectedError
from parrot.core.values import Image

CHARACTERS_PER_TOKEN = 4.0
TOKENS_PER_IMAGE = 800  # of a picture of about 0.6 megapixels, 28 pixels square a token


@frozen(slots=True)
class Machines:
    """What works on a plan: so many machines, each with so many asks in flight.

    seconds_per_reply: from an ask to its reply under that load, as a short run measures it.
    """

    number: int = field(default=1, validator=validators.ge(1))
    in_flight: int = field(default=64, validator=validators.ge(1))
    seconds_per_reply: float | None = field(
        default=None, validator=validators.optional(validators.gt(0.0))
    )

    def seconds(self, asks: int) -> float | None:
        """How long so many asks take; None where nobody said how long one does.

        Machines work on equal shares, the largest decides, and asks leave in rounds as large as
        what is in flight: true where replies are alike and the server takes that many at once.
        """
        if self.seconds_per_reply is None:
            return None
        share = -(-asks // self.number)
        return -(-share // self.in_flight) * self.seconds_per_reply


@define(slots=True)
class Plan:
    """Counts of asks.

    Tokens of prompts are exact where the model counts them; else four characters a token and 800 an
    image. Those of replies are what the caller expects.
    """

    pairs: int = 0
    unloadable: int = 0
    asks: int = 0
    stored: int = 0
    images: int = 0
    characters: int = 0
    bytes: int = 0
    completion: int = 0
    counted: int | None = None

    def add(
        self,
        asks: Iterable[Ask],
        *,
        completion: int,
        size_of: Callable[[Image], int],
        tokens_of: Callable[[Ask], int] | None = None,
    ) -> None:
        """Counts asks that must be sent.

        completion: tokens that a reply is expected to take. size_of: the bytes of an image, of
        which a request carries four for three (base64). tokens_of: a model's own count, for all
        asks of a plan or for none; an ask that it cannot take counts for nothing.
        """
        for ask in asks:
            texts = [p for t in ask.turns for p in t.parts if isinstance(p, str)]
            self.asks += 1
            self.images += len(ask.images)
            self.characters += sum(map(len, texts))
            self.bytes += sum(len(text.encode("utf-8", "replace")) for text in texts)
            self.bytes += sum(-(-size_of(image) // 3) * 4 for image in ask.images)
            self.completion += completion
            if tokens_of is not None:
                self.counted = (self.counted or 0) + _counted(tokens_of, ask)

    @property
    def prompt_tokens(self) -> int:
        """Tokens of all prompts, as near as is known."""
        if self.counted is not None:
            return self.counted
        return round(self.characters / CHARACTERS_PER_TOKEN + self.images * TOKENS_PER_IMAGE)

    def to_dict(
        self,
        price_in: float | None,
        price_out: float | None,
        machines: Machines = Machines(),
    ) -> dict[str, Any]:
        """Plain data; cost None where no price is known, time where no seconds a reply are."""
        seconds = machines.seconds(self.asks)
        cost = None
        if price_in is not None or price_out is not None:
            spent = self.prompt_tokens * (price_in or 0.0) + self.completion * (price_out or 0.0)
            cost = round(spent / 1e6, 4)
        return {
            "pairs": self.pairs,
            "unloadable": self.unloadable,
            "asks": self.asks,
            "already_stored": self.stored,
            "images": self.images,
            "bytes_estimated": self.bytes,
            "prompt_tokens_estimated": self.prompt_tokens,
            "prompt_tokens_exact": self.counted is not None,
            "completion_tokens_estimated": self.completion,
            "cost_estimated": cost,
            "machines": machines.number,
            "asks_a_machine": -(-self.asks // machines.number),
            "seconds_estimated": None if seconds is None else round(seconds, 1),
        }


def _counted(tokens_of: Callable[[Ask], int], ask: Ask) -> int:
    try:
        return tokens_of(ask)
    except (ImageError, RejectedError):  # its ask fails unsent
        return 0
