"""What a reply format is: headings to show, a schema to demand, and text written and read."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, Protocol, overload

from parrot.core.critiques import Comparison, Critique, Reading
from parrot.core.rubric import Rubric


class Form(StrEnum):
    """Whether a reply judges one image or compares two."""

    POINTWISE = "pointwise"
    PAIRWISE = "pairwise"


class ReplyFormat(Protocol):
    """How critiques and comparisons stand in a reply. Pure; takes its names from the rubric."""

    def __hash__(self) -> int: ...

    @property
    def name(self) -> str: ...

    def outline(self, rubric: Rubric, form: Form, /, *, refine: bool = True) -> str:
        """The headings as prompts show them; `refine` with those of a refined request."""
        ...

    def schema(self, rubric: Rubric, form: Form, /) -> Mapping[str, Any] | None:
        """A JSON schema that servers can guide by; None where the format is not JSON."""
        ...

    def write(self, value: Critique | Comparison, rubric: Rubric, /) -> str:
        """The reply that reads back as the value. Raises Unwritable where there is none."""
        ...

    @overload
    def read(
        self, text: str, rubric: Rubric, form: Literal[Form.POINTWISE], /
    ) -> Reading[Critique]: ...
    @overload
    def read(
        self, text: str, rubric: Rubric, form: Literal[Form.PAIRWISE], /
    ) -> Reading[Comparison]: ...
    @overload
    def read(
        self, text: str, rubric: Rubric, form: Form, /
    ) -> Reading[Critique] | Reading[Comparison]: ...
    def read(
        self, text: str, rubric: Rubric, form: Form, /
    ) -> Reading[Critique] | Reading[Comparison]:
        """What the reply says. Never raises and invents no score; every lack is a problem."""
        ...
