"""One judgement of a pair from several: votes over samples and orders, and the share that agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean

from attrs import evolve, frozen

from parrot.core.asks import Failed, FailureKind
from parrot.core.evaluation.choosing import choice_of
from parrot.core.formats import Choice
from parrot.core.judgements import Judged, Judgement
from parrot.core.values import Both, Label


@frozen(slots=True)
class Vote:
    """A pair's judgements as one. share: of all its judgements that name the winner, in [0, 1].

    A judgement without a winner, whatever its failure, votes for none and lowers the share. share
    is 0 where none votes. voters: how many judgements there were.
    """

    judged: Judged
    share: float
    voters: int


def voted(rows: Iterable[Judged]) -> tuple[Vote, ...]:
    """A vote a pair, in the order in which the pairs first occur."""
    pairs: dict[str, list[Judged]] = {}
    for row in rows:
        pairs.setdefault(row.judgement.pair_id, []).append(row)
    return tuple(vote_of(same) for same in pairs.values())


def vote_of(rows: Sequence[Judged]) -> Vote:
    """The vote of one pair's judgements (at least one), whatever their order.

    The label that most name wins; a draw of labels is a TIE. Scores are the means of those that
    have scores. Where none votes, the most frequent failure stands for all.
    """
    one = rows[0].judgement
    choices = [said for row in rows if isinstance(said := choice_of(row.judgement), Choice)]
    blank = Judgement(one.pair_id, Label.TIE, model=one.model, request=one.request)
    if not choices:
        failed = evolve(blank, winner=None, failure=_commonest(rows))
        return Vote(evolve(rows[0], judgement=failed), 0.0, len(rows))
    counts = Counter(choice.label for choice in choices)
    winner = _most(counts)
    score_a, score_b = _scores(rows)
    judgement = evolve(
        blank, winner=winner, both=_both(winner, choices), score_a=score_a, score_b=score_b
    )
    return Vote(evolve(rows[0], judgement=judgement), counts[winner] / len(rows), len(rows))


def _most(counts: Counter[Label]) -> Label:
    top = max(counts.values())
    leaders = [label for label, count in counts.items() if count == top]
    return leaders[0] if len(leaders) == 1 else Label.TIE


def _both(winner: Label, choices: Iterable[Choice]) -> Both | None:
    """What the votes for a TIE say of both images, where they all say the same."""
    said = {choice.both for choice in choices if choice.label is Label.TIE}
    return said.pop() if winner is Label.TIE and len(said) == 1 else None


def _scores(rows: Iterable[Judged]) -> tuple[float, float] | tuple[None, None]:
    found = [
        (one.score_a, one.score_b)
        for one in (row.judgement for row in rows)
        if one.score_a is not None and one.score_b is not None
    ]
    if not found:
        return None, None
    return fmean(a for a, _ in found), fmean(b for _, b in found)


def _commonest(rows: Iterable[Judged]) -> Failed:
    failures = [row.judgement.failure or _UNREAD for row in rows]
    counts = Counter(failures)
    return min(counts, key=lambda one: (-counts[one], one.kind, one.detail, one.attempts))


_UNREAD = Failed(FailureKind.UNREADABLE, "no choice can be read in the answer")
