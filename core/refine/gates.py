"""Gates: whether a draft is good enough, by the scores of chosen dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from parrot.core.critiques import settled
from parrot.core.errors import ConfigError
from parrot.core.refine.drafts import Draft
from parrot.core.rubric import Rubric

PAPER_LEAST: Final = 3.0


@frozen(slots=True)
class Gate:
    """Bounds that a draft's scores must reach, on the rubric's scale; those that apply count.

    least: the bound of every dimension without one of its own; None leaves those out.
    """

    least: float | None = None
    own: Mapping[str, float] = field(factory=dict, hash=False)

    def below(self, draft: Draft, rubric: Rubric, applicable: frozenset[str]) -> tuple[str, ...]:
        """The gated dimensions whose score is below its bound, in the rubric's order."""
        values = draft.outcome.dimensions
        bounds = self._bounds(rubric, applicable)
        # A mean of samples that all lie at the bound may come out a rounding below it.
        return tuple(k for k, at in bounds.items() if k in values and settled(values[k] - at) < 0.0)

    def unscored(self, draft: Draft, rubric: Rubric, applicable: frozenset[str]) -> bool:
        """Whether a gated dimension that applies has no score."""
        values = draft.outcome.dimensions
        return any(key not in values for key in self._bounds(rubric, applicable))

    def _bounds(self, rubric: Rubric, applicable: frozenset[str]) -> dict[str, float]:
        found = {key: self.own.get(key, self.least) for key in rubric.keys if key in applicable}
        return {k: rubric.scale.unit(v) for k, v in found.items() if v is not None}


def gate_of(text: str) -> Gate:
    """A gate from `3.0` (every dimension) or `KEY=3.0,KEY=2.5`, or both. Raises ConfigError."""
    least: float | None = None
    own: dict[str, float] = {}
    for part in text.split(","):
        key, equals, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise ConfigError(f"a gate reads 3.0 or KEY=3.0, not {part!r}") from None
        if equals:
            own[key.strip()] = value
        else:
            least = value
    return Gate(least, own)
