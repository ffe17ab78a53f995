"""Which knob matters, on studies where that is known."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import pytest

from search.strategy.plateau import plateau
from search.strategy.proposal import Proposal
from search.strategy.sensitivity import Sensitivity, knob_lines
from search.strategy.sensitivity_analysis import SensitivityAnalysis
from search.strategy.strategy import Strategy
from search.strategy.study_model import StudyModel
from tests.search_tests.strategy.synthetic import (
    SEED_SD,
    SPACE,
    SyntheticStudy,
    Truth,
    floor_matters,
    model_of,
    only_lr_matters,
    spec,
)


def searched(truth: Truth, luck: int = 0) -> SyntheticStudy:
    """Eighty trials."""
    space = {name: values for name, values in SPACE.items() if name not in ("n_restarts", "step_scale")}
    study = SyntheticStudy(spec(space=space), truth, luck=luck)
    study.run(Strategy(study.spec, seed=luck, n_runs=200), 80)
    return study


def sensitivity_of(study: SyntheticStudy) -> dict[str, Sensitivity]:
    model = model_of(study)
    return knobs_at(study, model, model.estimates()[0].params)


def knobs_at(study: SyntheticStudy, model: StudyModel, params: Mapping[str, Any]) -> dict[str, Sensitivity]:
    return {knob.name: knob for knob in SensitivityAnalysis(study.spec, model, params).knobs()}


@pytest.fixture(scope="module")
def floor_study() -> SyntheticStudy:
    return searched(floor_matters)


@pytest.fixture(scope="module")
def floor(floor_study: SyntheticStudy) -> dict[str, Sensitivity]:
    return sensitivity_of(floor_study)


def test_what_matters_is_found_with_its_flat_region(floor: dict[str, Sensitivity]) -> None:
    assert floor["lr"].matters
    assert floor["eta_min"].matters
    low, high = floor["eta_min"].as_good
    assert 0.1 < low <= floor["eta_min"].best <= high < 0.3
    assert 0.01 < floor["eta_min"].effect < 0.15, "the truth is 0.12, where the search hardly was"
    low, high = floor["lr"].as_good
    assert high / low < 3


def test_what_does_not_matter_is_called_so() -> None:
    """Only the peak lr itself matters, not its place relative to the bound's, which moves with the shape."""
    found = sensitivity_of(searched(lambda schedule: 2.0 + 0.25 * math.log((schedule.lr or 1.0) / 0.25) ** 2))
    assert [name for name, knob in found.items() if knob.matters] == ["lr"]


def test_what_was_hardly_looked_at_is_not_said_to_matter() -> None:
    """Of a warm-up the truth is 0.001 worse at most; one of three draws of the noise may fool it."""
    found = [sensitivity_of(searched(floor_matters, luck=luck))["warmup"] for luck in (1, 2, 3)]
    assert sum(knob.matters for knob in found) <= 1


def test_the_strongest_comes_first(floor: dict[str, Sensitivity]) -> None:
    order = list(floor.values())
    assert [knob.matters for knob in order] == sorted((knob.matters for knob in order), reverse=True)


def test_the_lines_say_it_in_words(floor: dict[str, Sensitivity]) -> None:
    lines = knob_lines(list(floor.values()))
    assert any(
        re.fullmatch(
            r"eta_min +0\.\d+ to 0\.\d+ is as good; elsewhere \(0 to 0\.\d+ was tried\) up to "
            r"0\.\d+ worse, or more",
            line,
        )
        for line in lines
    )
    assert knob_lines([Sensitivity("hold", 0.0, 0.01, 0.02, False, (0.0, 0.6), True, True)]) == [
        "hold  no evidence that it matters: at most 0.01 ± 0.02"
    ]
    assert knob_lines([Sensitivity("curve", "linear", 0.2, 0.02, True, ("linear", "rex"), False, False)]) == [
        "curve  linear or rex is as good; elsewhere up to 0.2 worse, or more"
    ], "as it was kept before what was tried was kept too"


def test_no_value_outside_of_what_was_tried_is_named(
    floor_study: SyntheticStudy, floor: dict[str, Sensitivity]
) -> None:
    runs = model_of(floor_study).runs
    for name, knob in floor.items():
        tried = [run.params[name] for run in runs if name in run.params]
        if knob.is_range:
            assert knob.tried == pytest.approx((min(tried), max(tried)))
            low, high = knob.as_good
            assert min(tried) - 1e-12 <= low <= knob.best <= high <= max(tried) + 1e-12
        else:
            assert set(knob.as_good) <= set(knob.tried) == set(tried)
    line = next(line for line in knob_lines(list(floor.values())) if line.startswith("lr "))
    low, high = floor["lr"].tried
    assert f"({low:.3g} to {high:.3g} was tried)" in line


WIDE: dict[str, Any] = {
    "lr": {"low": 0.01, "high": 3.0, "log": True},
    "eta_min": {"low": 0.0, "high": 0.3},
    "warmup": {"low": 0.0, "high": 0.2},
    "curve": ["cosine", "linear"],
}
BATCHES = (16, 32, 64, 128)


def by_hand(rows: Mapping[float, float], **more: Any) -> tuple[SyntheticStudy, dict[str, Any]]:
    """Linear with a floor, at each lr its value."""
    study = SyntheticStudy(spec(space=WIDE, **more), floor_matters)
    params = {"lr": 0.25, "eta_min": 0.1, "warmup": 0.0, "curve": "linear"}
    for lr, value in rows.items():
        study.add({**params, "lr": lr}, [value])
    return study, params


def test_of_what_was_never_varied_nothing_is_said() -> None:
    study, params = by_hand({0.1: 2.2, 0.25: 2.0, 0.5: 2.1})
    assert set(knobs_at(study, model_of(study), params)) == {"lr"}


def test_a_range_ends_where_the_runs_end_and_not_where_the_space_does() -> None:
    study, params = by_hand({0.1: 2.2, 0.25: 2.0, 0.5: 2.1})
    lr = knobs_at(study, model_of(study), params)["lr"]
    assert lr.tried == pytest.approx((0.1, 0.5))
    assert 0.1 <= lr.as_good[0] <= 0.25 <= lr.as_good[1] <= 0.5


def test_a_choice_of_whole_numbers_is_looked_at_whole() -> None:
    """All four, the middle ones too; 128 is as good as 64, which takes more runs to claim than these."""
    worse = {16: 0.3, 32: 0.1, 64: 0.0, 128: 0.0}
    study = SyntheticStudy(spec(space=WIDE, params={"batch_size": list(BATCHES)}), floor_matters)
    for batch_size, by in worse.items():
        for lr in (0.15, 0.2, 0.25, 0.3, 0.4):
            params = {"lr": lr, "eta_min": 0.1, "warmup": 0.0, "curve": "linear", "batch_size": batch_size}
            value = 2.0 + by + 0.25 * math.log(lr / 0.25) ** 2
            study.add(params, [value - 0.004, value + 0.004] * 2)
    at = {"lr": 0.25, "eta_min": 0.1, "warmup": 0.0, "curve": "linear", "batch_size": 64}
    knob = knobs_at(study, model_of(study), at)["batch_size"]
    assert (knob.tried, knob.best, knob.matters, knob.is_range) == (BATCHES, 64, True, False)
    assert {64} <= set(knob.as_good) <= {64, 128}
    assert knob.effect == pytest.approx(0.3, abs=0.15)
    assert knob_lines([knob])[0].startswith(
        "batch_size  best at 64; elsewhere (16, 32, 64, 128 were tried) up to 0."
    )


def test_of_a_choice_only_what_was_tried_is_named() -> None:
    study = SyntheticStudy(spec(space=WIDE, params={"batch_size": list(BATCHES)}), floor_matters)
    params = {"lr": 0.25, "eta_min": 0.1, "warmup": 0.0, "curve": "linear"}
    for batch_size in (128, 32):
        study.add({**params, "batch_size": batch_size}, [2.0, 2.01])
    knob = knobs_at(study, model_of(study), {**params, "batch_size": 32})["batch_size"]
    assert knob.tried == (32, 128), "in the order of the study file"


def test_fixed_parameters_are_no_knobs(floor: dict[str, Sensitivity]) -> None:
    assert set(floor) <= {"lr", "warmup", "n_restarts", "step_scale", "hold", "eta_min", "curve"}


@pytest.mark.parametrize(
    ("gains", "n_full", "leader_seeds", "ends"),
    [
        ([0.0014] * 16, 20, 3, True),
        ([0.9, *[0.0014] * 16], 20, 3, True),
        ([0.0014] * 15, 20, 3, False),
        ([*[0.0014] * 15, 0.0016], 20, 3, False),
        ([0.0014] * 16, 19, 3, False),
        ([0.0014] * 16, 20, 2, False),
    ],
)
def test_a_search_ends_where_no_gain_could_be_seen(
    gains: list[float], n_full: int, leader_seeds: int, ends: bool
) -> None:
    why = plateau(gains, noise_sd=0.015, n_full=n_full, leader_seeds=leader_seeds)
    assert (why is not None) == ends


def test_the_expected_gain_falls_below_the_noise_once_all_is_known() -> None:
    study = SyntheticStudy(spec(), only_lr_matters)
    strategy = Strategy(study.spec, n_runs=200)
    study.run(strategy, 90)
    gains: list[float] = []
    while len(gains) < 3:
        proposal = strategy(study.trials)
        assert isinstance(proposal, Proposal)
        if proposal.outlook is not None:
            gains.append(proposal.outlook.left_to_gain)
            assert proposal.outlook.noise_sd == pytest.approx(SEED_SD, rel=0.6)
        study.end(study.begin(proposal))
    assert max(gains) < 0.2 * SEED_SD
