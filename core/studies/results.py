"""What a cell found, as one JSON line: a mark for each test pair and order, beside what it cost.

The truth about the test pairs stands once, in a file of its own, so that any later question about
the same students can be asked of the lines alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import asdict, field, frozen

from parrot.core.asks import FailureKind
from parrot.core.candidates import Order
from parrot.core.errors import RecordError
from parrot.core.judgements import Judged, Judgement
from parrot.core.studies.cells import Cell
from parrot.core.values import Label

SCHEMA: Final = 1
CUT, UNREADABLE, ABSENT = "C", "U", "X"
"""Marks of a judgement without a winner: no end token, no score to be had, no answer."""
_WINNERS: Final = {Label.A: "A", Label.B: "B", Label.TIE: "T"}
_LACKS: Final = {FailureKind.CUT: CUT, FailureKind.UNREADABLE: UNREADABLE}
_MARKS: Final = frozenset((*_WINNERS.values(), CUT, UNREADABLE, ABSENT))


@frozen(slots=True)
class TestPair:
    """The truth about a test pair. truth: without label noise; label: with it; request: pairs with
    one key are resampled together; decisive: utilities differ by more than the label's noise.
    """

    __test__ = False  # no test of pytest's

    id: str
    request: str
    truth: Label = field(converter=Label)
    label: Label = field(converter=Label)
    decisive: bool = False


@frozen(slots=True)
class Result:
    """One cell's student on every test pair, in the order of the pairs.

    marks: by order, a character a pair: A, B or T as the student said in the pair's frame, C for a
    critique without an end, U for one without all scores, X for none. rows: what it learned from;
    calls: of the teacher; pairs: labelled ones; seconds: of training and of judging.
    """

    cell: Cell
    marks: Mapping[Order, str] = field(hash=False, repr=False)
    rows: int = 0
    calls: int = 0
    pairs: int = 0
    steps: int = 0
    loss: float | None = None
    seconds: tuple[float, float] = (0.0, 0.0)
    base: str = ""

    @property
    def complete(self) -> float:
        """Share of judgements whose critique came, and came to its end."""
        said = "".join(self.marks.values())
        return 1.0 - (said.count(CUT) + said.count(ABSENT)) / len(said) if said else 1.0


def mark_of(judgement: Judgement) -> str:
    """A judgement as one character."""
    if judgement.winner is not None:
        return _WINNERS[judgement.winner]
    return _LACKS.get(judgement.failure.kind, ABSENT) if judgement.failure else ABSENT


def marks_of(rows: Iterable[Judged], ids: Sequence[str]) -> dict[Order, str]:
    """The marks of all test pairs, by order; a pair without a judgement is absent."""
    found: dict[Order, dict[str, str]] = {}
    for row in rows:
        one = row.judgement
        found.setdefault(one.order, {})[one.pair_id] = mark_of(one)
    return {
        order: "".join(marks.get(name, ABSENT) for name in ids) for order, marks in found.items()
    }


def result_to_record(result: Result) -> dict[str, Any]:
    """The result as plain data."""
    return {
        "schema": SCHEMA,
        "id": result.cell.id,
        **asdict(result.cell),
        "base": result.base,
        "rows": result.rows,
        "calls": result.calls,
        "pairs": result.pairs,
        "steps": result.steps,
        "loss": result.loss,
        "seconds": [round(one, 1) for one in result.seconds],
        "marks": {order.value: marks for order, marks in result.marks.items()},
    }


def result_from_record(record: Mapping[str, Any]) -> Result:
    """The inverse. Raises RecordError naming the field."""
    try:
        cell = Cell(record["arm"], int(record["size"]), int(record["seed"]), record["equal"])
        marks = {Order(order): str(said) for order, said in record["marks"].items()}
        train, judge = record["seconds"]
        result = Result(
            cell,
            marks,
            int(record["rows"]),
            int(record["calls"]),
            int(record["pairs"]),
            int(record["steps"]),
            record["loss"],
            (float(train), float(judge)),
            str(record["base"]),
        )
    except KeyError as error:
        raise RecordError("is absent", field=str(error.args[0])) from None
    except (AttributeError, TypeError, ValueError) as error:
        raise RecordError(str(error)) from None
    stray = set("".join(marks.values())) - _MARKS
    if stray:
        raise RecordError(f"a mark of {', '.join(sorted(stray))}", field="marks")
    return result


def read_test_pair(record: Mapping[str, Any]) -> TestPair:
    """The inverse of `attrs.asdict`. Raises RecordError naming the field."""
    try:
        return TestPair(
            str(record["id"]),
            str(record["request"]),
            record["truth"],
            record["label"],
            bool(record["decisive"]),
        )
    except KeyError as error:
        raise RecordError("is absent", field=str(error.args[0])) from None
    except ValueError as error:
        raise RecordError(str(error)) from None
