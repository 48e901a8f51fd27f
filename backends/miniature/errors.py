"""How often the simulated teacher errs: the committed table, fixed before any filter was measured.

Rates are probabilities. Levels differ only here.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen(slots=True)
class ErrorRates:
    """What one level of teacher gets wrong.

    colour, item: an item is seen in another colour, or not at all. defect: a physical flaw is
    overlooked. Systematic: the same image is misseen alike by every ask. invent: shown a label that
    contradicts what it sees, it makes up a flaw of the losing image. embellish: it makes one up
    although it agrees. ignore: shown a contradicting label, it writes what it sees. leak: it
    speaks of the hint. garble: a score is left out of a reply. noise: deviation of scores.
    contaminate: a critique of one image speaks of another. lose: a refined request drops a wish.
    """

    colour: float
    item: float
    defect: float
    invent: float
    embellish: float
    ignore: float
    leak: float
    garble: float
    noise: float
    contaminate: float
    lose: float


LEVELS: Final = {
    "low": ErrorRates(0.01, 0.01, 0.05, 0.20, 0.02, 0.15, 0.04, 0.01, 0.10, 0.03, 0.03),
    "medium": ErrorRates(0.03, 0.03, 0.15, 0.30, 0.04, 0.20, 0.08, 0.03, 0.20, 0.06, 0.06),
    "high": ErrorRates(0.07, 0.06, 0.30, 0.45, 0.08, 0.20, 0.15, 0.06, 0.30, 0.12, 0.12),
}
DEFAULT: Final = "medium"
