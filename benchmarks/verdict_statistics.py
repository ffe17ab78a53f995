"""False verdicts where there is no difference, and verdicts where there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from quality_pool import test_losses
from scipy import stats
from short_horizons import best_lr

from search.population.make import make_population
from search.proxies.registry import AnyProxy, declared_proxy
from search.statistics.paired import PairedRuns
from search.statistics.sequential import MARGIN_IN_SEED_SDS, STATED_PLAN, Look, take_looks
from search.strategy.peak_lr import peak_lr_scale
from warmboot.curves import Polynomial
from warmboot.schedule import WarmbootSchedule

Losses = NDArray[np.float64]
PROXY, STEPS = "char_lm_mlp", 600
REAL_STEPS = 120
"""Of the wholly real searches, 27,000 trainings."""
LINEAR = WarmbootSchedule(curve="linear")
VERDICTS, REAL_VERDICTS, TRIALS, TUNING = 1000, 100, 200, 10
NULL_RUNS, PAIRS = 1200, 300
SLOTS = 16


def measure_null(keep: Callable[[Mapping[str, Any]], None]) -> None:
    """A space with a single schedule: whatever the search calls the luckiest is that schedule again."""
    proxy = declared_proxy(PROXY, {})
    lr = best_lr(proxy, STEPS, np.geomspace(0.05, 2.0, 7))
    runs = losses(proxy, [LINEAR.replace(lr=lr)], STEPS, NULL_RUNS)[0]
    rng = np.random.default_rng(0)
    needed = 2 * STATED_PLAN.last + TUNING
    resampled = [verdict_of(rng.permutation(runs)[:needed]) for _ in range(VERDICTS)]
    found = {"proxy": PROXY, "total_steps": STEPS, "real_runs": NULL_RUNS, "resampled": told(resampled)}
    keep(found)
    lr = best_lr(proxy, REAL_STEPS, np.geomspace(0.05, 2.0, 7))
    each = TRIALS + needed
    fresh = losses(proxy, [LINEAR.replace(lr=lr)], REAL_STEPS, REAL_VERDICTS * each)[0]
    studies = fresh.reshape(REAL_VERDICTS, each)
    real = [verdict_of(study[TRIALS:]) for study in studies]
    flattered = float(np.mean(studies[:, TRIALS:].mean(1) - studies[:, :TRIALS].min(1)))
    keep(
        {
            **found,
            "wholly_real": {
                "total_steps": REAL_STEPS,
                "trials_each": TRIALS,
                "the_luckiest_trial_flatters_by": round(flattered, 5),
                **told(real),
            },
        }
    )


def verdict_of(values: Losses) -> Look:
    """The last look of a verdict on independent values: tuning seeds, candidate, standard."""
    margin = MARGIN_IN_SEED_SDS * float(values[:TUNING].std(ddof=1))
    candidate, standard = values[TUNING:].reshape(2, STATED_PLAN.last)
    return last_look(candidate, standard, margin)


def last_look(candidate: Losses, standard: Losses, margin: float) -> Look:
    runs = PairedRuns(candidate=tuple(candidate), standard=tuple(standard), direction="minimize")
    return take_looks(runs, margin=margin)[-1]


def told(looks: Sequence[Look]) -> dict[str, Any]:
    """Outcomes, and the share of false claims with its upper 95% limit (Clopper, Pearson 1934)."""
    counts = Counter(str(look.outcome) for look in looks)
    false = counts["win"] + counts["lose"]
    limit = float(stats.beta.ppf(0.95, false + 1, len(looks) - false))
    return {
        "verdicts": len(looks),
        "outcomes": dict(counts),
        "false_share": round(false / len(looks), 4),
        "upper_95_limit": round(limit, 4),
        "median_pairs": median(look.n_pairs for look in looks),
    }


def measure_power(keep: Callable[[Mapping[str, Any]], None]) -> None:
    """Real pairs, and real pairs whose mean difference is put to a share of the seeds' spread."""
    proxy = declared_proxy(PROXY, {})
    shapes = {
        "linear": LINEAR,
        "power 0.7": WarmbootSchedule(curve=Polynomial(power=0.7)),
        "cosine": WarmbootSchedule(),
    }
    lr = best_lr(proxy, STEPS, np.geomspace(0.05, 2.0, 7))
    scale = {name: peak_lr_scale(shape.factors(STEPS)) for name, shape in shapes.items()}
    schedules = [shape.replace(lr=lr * scale[name] / scale["linear"]) for name, shape in shapes.items()]
    linear, power, cosine = losses(proxy, schedules, STEPS, PAIRS)
    sd = float(linear.std(ddof=1))
    rng = np.random.default_rng(1)
    found: dict[str, Any] = {"proxy": PROXY, "total_steps": STEPS, "pairs": PAIRS, "seed_sd": round(sd, 5)}
    found["power 0.7 against linear"] = resampled_power(power, linear, sd, rng)
    found["linear against cosine"] = resampled_power(linear, cosine, sd, rng)
    for shift in (0.0, 0.3, 0.5, 1.0):
        moved = power - power.mean() + linear.mean() - shift * sd
        found[f"shift of {shift} seed sd"] = {
            "as paired": resampled_power(moved, linear, sd, rng),
            "pairing correlation 0": resampled_power(rng.permutation(moved), linear, sd, rng),
            "simulated, correlation 0.85": simulated_power(shift, 0.85, rng),
        }
    keep(found)


def resampled_power(
    candidate: Losses, standard: Losses, sd: float, rng: np.random.Generator
) -> dict[str, Any]:
    """1,000 verdicts on 30 of the pairs; what they should find is the mean over all of them."""
    truth = float((standard - candidate).mean())
    looks = []
    for _ in range(VERDICTS):
        chosen = rng.permutation(len(candidate))[: STATED_PLAN.last]
        looks.append(last_look(candidate[chosen], standard[chosen], MARGIN_IN_SEED_SDS * sd))
    correlation = float(np.corrcoef(candidate, standard)[0, 1])
    return summary(looks, truth, sd, correlation)


def simulated_power(shift: float, correlation: float, rng: np.random.Generator) -> dict[str, Any]:
    """Normal values with a spread of 1, for a correlation that was not met."""
    covariance = [[1.0, correlation], [correlation, 1.0]]
    looks = []
    for _ in range(VERDICTS):
        pairs = rng.multivariate_normal([-shift, 0.0], covariance, STATED_PLAN.last)
        looks.append(last_look(pairs[:, 0], pairs[:, 1], MARGIN_IN_SEED_SDS))
    return summary(looks, shift, 1.0, correlation)


def summary(looks: Sequence[Look], truth: float, sd: float, correlation: float) -> dict[str, Any]:
    counts = Counter(str(look.outcome) for look in looks)
    covered = sum(look.low <= truth <= look.high for look in looks)
    interval = stats.binomtest(covered, len(looks)).proportion_ci(0.95)
    return {
        "true_gain_in_seed_sds": round(truth / sd, 3),
        "pairing_correlation": round(correlation, 3),
        "outcomes": dict(counts),
        "settled": round(1 - counts["not settled"] / len(looks), 3),
        "median_pairs": median(look.n_pairs for look in looks),
        "coverage": round(covered / len(looks), 3),
        "coverage_interval": [round(interval.low, 3), round(interval.high, 3)],
    }


def losses(proxy: AnyProxy, schedules: Sequence[WarmbootSchedule], steps: int, n_seeds: int) -> Losses:
    """Test losses on fresh seeds, `schedules x seeds`."""
    return test_losses(make_population(proxy, slots=SLOTS), schedules, steps, n_seeds)
