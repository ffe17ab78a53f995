"""Peak lr and gain foretold beyond the longest horizon that was trained, beside what is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from quality_pool import test_losses
from scipy import stats
from short_horizons import best_lr, trained

import warmboot
from search.population.make import make_population
from search.proxies.registry import AnyProxy, declared_proxy
from search.results.candidate import Candidate
from search.results.transfer import ShapeTrend, TransferResult
from search.spec.study_file import parse_study
from search.statistics.lr_sweep_fit import fit_lr_sweep
from search.strategy.peak_lr import peak_lr_scale
from search.training.batch import Arms
from search.transfer.horizons import default_horizons
from search.transfer.measure import transfer
from warmboot.baseline_schedules import baselines
from warmboot.curves import Polynomial
from warmboot.schedule import WarmbootSchedule

Losses = NDArray[np.float64]
RECORD = Path(__file__).parent / "records" / "verdict.json"
LEAST_STEPS = 40
FINE = np.exp(np.arange(-0.6, 0.61, 0.2))
SWEEP_SEEDS, FRESH_SEEDS = 3, 12
SLOTS = 16
LINEAR = WarmbootSchedule(curve="linear")
SHAPES = {
    "power 0.7": WarmbootSchedule(curve=Polynomial(power=0.7)),
    "cosine": WarmbootSchedule(),
    "wsd": baselines()["wsd"],
    "two cycles": WarmbootSchedule(restarts=(0.5,), step_scale=0.5),
}


class Setting(NamedTuple):
    """`steps`: the longest horizon that is trained; `lrs`: lowest and highest of the first sweep there."""

    steps: int
    lrs: tuple[float, float]
    times: tuple[int, ...] = (3, 9)


TASKS = {
    "char_lm_mlp": Setting(600, (5e-2, 2.0)),
    "mnist1d_mlp": Setting(400, (2e-2, 1.0)),
    "digits_mlp": Setting(400, (2e-2, 1.0)),
}


def measure_transfer(keep: Callable[[Mapping[str, Any]], None]) -> None:
    found: dict[str, Any] = {}
    for name, setting in TASKS.items():
        found[name] = measured(name, setting)
        found["gain's sign"] = signs([row for task in TASKS if task in found for row in found[task]["gains"]])
        keep(found)


def measured(name: str, setting: Setting) -> dict[str, Any]:
    """One task: every shape against linear at several horizons, then at longer ones."""
    proxy = declared_proxy(name, {})
    expected = best_lr(proxy, setting.steps, np.geomspace(*setting.lrs, 7))
    told = foretold(name, setting, expected)
    sides = [told.leader, *(against.side for against in told.standards)]
    row: dict[str, Any] = {"trained_to": told.horizons, "peak_lr": [], "gains": []}
    for times in setting.times:
        steps = times * setting.steps
        pairs = zip(sides, (LINEAR, *SHAPES.values()), strict=True)
        there = [at_horizon(proxy, side, shape, setting.steps, steps) for side, shape in pairs]
        row["peak_lr"] += [facts for facts, _ in there]
        for against, (_, losses) in zip(told.standards, there[1:], strict=True):
            # `told` has linear for its leader, so that its gains are those of linear over each shape
            row["gains"].append(gain_at(against.margin.at(steps), there[0][1], losses, against.side.name))
    return row


def foretold(name: str, setting: Setting, linear_lr: float) -> TransferResult:
    """What `warmboot transfer` finds, by the code behind the command."""
    steps = setting.steps
    table = {
        "name": name,
        "proxy": name,
        "total_steps": steps,
        "n_trials": 1,
        "space": {"lr": {"low": 1e-5, "high": 10.0, "log": True}},
    }
    spec = parse_study(table, place=name)
    reference = peak_lr_scale(LINEAR.factors(steps))
    started = [
        shape.replace(lr=linear_lr * peak_lr_scale(shape.factors(steps)) / reference)
        for shape in (LINEAR, *SHAPES.values())
    ]
    leader = Candidate(key="linear", schedule=started[0], trial_numbers=(), searched=(0.0,))
    horizons = default_horizons(steps, LEAST_STEPS)
    with Arms(spec, "cpu", lambda _: None) as arms:
        return transfer(spec, leader, started[1:], arms, horizons=horizons, say=print)


def at_horizon(
    proxy: AnyProxy, side: ShapeTrend, shape: WarmbootSchedule, trained_steps: int, steps: int
) -> tuple[dict[str, Any], Losses]:
    """A fine sweep there, and the losses at its best lr, at the foretold lr and at the uncorrected one.

    Returns facts, and the test losses on fresh seeds at the lr of the fine sweep.
    """
    lr, interval = side.law.predict(steps)
    fine = lr * FINE
    values = trained(proxy, [(shape.replace(lr=float(x)), steps) for x in fine], range(SWEEP_SEEDS))
    curve = fit_lr_sweep(fine.tolist(), values.tolist(), direction="minimize")
    best = curve.lr or float(fine[values.mean(1).argmin()])
    same = side.law.predict(trained_steps)[0]
    schedules = [shape.replace(lr=each) for each in (best, lr, same)]
    losses = test_losses(make_population(proxy, slots=SLOTS), schedules, steps, FRESH_SEEDS)
    sd = float(losses[0].std(ddof=1))
    facts = {
        "shape": side.name,
        "steps": steps,
        "foretold_lr": round(lr, 5),
        "interval": [round(interval.low, 5), round(interval.high, 5)],
        "fine_sweep_lr": round(best, 5),
        "place": curve.bracket,
        "uncorrected_lr": round(same, 5),
        "seed_sd": round(sd, 5),
        "regret_in_seed_sds": regret(losses[1], losses[0], sd),
        "regret_uncorrected_in_seed_sds": regret(losses[2], losses[0], sd),
    }
    print(facts, flush=True)
    return facts, losses[0]


def regret(losses: Losses, best: Losses, sd: float) -> list[float]:
    """Mean and its 95% t interval, paired by seed."""
    interval = stats.ttest_rel(losses, best).confidence_interval(0.95)
    return [round(float(x) / sd, 3) for x in ((losses - best).mean(), interval.low, interval.high)]


def gain_at(expected: Any, linear: Losses, other: Losses, name: str) -> dict[str, Any]:
    """The gain of linear over a shape: what was foretold, and what there is."""
    interval = stats.ttest_rel(other, linear).confidence_interval(0.95)
    sign = "better" if interval.low > 0 else "worse" if interval.high < 0 else "undecided"
    return {
        "linear_over": name,
        "steps": expected.steps,
        "foretold": round(expected.gain, 5),
        "foretold_interval": [round(expected.interval.low, 5), round(expected.interval.high, 5)],
        "foretold_sign": expected.sign,
        "measured": round(float((other - linear).mean()), 5),
        "measured_interval": [round(float(interval.low), 5), round(float(interval.high), 5)],
        "measured_sign": sign,
    }


def signs(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Of the comparisons that are settled at the longer horizon: how many were foretold, how many right."""
    settled = [row for row in rows if row["measured_sign"] != "undecided"]
    known = [row for row in settled if row["foretold_sign"] != "undecided"]
    return {
        "comparisons": len(rows),
        "settled_there": len(settled),
        "of_these_foretold": len(known),
        "of_these_right": sum(row["foretold_sign"] == row["measured_sign"] for row in known),
        "foretold_by_the_trend_alone_right": sum(
            (row["foretold"] > 0) == (row["measured"] > 0) for row in settled
        ),
    }


def measure_carried(keep: Callable[[Mapping[str, Any]], None]) -> None:
    """The shape that the study `char_lm` has found, on `char_gpt`, against linear tuned there."""
    if not RECORD.exists() or "studies" not in (record := json.loads(RECORD.read_text(encoding="utf-8"))):
        raise SystemExit("no study has found a shape yet: run --parts studies first")
    proxy, steps = declared_proxy("char_gpt", {}), 250
    shape = warmboot.reads(record["studies"]["char_lm"]["exported"]).schedule
    linear_lr = best_lr(proxy, steps, np.geomspace(5e-4, 2e-2, 7))
    reference = peak_lr_scale(LINEAR.factors(steps))
    tuned = []
    for each in (shape, LINEAR):
        fine = linear_lr * peak_lr_scale(each.factors(steps)) / reference * FINE
        values = trained(proxy, [(each.replace(lr=float(x)), steps) for x in fine], range(SWEEP_SEEDS))
        curve = fit_lr_sweep(fine.tolist(), values.tolist(), direction="minimize")
        tuned.append(each.replace(lr=curve.lr or float(fine[values.mean(1).argmin()])))
    losses = test_losses(make_population(proxy, slots=SLOTS), tuned, steps, 20)
    gains = losses[1] - losses[0]
    interval = stats.ttest_1samp(gains, 0.0).confidence_interval(0.95)
    keep(
        {
            "shape": tuned[0].describe(),
            "against": tuned[1].describe(),
            "total_steps": steps,
            "seeds": len(gains),
            "seed_sd": round(float(losses[1].std(ddof=1)), 5),
            "gain": round(float(gains.mean()), 5),
            "interval": [round(float(interval.low), 5), round(float(interval.high), 5)],
        }
    )
