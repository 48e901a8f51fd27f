"""One trainer's batch, scored: what every adapter of a generator's trainer does.

Prompts, images and sources in; rewards out, and numbers for frameworks that know no absence.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen

from parrot.adapters.trainers.pictures import Encoding, images_of, sources_of
from parrot.core.asks import Failed
from parrot.core.errors import ConfigError, UnscoredError
from parrot.core.judgements import request_key
from parrot.core.pipelines.reward_model import RewardModel
from parrot.core.rewards.imputing import NOT_APPLICABLE, TOTAL, Imputed, Running, impute
from parrot.core.rewards.values import Drawing, Outcome, Reward, Unscored
from parrot.core.rubric import rubric_for
from parrot.core.values import Request


@frozen(slots=True)
class Batch:
    """The outcomes of one batch, in order. keys: of the group that each belongs to.

    applies: which dimensions are judged for each. dimensions: every name that the batch has.
    """

    outcomes: tuple[Outcome, ...]
    keys: tuple[str, ...]
    applies: tuple[frozenset[str], ...]

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key for keys in self.applies for key in sorted(keys)))

    def totals(self) -> tuple[float | None, ...]:
        """The total of each; None where it has no reward."""
        return tuple(o.total if isinstance(o, Reward) else None for o in self.outcomes)

    def values(self, dimension: str) -> tuple[float | None, ...]:
        """One dimension of each; None where it is missing, though the others may be there.

        NOT_APPLICABLE where it does not apply, alike for a whole group.
        """
        return tuple(
            o.dimensions.get(dimension) if dimension in applies else NOT_APPLICABLE
            for o, applies in zip(self.outcomes, self.applies, strict=True)
        )


@define(slots=True, eq=False)
class Numbers:
    """A reward model's batches as numbers; the running means are this process's own.

    Safe from any thread. imputed: how many stand-ins were handed out so far, by dimension or total.
    """

    model: RewardModel
    encoding: Encoding = "png"
    imputed: dict[str, int] = field(factory=dict, init=False)
    _running: Running = field(factory=Running, init=False)
    _guard: threading.Lock = field(factory=threading.Lock, init=False)

    def batch(self, prompts: Sequence[str], images: Any, sources: Any = None) -> Batch:
        """Scores a batch. sources: an entry a prompt (None, one image or several), or None.

        Raises ConfigError where prompts, images and sources are not equally many.
        """
        return self.scored(_drawings(prompts, images, sources, self.encoding))

    def totals(self, batch: Batch) -> Imputed:
        """A total for each, stand-ins marked. Raises UnscoredError where nothing was ever scored."""
        return self._numbers(TOTAL, batch.totals(), batch.keys)

    def values(self, batch: Batch, dimension: str) -> Imputed:
        """One dimension of each, likewise; totals stand in for one that was never read at all.

        Where it does not apply it is NOT_APPLICABLE, which stands in for nothing.
        """
        at = [n for n, names in enumerate(batch.applies) if dimension in names]
        given, keys = batch.values(dimension), [batch.keys[n] for n in at]
        try:
            found = self._numbers(dimension, [given[n] for n in at], keys).values
        except UnscoredError:
            totals = self.totals(batch).values
            found = tuple(totals[n] for n in at)
        judged = dict(zip(at, found, strict=True))
        values = tuple(judged.get(n, NOT_APPLICABLE) for n in range(len(given)))
        return Imputed(values, tuple(value is None for value in given))

    def _numbers(self, name: str, values: Sequence[float | None], keys: Sequence[str]) -> Imputed:
        with self._guard:
            found, self._running = impute(values, keys, self._running, name=name)
            self.imputed[name] = self.imputed.get(name, 0) + found.count
        return found

    def scored(self, given: Sequence[tuple[Request, Drawing | Failed]]) -> Batch:
        """Scores what is a drawing; what already failed stays so, in its place."""
        scored = iter(self.model([d for _, d in given if isinstance(d, Drawing)]))
        outcomes = tuple(Unscored(d) if isinstance(d, Failed) else next(scored) for _, d in given)
        requests = [request for request, _ in given]
        rubric = self.model.how.rubric
        applies = tuple((rubric or rubric_for(r)).applicable(r) for r in requests)
        return Batch(outcomes, tuple(map(request_key, requests)), applies)


def _drawings(
    prompts: Sequence[str], images: Any, sources: Any, encoding: Encoding
) -> list[tuple[Request, Drawing | Failed]]:
    drawn = images_of(images, encoding=encoding)
    given = [None] * len(drawn) if sources is None else list(sources)
    if not len(prompts) == len(drawn) == len(given):
        said = f"{len(prompts)} prompts, {len(drawn)} images and {len(given)} source images"
        raise ConfigError(f"{said} are not equally many")
    out: list[tuple[Request, Drawing | Failed]] = []
    for prompt, image, source in zip(prompts, drawn, given, strict=True):
        found = sources_of(source, encoding=encoding)
        request = Request(prompt, () if isinstance(found, Failed) else found)
        failed = next((one for one in (found, image) if isinstance(one, Failed)), None)
        out.append((request, failed or Drawing(request, image)))  # type: ignore[arg-type]
    return out
