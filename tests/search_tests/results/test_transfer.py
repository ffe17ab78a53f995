"""What a study knows of other horizons: kept, read back, and how far it reaches."""

from __future__ import annotations

import json

import pytest

from search.errors import UsageError
from search.results.transfer import BaselineTrend, ShapeTrend, TransferResult
from search.statistics.intervals import Interval
from search.statistics.lr_curve import LrCurve
from search.statistics.transfer_fit import fit_gain_trend, fit_power_law

HORIZONS = (66, 200, 600)
LRS = tuple(2.0 * steps**-0.4 for steps in HORIZONS)


def side(name: str) -> ShapeTrend:
    interval = Interval(0.01, 1.0)
    curves = [
        LrCurve(bracket="bracketed", lr=lr, interval=interval, log_error=0.1, used=5, dropped=0) for lr in LRS
    ]
    return ShapeTrend(name=name, lrs=LRS, intervals=(interval,) * 3, law=fit_power_law(HORIZONS, curves))


FOUND = TransferResult(
    key="k",
    objective="test_loss",
    horizons=HORIZONS,
    leader=side("cosine to 0"),
    standards=(
        BaselineTrend(side=side("linear to 0"), margin=fit_gain_trend(HORIZONS, [[0.1, 0.11, 0.12]] * 3)),
    ),
    n_pairs=3,
    trained=99,
)


def test_it_is_kept_as_it_is() -> None:
    assert TransferResult.from_json(json.loads(json.dumps(FOUND.to_json()))) == FOUND


def test_a_record_without_the_shortest_horizon_of_its_lines_is_read() -> None:
    stored = json.loads(json.dumps(FOUND.to_json()))
    sides = (stored["leader"], *stored["standards"])
    for trend in (*(each["lr_trend"] for each in sides), stored["standards"][0]["gain_trend"]):
        del trend["shortest_steps"]
    assert TransferResult.from_json(stored) == FOUND


def test_three_steps_are_too_few_to_foretell_anything() -> None:
    with pytest.raises(UsageError, match="3 steps are less than a third of the shortest horizon"):
        FOUND.peak_lr(3)
    assert FOUND.peak_lr(3, however_far=True)[0] > 1.0
    assert FOUND.lines_at(3) == [
        "At 3 steps neither its best peak lr nor its gain is known: that is less than a third of the "
        "shortest horizon that was trained (66)."
    ]


@pytest.mark.parametrize(("steps", "n_lines"), [(18_000, 2), (18_001, 1), (22, 2), (21, 1)])
def test_it_reaches_thirty_times_as_far_and_a_third_as_near(steps: int, n_lines: int) -> None:
    assert len(FOUND.lines_at(steps)) == n_lines
    assert len(FOUND.lines_at(steps, however_far=True)) == 2
