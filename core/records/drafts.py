"""Drafts of a refinement run and its requests as plain dicts; images are named, not held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from attrs import asdict
from pydantic import BeforeValidator, Field

from parrot.core.asks import Failed, FailureKind
from parrot.core.critiques import Critique
from parrot.core.errors import RecordError
from parrot.core.records.bodies import body_from_record, body_to_record
from parrot.core.records.fields import Data, Name, Step, Strict, Text, at_schema, present, read_as
from parrot.core.records.pairs import ImageField, ImageRef, OpenImage
from parrot.core.refine.drafts import Draft, Fault, Rewrite, Spent, Try
from parrot.core.rewards.values import Outcome, Reward, Unscored
from parrot.core.values import Image, Request

DRAFT_SCHEMA: Final = 1
_STEPS: Mapping[int, Step] = {}
Unit = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class _Failed(Strict):
    kind: Annotated[Any, BeforeValidator(FailureKind)]
    detail: Text = ""
    attempts: Count = 1


class _Rewrite(Strict):
    request: Text
    fault: Annotated[Any, BeforeValidator(Fault)] = None
    detail: Text = ""
    partial: bool = True


class _Spent(Strict):
    drafts: Count = 1
    seconds: float = 0.0
    tokens: Count = 0
    money: float = 0.0


class _Draft(Strict):
    id: Name
    draft: Count
    round: Count
    prompt: Text
    sources: list[str] = Field(default_factory=list)
    seed: Count
    start: Count | None = None
    image: ImageField = None
    not_drawn: _Failed | None = None
    total: Unit | None = None
    unscored: _Failed | None = None
    dimensions: dict[str, Unit] = Field(default_factory=dict)
    critiques: list[dict[str, Any]] = Field(default_factory=list)
    rewrite: _Rewrite | None = None
    spent: _Spent


def draft_to_record(
    run: str, draft: Draft, *, image_ref: Callable[[Image], ImageRef]
) -> dict[str, Any]:
    """A draft of the run of that id as plain data for JSON."""
    outcome = draft.outcome
    told: dict[str, Any] = {
        "schema": DRAFT_SCHEMA,
        "id": run,
        "draft": draft.id,
        "round": draft.round,
        "prompt": draft.made.request.prompt,
        "sources": [source.sha256 for source in draft.made.request.sources] or None,
        "seed": draft.made.seed,
        "start": draft.made.start,
        "image": image_ref(draft.image) if isinstance(draft.image, Image) else None,
        "sha256": draft.image.sha256 if isinstance(draft.image, Image) else None,
        "not_drawn": _failed(draft.image) if isinstance(draft.image, Failed) else None,
        "total": draft.total,
        "unscored": _failed(outcome.failure) if isinstance(outcome, Unscored) else None,
        "dimensions": dict(outcome.dimensions),
        "critiques": [body_to_record(critique) for critique in outcome.critiques],
        "rewrite": draft.rewrite and _rewrite(draft.rewrite),
        "spent": asdict(draft.spent),
    }
    return present(told)


def _failed(failure: Failed) -> dict[str, Any]:
    return {
        "kind": failure.kind.value,
        "detail": failure.detail,
        "attempts": failure.attempts,
    }


def _rewrite(rewrite: Rewrite) -> dict[str, Any]:
    fault = rewrite.fault.value if rewrite.fault else None
    return present({**asdict(rewrite), "fault": fault})


def draft_from_record(record: Data, request: Request, open_image: OpenImage) -> tuple[str, Draft]:
    """The run's id and the draft; request: the run's own, whose sources all its drafts have.

    Raises RecordError that names the field, also where its sources are others; what `open_image`
    raises goes through.
    """
    read = read_as(_Draft, at_schema(record, DRAFT_SCHEMA, _STEPS))
    if read.sources != [source.sha256 for source in request.sources]:
        raise RecordError("was drawn from other sources", field="sources")
    if read.image is not None:
        image: Image | Failed = open_image(read.image)
    elif read.not_drawn is not None:
        image = _failure(read.not_drawn)
    else:
        raise RecordError("has neither an image nor why there is none", field="image")
    made = Try(Request(read.prompt, request.sources), read.seed, read.start)
    again = read.rewrite
    rewrite = Rewrite(again.request, again.fault, again.detail, again.partial) if again else None
    spent = Spent(read.spent.drafts, read.spent.seconds, read.spent.tokens, read.spent.money)
    return read.id, Draft(read.draft, read.round, made, image, _outcome(read), rewrite, spent)


def _outcome(read: _Draft) -> Outcome:
    critiques = tuple(_critique(data) for data in read.critiques)
    if read.total is not None:
        return Reward(read.dimensions, read.total, critiques)
    if read.unscored is None:
        raise RecordError("has neither a total nor why there is none", field="total")
    return Unscored(_failure(read.unscored), read.dimensions, critiques)


def _critique(data: Data) -> Critique:
    body = body_from_record("pointwise", data)
    assert isinstance(body, Critique)
    return body


def _failure(read: _Failed) -> Failed:
    return Failed(read.kind, read.detail, read.attempts)


class _Request(Strict):
    id: Name | None = None
    prompt: str
    sources: list[ImageField] = Field(default_factory=list)


def request_from_record(record: Data, open_image: OpenImage, *, id_: str) -> tuple[str, Request]:
    """A request in plain data: `prompt`, `sources` (images, for an edit) and `id`; id_ where it has
    none. Raises RecordError that names the field.
    """
    read = read_as(_Request, at_schema(record, DRAFT_SCHEMA, _STEPS))
    return read.id or id_, Request(read.prompt, tuple(open_image(ref) for ref in read.sources))
