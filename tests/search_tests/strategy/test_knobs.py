"""Which knob matters, on studies where that is known."""

from __future__ import annotations

import pytest

from search.strategy.estimates import estimated, study_model
from search.strategy.knobs import Knob, KnobReader, knob_lines
from search.strategy.plateau import plateau
from search.strategy.proposal import Proposal
from search.strategy.strategy import Strategy
from tests.search_tests.strategy.synthetic import (
    SEED_SD,
    SPACE,
    SyntheticStudy,
    Truth,
    floor_matters,
    only_lr_matters,
    spec,
)


def knobs_of(truth: Truth, n: int = 80) -> dict[str, Knob]:
    space = {name: values for name, values in SPACE.items() if name not in ("n_restarts", "step_scale")}
    study = SyntheticStudy(spec(space=space), truth)
    study.run(Strategy(study.spec, 0, n_runs=200), n)
    model = study_model(study.spec, study.trials)
    assert model is not None
    best = estimated(study.spec, study.trials)[0]
    return {knob.name: knob for knob in KnobReader(study.spec, model[0], best.params).knobs()}


@pytest.fixture(scope="module")
def floor() -> dict[str, Knob]:
    return knobs_of(floor_matters)


def test_what_matters_is_found_with_its_flat_region(floor: dict[str, Knob]) -> None:
    assert floor["lr"].matters
    assert floor["eta_min"].matters
    low, high = floor["eta_min"].as_good
    assert low < 0.1 < high < 0.25
    assert 0.01 < floor["eta_min"].effect < 0.15, "the truth is 0.12, where the search hardly was"
    low, high = floor["lr"].as_good
    assert high / low < 3


def test_what_does_not_matter_is_called_so() -> None:
    found = knobs_of(only_lr_matters)
    assert [name for name, knob in found.items() if knob.matters] == ["lr"]


def test_the_strongest_comes_first(floor: dict[str, Knob]) -> None:
    order = list(floor.values())
    assert [knob.matters for knob in order] == sorted((knob.matters for knob in order), reverse=True)


def test_the_lines_say_it_in_words(floor: dict[str, Knob]) -> None:
    lines = knob_lines(list(floor.values()))
    assert any(line.startswith("eta_min") and "is as good; elsewhere up to 0." in line for line in lines)
    assert knob_lines([Knob("hold", 0.0, 0.01, 0.02, False, (0.0, 0.6), True, True)]) == [
        "hold        no evidence that it matters: at most 0.01 ± 0.02"
    ]
    assert knob_lines([Knob("curve", "linear", 0.2, 0.02, True, ("linear", "rex"), False, False)]) == [
        "curve       linear or rex is as good; elsewhere up to 0.2 worse, or more"
    ]


def test_fixed_parameters_are_no_knobs(floor: dict[str, Knob]) -> None:
    assert set(floor) <= {"lr", "warmup", "n_restarts", "step_scale", "hold", "eta_min", "curve"}


@pytest.mark.parametrize(
    ("gains", "n_full", "leader_seeds", "ends"),
    [
        ([0.0014] * 8, 20, 3, True),
        ([0.9, *[0.0014] * 8], 20, 3, True),
        ([0.0014] * 7, 20, 3, False),
        ([*[0.0014] * 7, 0.0016], 20, 3, False),
        ([0.0014] * 8, 19, 3, False),
        ([0.0014] * 8, 20, 2, False),
    ],
)
def test_a_search_ends_where_no_gain_could_be_seen(
    gains: list[float], n_full: int, leader_seeds: int, ends: bool
) -> None:
    why = plateau(gains, noise_sd=0.015, n_full=n_full, leader_seeds=leader_seeds)
    assert (why is not None) == ends


def test_the_expected_gain_falls_below_the_noise_once_all_is_known() -> None:
    study = SyntheticStudy(spec(), only_lr_matters)
    strategy = Strategy(study.spec, 0, n_runs=200)
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
