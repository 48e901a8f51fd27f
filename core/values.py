"""What the user has: images, requests and preference pairs.

Knows nothing of models, prompts or files. An `Image` is a digest and a way to get at the bytes;
nothing in core opens it or decodes pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import evolve, field, frozen, validators


class Label(StrEnum):
    """Which image of a pair a human preferred."""

    A = "A"
    B = "B"
    TIE = "TIE"

    def mirrored(self) -> Label:
        """The same preference after A and B change places."""
        return _MIRRORED[self]


_MIRRORED = {Label.A: Label.B, Label.B: Label.A, Label.TIE: Label.TIE}


class Both(StrEnum):
    """What a TIE says of the two images, where the data knows it."""

    GOOD = "GOOD"
    BAD = "BAD"


@frozen(slots=True)
class Image:
    """One image: equal to another exactly when the digests of their bytes are equal.

    sha256: 64 lower-case hex digits over the original bytes. media_type: "image/png" and so on.
    source: the bytes themselves, or a path to them; opened only by a backend that holds a slot.
    """

    sha256: str = field(validator=validators.matches_re(r"[0-9a-f]{64}"))
    media_type: str
    source: bytes | str = field(eq=False, repr=False)


@frozen(slots=True)
class Request:
    """What was asked of the image generator: a prompt, and source images if it is an edit."""

    prompt: str
    sources: tuple[Image, ...] = field(default=())

    @property
    def is_edit(self) -> bool:
        return bool(self.sources)


@frozen(slots=True)
class Votes:
    """How many humans chose A, B, or neither."""

    a: int = field(default=0, validator=validators.ge(0))
    b: int = field(default=0, validator=validators.ge(0))
    tie: int = field(default=0, validator=validators.ge(0))

    def mirrored(self) -> Votes:
        return Votes(self.b, self.a, self.tie)


@frozen(slots=True)
class PreferencePair:
    """Two images for one request and which one a human liked.

    strength: how strongly, in [0, 1] (0 barely, 1 without doubt); None where the data has none.
    dimension_labels: a label per rubric dimension, where the data has them.
    may_train: False where the licence or its owners forbid training on the pair.
    """

    id: str
    request: Request
    image_a: Image
    image_b: Image
    label: Label = field(converter=Label)
    both: Both | None = field(default=None)
    strength: float | None = field(
        default=None, validator=validators.optional([validators.ge(0.0), validators.le(1.0)])
    )
    votes: Votes | None = None
    dimension_labels: Mapping[str, Label] = field(factory=dict, hash=False)
    source: str = ""
    licence: str | None = None
    may_train: bool = True

    def __attrs_post_init__(self) -> None:
        if self.both is not None and self.label is not Label.TIE:
            said = f"both={self.both.value} needs the label TIE, not {self.label.value}"
            raise ValueError(said)

    def mirrored(self) -> PreferencePair:
        """The same pair with A and B in each other's place."""
        return evolve(
            self,
            image_a=self.image_b,
            image_b=self.image_a,
            label=self.label.mirrored(),
            votes=self.votes and self.votes.mirrored(),
            dimension_labels={k: v.mirrored() for k, v in self.dimension_labels.items()},
        )


@frozen(slots=True)
class Unloadable:
    """A pair whose record reads well but whose images do not; it travels on to be counted."""

    id: str
    reason: str
