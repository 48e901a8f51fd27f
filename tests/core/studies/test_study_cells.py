"""Cells and designs: nothing twice, equal steps, parts that share the work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.studies.cells import (
    BUDGETS,
    LEARNING,
    PRIMARY,
    Arm,
    Cell,
    Design,
    Equal,
    budget_named,
    part_of,
)

SIZES = st.lists(st.integers(1, 5000), min_size=1, max_size=5, unique=True).map(tuple)


@given(SIZES, st.integers(1, 4))
def test_every_arm_has_a_cell_a_size_and_seed_and_none_twice(sizes, seeds):
    design = Design(sizes, seeds, equal=tuple(Equal))
    cells = design.cells
    assert len({cell.id for cell in cells}) == len(cells)
    assert cells[0] == Cell(Arm.BASE, 0)
    # At equal rows, what is thinned to as many rows as it has is the anchored arm itself.
    assert len(cells) == 1 + len(sizes) * seeds * (2 * len(LEARNING) - 1)
    order = [(c.seed, c.size) for c in cells if c.equal is Equal.PAIRS]
    assert order == sorted(order)  # an end after one seed has a whole curve


@given(SIZES)
def test_steps_grow_with_the_size_and_keep_their_bounds(sizes):
    design = Design(sizes)
    steps = [design.steps(size) for size in sorted(sizes)]
    assert steps == sorted(steps)
    assert design.least <= steps[0]
    assert steps[-1] <= design.most


@given(st.integers(1, 5), st.data())
def test_parts_share_the_cells_that_are_left(count, data):
    cells = Design().cells
    done = data.draw(st.sets(st.sampled_from([cell.id for cell in cells])))
    parts = [part_of(cells, done, f"{at}/{count}") for at in range(1, count + 1)]
    shared = [cell for part in parts for cell in part]
    assert len(set(shared)) == len(shared)
    assert {cell.id for cell in shared} == {cell.id for cell in cells} - done


@pytest.mark.parametrize("part", ["0/2", "3/2", "1", "a/b", "1/0", ""])
def test_a_part_that_is_none_is_refused(part):
    with pytest.raises(ConfigError):
        part_of(Design().cells, set(), part)


def test_budgets_are_known_by_name_and_a_small_one_tests_enough():
    assert budget_named("small").tests >= 2000
    assert all(PRIMARY.better in b.arms and PRIMARY.than in b.arms for b in BUDGETS.values())
    with pytest.raises(UnknownNameError, match="budget 'huge'"):
        budget_named("huge")
    with pytest.raises(ConfigError):
        Design(sizes=())
