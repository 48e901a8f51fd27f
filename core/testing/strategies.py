"""Hypothesis strategies for every value of the spine.

Texts are hostile on purpose (`parrot.core.testing.texts`). Critiques and comparisons are such as
reply formats carry: findings in the rubric's order, scores on its scale, no winner against them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from parrot.core.asks import (
    Ask,
    Failed,
    FailureKind,
    Finish,
    Reply,
    Sampling,
    TokenLogprob,
    Turn,
    Until,
    Usage,
)
from parrot.core.candidates import Candidate, Order, Provenance, Rationale
from parrot.core.critiques import (
    NA,
    Comparison,
    Critique,
    Finding,
    PairFinding,
    Problem,
    ProblemCode,
    Refinement,
    Score,
)
from parrot.core.rubric import (
    IMAGE_EDIT,
    TEXT_TO_IMAGE,
    Dimension,
    Level,
    Rubric,
    Scale,
    always,
    asks_for_text,
    is_edit,
)
from parrot.core.testing.texts import names, prose, texts
from parrot.core.values import Both, Image, Label, PreferencePair, Request, Votes


def images() -> SearchStrategy[Image]:
    """Images over a few bytes; the digest is the true one of the bytes, which decode to nothing."""
    kinds = st.sampled_from(("image/png", "image/jpeg", "image/webp"))
    return st.builds(
        lambda data, kind: Image(hashlib.sha256(data).hexdigest(), kind, data),
        st.binary(min_size=1, max_size=12),
        kinds,
    )


def requests(*, edits: bool | None = None) -> SearchStrategy[Request]:
    """Requests; `edits` True for edits only, False for none, None for both."""
    least, most = (1, 2) if edits else (0, 0 if edits is False else 2)
    sources = st.lists(images(), min_size=least, max_size=most).map(tuple)
    return st.builds(Request, texts(), sources)


def labels() -> SearchStrategy[Label]:
    """A, B or TIE."""
    return st.sampled_from(Label)


def votes() -> SearchStrategy[Votes]:
    """Counts of human votes."""
    count = st.integers(0, 40)
    return st.builds(Votes, count, count, count)


@st.composite
def pairs(draw: st.DrawFn, *, edits: bool | None = None) -> PreferencePair:
    """Preference pairs; `both` is set only on ties."""
    label = draw(labels())
    both = draw(st.none() | st.sampled_from(Both)) if label is Label.TIE else None
    keys = st.sampled_from(IMAGE_EDIT.keys)
    return PreferencePair(
        id=draw(names()),
        request=draw(requests(edits=edits)),
        image_a=draw(images()),
        image_b=draw(images()),
        label=label,
        both=both,
        strength=draw(st.none() | st.floats(0.0, 1.0)),
        votes=draw(st.none() | votes()),
        dimension_labels=draw(st.dictionaries(keys, labels(), max_size=3)),
        source=draw(names() | st.just("")),
        licence=draw(st.none() | st.sampled_from(("MIT", "CC-BY-NC-4.0"))),
        may_train=draw(st.booleans()),
    )


_SCALES = (Scale(), Scale(1.0, 5.0), Scale(0.0, 10.0), Scale(-1.0, 1.0), Scale(0.0, 100.0))
_HEADING_WORDS = (
    "Colour", "Light", "Pose", "Style", "3D", "Fit", "Hands & Faces", "Detail (fine)", "Güte",
    "文字", "Text", "Text Colour", "Über-all", "A/B", "C++",
)  # fmt: skip


@st.composite
def _own_rubrics(draw: st.DrawFn) -> Rubric:
    scale = draw(st.sampled_from(_SCALES))
    heading = st.lists(st.sampled_from(_HEADING_WORDS), min_size=1, max_size=3).map(" ".join)
    headings = draw(st.lists(heading, min_size=1, max_size=5, unique_by=str.casefold))
    levels = (Level(scale.high, "Good", "as asked"), Level(scale.low, "Bad", "not as asked"))
    applies = st.sampled_from((always, is_edit, asks_for_text))
    dimensions = tuple(
        Dimension(f"dim_{i}", heading, draw(prose(max_words=8)), levels, draw(applies))
        for i, heading in enumerate(headings)
    )
    return Rubric(draw(names()), dimensions, scale)


def rubrics() -> SearchStrategy[Rubric]:
    """The shipped rubrics and users' own, on several scales and with odd headings."""
    return st.sampled_from((TEXT_TO_IMAGE, IMAGE_EDIT)) | _own_rubrics()


def scores(scale: Scale) -> SearchStrategy[float]:
    """Numbers on a scale: mostly tenths, sometimes any float."""
    span = round((scale.high - scale.low) * 10)
    tenths = st.integers(0, span).map(lambda n: min(scale.high, round(scale.low + n / 10, 1)))
    return tenths | st.floats(scale.low, scale.high)


def _chosen(draw: st.DrawFn, rubric: Rubric, *, whole: bool) -> tuple[str, ...]:
    return tuple(key for key in rubric.keys if whole or draw(st.integers(0, 5)))


@st.composite
def critiques(draw: st.DrawFn, rubric: Rubric, *, whole: bool = False) -> Critique:
    """Critiques that formats carry; unless `whole`, some lack a dimension."""
    score: SearchStrategy[Score] = scores(rubric.scale) | st.just(NA)
    findings = tuple(
        Finding(key, draw(texts()), draw(score)) for key in _chosen(draw, rubric, whole=whole)
    )
    refinement = st.builds(Refinement, texts(), texts().filter(bool))
    return Critique(findings, draw(texts()), draw(texts()), draw(st.none() | refinement))


@st.composite
def pair_findings(draw: st.DrawFn, key: str, scale: Scale) -> PairFinding:
    """One dimension of a comparison: NA thrice, or a winner that its scores do not contradict."""
    if not draw(st.integers(0, 4)):
        return PairFinding(key, draw(texts()), NA, NA, NA)
    a, b = draw(scores(scale)), draw(scores(scale))
    against = Label.B if a > b else Label.A if b > a else None
    winner = draw(st.sampled_from([label for label in Label if label is not against]))
    return PairFinding(key, draw(texts()), a, b, winner)


@st.composite
def comparisons(draw: st.DrawFn, rubric: Rubric, *, whole: bool = False) -> Comparison:
    """Comparisons that formats carry; unless `whole`, some lack a dimension."""
    findings = tuple(
        draw(pair_findings(key, rubric.scale)) for key in _chosen(draw, rubric, whole=whole)
    )
    return Comparison(findings, draw(texts()), draw(texts()))


def problems() -> SearchStrategy[Problem]:
    """Any reader's complaint."""
    dimension = st.none() | st.sampled_from(IMAGE_EDIT.keys)
    return st.builds(Problem, st.sampled_from(ProblemCode), texts(), dimension)


def samplings() -> SearchStrategy[Sampling]:
    """Ways to sample, within the limits of `Sampling`."""
    return st.builds(
        Sampling,
        temperature=st.floats(0.0, 2.0),
        top_p=st.floats(0.0, 1.0, exclude_min=True),
        seed=st.none() | st.integers(0, 2**31 - 1),
        max_tokens=st.integers(1, 4096),
        top_logprobs=st.none() | st.integers(0, 20),
    )


def turns() -> SearchStrategy[Turn]:
    """Messages of text and images."""
    part = texts() | images()
    role = st.sampled_from(("system", "user", "assistant"))
    return st.builds(Turn, role, st.lists(part, min_size=1, max_size=4).map(tuple))


def asks() -> SearchStrategy[Ask]:
    """Asks of one to three turns."""
    schema = st.none() | st.just({"type": "object"})
    return st.builds(
        Ask,
        st.lists(turns(), min_size=1, max_size=3).map(tuple),
        samplings(),
        sample=st.integers(0, 5),
        schema=schema,
        until=st.sampled_from(Until),
        last_score=st.none() | st.just("## Score:"),
        image_policy=st.sampled_from(("original", "png-512")),
    )


def usages() -> SearchStrategy[Usage]:
    """Token counts; never more cached than sent."""
    return st.builds(
        lambda cached, fresh, out: Usage(cached + fresh, cached, out),
        st.integers(0, 5000),
        st.integers(0, 5000),
        st.integers(0, 4096),
    )


def token_logprobs() -> SearchStrategy[TokenLogprob]:
    """One token with natural-log probabilities of itself and of others."""
    token = st.sampled_from(("A", "B", " tie", "3", ".5", "\n")) | names()
    logprob = st.floats(-30.0, 0.0)
    top = st.lists(st.tuples(token, logprob), max_size=4).map(tuple)
    return st.builds(TokenLogprob, token, logprob, top)


def replies() -> SearchStrategy[Reply]:
    """Replies of any text, finish and usage."""
    logprobs = st.none() | st.lists(token_logprobs(), max_size=4).map(tuple)
    return st.builds(Reply, texts(), st.sampled_from(Finish), usages(), logprobs)


def failures() -> SearchStrategy[Failed]:
    """Why there is no value."""
    return st.builds(Failed, st.sampled_from(FailureKind), texts(), st.integers(0, 9))


def provenances() -> SearchStrategy[Provenance]:
    """Where a rationale came from."""
    return st.builds(
        Provenance,
        teacher=names(),
        prompt=names(),
        anchored=st.booleans(),
        order=st.sampled_from(Order),
        sample=st.integers(0, 3),
        raw=texts(),
    )


@st.composite
def rationales(
    draw: st.DrawFn,
    rubric: Rubric = TEXT_TO_IMAGE,
    *,
    pair_id: str | None = None,
    kind: type[Comparison | Critique] | None = None,
) -> Rationale:
    """Rationales over a rubric; `kind` Comparison or Critique for one sort only."""
    compares = draw(st.booleans()) if kind is None else kind is Comparison
    body: Comparison | Critique
    body = draw(comparisons(rubric)) if compares else draw(critiques(rubric))
    return Rationale(
        draw(names()) if pair_id is None else pair_id,
        body,
        draw(provenances()),
        tuple(draw(st.lists(problems(), max_size=2))),
        draw(st.none() | labels()),
    )


@st.composite
def candidates(
    draw: st.DrawFn,
    rubric: Rubric | None = None,
    *,
    kind: type[Comparison | Critique] | None = Comparison,
    evidence: SearchStrategy[Mapping[str, Any]] | None = None,
) -> Candidate:
    """Candidates with evidence: labels, numbers and failures by made-up names, unless given."""
    judged = draw(rubrics()) if rubric is None else rubric
    pair = draw(pairs())
    known = evidence or st.dictionaries(
        names(), labels() | st.floats(0.0, 1.0) | failures(), max_size=3
    )
    rationale = draw(rationales(judged, pair_id=pair.id, kind=kind))
    return Candidate(pair, judged, rationale, draw(known))
