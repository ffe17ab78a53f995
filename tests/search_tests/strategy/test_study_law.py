"""The law of the loss in the search's model: what it is fitted to, and how much say it has."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import spearmanr

from search.direction import Direction
from search.runs.trial_attributes import HORIZON_STEPS
from search.spec.params import ParamSpace
from search.spec.study import SamplerSpec, StudySpec
from search.strategy.law_mean import LawMean
from search.strategy.loss_law import LossLaw, Tables, Vector, parts_of
from search.strategy.observations import Observation, Points
from search.strategy.optuna_samplers import sampler_problems
from search.strategy.progress import TrialReader
from search.strategy.scales import SPREAD, TYPICAL, Scales
from search.strategy.shape import ShapeEncoder
from search.strategy.strategy import Strategy
from search.strategy.study_law import Curve, law_of
from search.strategy.surrogate import Surrogate
from tests.search_tests.strategy.synthetic import SyntheticStudy, spec
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule

STEPS = 600
LAW = LossLaw(floor=1.2, approach=3.0, exponent=0.3, noise=0.4, forgetting=1.0, power=1.1)
SHAPES = ShapeEncoder(STEPS, ParamSpace({}))
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)


def curve_of(schedule: WarmbootSchedule, number: int = 0, *, steps: int = STEPS, more: float = 0.0) -> Curve:
    """What the law says of a schedule, at five places; `more` at its end."""
    lrs = schedule.lr_table(steps)
    ends = [round(steps * share) for share in SHARES]
    parts = np.array([parts_of(lrs[:end]) for end in ends])
    losses = LAW.losses(Tables(parts, np.array(ends, dtype=float))) + more * np.array([0, 0, 0, 0, 1.0])
    reports = tuple(zip(ends, losses.tolist(), strict=True))
    assert schedule.lr is not None
    return Curve(number, SHAPES.shape(schedule, {}), math.log(schedule.lr), steps, reports)


def schedules(n: int, seed: int = 0) -> list[WarmbootSchedule]:
    """Baselines at peak lrs near their best."""
    rng = np.random.default_rng(seed)
    shapes = list(baselines().values())
    return [shapes[i % len(shapes)].replace(lr=0.25 * math.exp(rng.uniform(-1.0, 0.7))) for i in range(n)]


def observed(curves: Iterable[Curve]) -> list[Observation]:
    return [Observation(c.shape.features, c.log_lr, c.shape.log_scale, c.losses[-1][1], 0) for c in curves]


def points_of(curves: list[Curve]) -> Points:
    return Points(
        np.array([c.shape.features for c in curves]),
        np.array([c.log_lr for c in curves]),
        np.array([c.shape.log_scale for c in curves]),
    )


def known_law(curves: list[Curve]) -> LawMean:
    law = law_of(curves, STEPS)
    assert law is not None, "there are curves enough"
    return law


def ends(curves: list[Curve]) -> Vector:
    return np.array([curve.losses[-1][1] for curve in curves])


def test_a_law_read_off_features_is_that_of_the_table() -> None:
    curves = [curve_of(schedule) for schedule in schedules(24)]
    found = known_law(curves[:12]).losses(points_of(curves))
    assert spearmanr(found, ends(curves))[0] > 0.97


def test_one_schedule_tells_no_law_and_short_trainings_tell_none() -> None:
    one, other = (curve_of(schedule) for schedule in schedules(2))
    assert law_of([one, replace(one, number=1)], STEPS) is None
    assert law_of([one, other], STEPS) is not None
    short = [curve_of(schedule, steps=66) for schedule in schedules(6)]
    assert law_of(short, STEPS) is None
    assert law_of([], STEPS) is None


def test_what_was_validated_early_does_not_count() -> None:
    curves = [curve_of(schedule) for schedule in schedules(6)]
    early = [replace(curve, losses=((30, 99.0), *curve.losses)) for curve in curves]
    asked = points_of(curves)
    np.testing.assert_array_equal(known_law(early).losses(asked), known_law(curves).losses(asked))


def test_a_run_that_reports_every_step_counts_like_any_other() -> None:
    reports = tuple((step, 1.0 / step) for step in range(1, STEPS + 1))
    late = replace(curve_of(schedules(1)[0]), losses=reports).late
    assert len(late) == 8
    assert (late[0][0], late[-1][0]) == (120, STEPS)


def test_a_run_far_above_the_best_lr_of_its_shape_does_not_count() -> None:
    curves = [curve_of(schedule) for schedule in schedules(6)]
    broken = curve_of(WarmbootSchedule(curve="linear", lr=3.0), 9, more=5.0)
    best = curve_of(WarmbootSchedule(curve="linear", lr=0.25), 8)
    asked = points_of(curves)
    told = [known_law([*curves, best, *more]).losses(asked) for more in ([], [broken])]
    np.testing.assert_array_equal(told[0], told[1])


def test_the_law_has_its_say_where_runs_follow_it_and_ranks_what_was_never_tried() -> None:
    curves = [curve_of(schedule) for schedule in schedules(30)]
    model = Surrogate(observed(curves[:8]), law=known_law(curves[:8]))
    asked = points_of(curves[8:])
    assert model.scales.law > 0.7
    with_law = spearmanr(model.predict(asked)[0], ends(curves[8:]))[0]
    without = spearmanr(Surrogate(observed(curves[:8])).predict(asked)[0], ends(curves[8:]))[0]
    assert with_law > max(0.95, without)


def test_the_law_has_no_say_where_what_it_foretells_is_wrong() -> None:
    curves = [curve_of(schedule) for schedule in schedules(16)]
    ends_in_reverse = ends(curves).max() + ends(curves).min() - ends(curves)
    seen = [replace(o, value=float(v)) for o, v in zip(observed(curves), ends_in_reverse, strict=True)]
    model, plain = Surrogate(seen, law=known_law(curves)), Surrogate(seen)
    assert model.scales.law == 0.0
    asked = points_of(curves)
    np.testing.assert_array_equal(model.predict(asked)[0], plain.predict(asked)[0])


def test_the_law_counts_little_above_the_peak_lrs_that_did_well() -> None:
    law = known_law([curve_of(schedule) for schedule in schedules(12)])
    tried = points_of([curve_of(WarmbootSchedule(curve="linear", lr=lr)) for lr in (0.1, 1.0, 3.0)])
    low, high, far = law.trust(tried)
    assert low == 1.0
    assert far < high < 1.0
    assert far < 0.01


def test_slopes_of_the_posterior_are_right_with_a_law() -> None:
    curves = [curve_of(schedule) for schedule in schedules(10)]
    model = Surrogate(observed(curves), law=known_law(curves))
    x = np.array(TYPICAL) + 0.3 * np.array(SPREAD)
    slopes = model._loss(x)[1]
    by_steps = approx_fprime(x, lambda at: model._loss(at)[0], 1e-6)
    np.testing.assert_allclose(slopes, by_steps, rtol=1e-3, atol=1e-3)


def test_measured_runs_are_believed_over_the_law() -> None:
    curves = [curve_of(schedule) for schedule in schedules(12)]
    better = replace(curves[3], losses=(*curves[3].losses[:-1], (STEPS, ends(curves).min() - 0.3)))
    seen = observed([*curves[:3], better, *curves[4:]])
    scales = Scales(*TYPICAL)._replace(log_noise=math.log(0.05), law=1.0)
    mean, _ = Surrogate(seen, scales, known_law(curves)).predict(points_of(curves))
    assert int(mean.argmin()) == 3


def sampler(name: str, law: Any) -> SamplerSpec:
    return SamplerSpec.model_validate({"name": name, "law": law})


def with_law(**changes: Any) -> StudySpec:
    return spec(**changes).model_copy(update={"sampler": sampler("warmboot", True)})


def by_the_law(schedule: WarmbootSchedule) -> float:
    return float(LAW.losses(Tables(parts_of(schedule.lr_table(STEPS))[None], np.array([float(STEPS)])))[0])


class ValidatedStudy(SyntheticStudy):
    """Reports the law's curve of each full run."""

    def end(self, trial: Any) -> None:
        super().end(trial)
        if trial.values is not None:
            reports = curve_of(self.schedule(trial)).losses[:-1]
            trial.intermediate_values = {**dict(reports), trial.user_attrs[HORIZON_STEPS]: trial.values[0]}


def test_a_study_without_curves_goes_on_as_one_that_has_no_law() -> None:
    proposed = []
    for each in (spec(), with_law()):
        study = SyntheticStudy(each, by_the_law)
        study.run(Strategy(each, n_runs=24), 18)
        proposed.append([trial.user_attrs for trial in study.trials])
    assert proposed[0] == proposed[1]


def test_a_round_is_the_same_whoever_asks() -> None:
    study, strategy = ValidatedStudy(with_law(), by_the_law), Strategy(with_law(), n_runs=16)
    study.run(strategy, 17)
    fresh = Strategy(with_law(), n_runs=16)
    told = [[p.params for p in islice(each.round(study.trials, 3), 3)] for each in (strategy, fresh)]
    assert told[0] == told[1]
    assert len(told[0]) == 3


def test_a_law_that_holds_does_not_lead_the_search_astray() -> None:
    found = {}
    for each in (spec(), with_law()):
        study = ValidatedStudy(each, by_the_law, noise=0.2)
        study.run(Strategy(each, n_runs=8), 15)
        full = [trial for trial in study.trials if trial.values is not None]
        found[each.sampler.uses_law] = min(by_the_law(study.schedule(trial)) for trial in full)
    assert found[True] <= found[False]


@pytest.mark.parametrize(("direction", "has_curves"), [("minimize", True), ("maximize", False)])
def test_what_is_maximized_is_no_loss_and_has_no_law(direction: Direction, has_curves: bool) -> None:
    study = ValidatedStudy(with_law(), by_the_law)
    study.run(Strategy(study.spec, n_runs=8), 12)
    other = study.spec.model_copy(update={"direction": direction})
    assert bool(TrialReader(other).read(study.trials).curves) is has_curves


def test_the_option_is_true_or_false() -> None:
    assert sampler_problems(sampler("warmboot", True)) == []
    assert "accepted are true and false" in sampler_problems(sampler("warmboot", "yes"))[0]
    assert "not an argument" in sampler_problems(sampler("tpe", True))[0]
