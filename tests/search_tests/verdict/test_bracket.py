"""Which peak lr comes next: outwards from an edge, beside the best elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.verdict.bracket import FIRST_OFFSETS, Edge, best_offset, edge_of, next_offset


@pytest.mark.parametrize(
    ("losses", "edge", "then"),
    [
        # the best lies inside: half-way to the better neighbour
        ({-0.5: 2.1, 0.0: 2.0, 0.5: 2.2}, None, -0.25),
        ({-0.5: 2.2, 0.0: 2.0, 0.5: 2.1}, None, 0.25),
        # the wider of the two gaps, whichever neighbour is better
        ({-0.5: 2.1, -0.25: 2.05, 0.0: 2.0, 0.5: 2.2}, None, 0.25),
        # the outermost is the best: outwards, each gap half as wide again
        ({-0.5: 2.2, 0.0: 2.1, 0.5: 2.0}, "highest", 1.25),
        ({-0.5: 2.0, 0.0: 2.1, 0.5: 2.2}, "lowest", -1.25),
        ({-0.5: 2.3, 0.0: 2.2, 0.5: 2.1, 1.25: 2.0}, "highest", 2.375),
        # all diverged, which is equally bad: a lower lr
        ({-0.5: 4.0, 0.0: 4.0, 0.5: 4.0}, "lowest", -1.25),
    ],
)
def test_the_next_offset(losses: Mapping[float, float], edge: Edge | None, then: float) -> None:
    assert edge_of(best_offset(losses), losses) == edge
    assert next_offset(losses) == then


def test_a_single_lr_has_no_edge() -> None:
    assert edge_of(0.0, {0.0: 2.0}) is None


@given(st.floats(-4.0, 4.0))
def test_wherever_the_best_lr_is_it_gets_bracketed(best: float) -> None:
    losses = {offset: (offset - best) ** 2 for offset in FIRST_OFFSETS}
    for _ in range(4):
        offset = next_offset(losses)
        assert offset not in losses
        losses[offset] = (offset - best) ** 2
    assert edge_of(best_offset(losses), losses) is None
    assert best_offset(losses) == pytest.approx(best, abs=1.2)
