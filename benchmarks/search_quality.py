"""How good is the answer for the training spent: this search beside what people do instead.

    python benchmarks/search_quality.py --task char_lm_mlp [--searches 20] [--methods warmboot sweep]

Each method searches the same space on the same task with the same number of model-steps, many times with
other seeds. Its answer is trained again on fresh seeds that no search has seen and judged on test data. A
grid of peak lrs has its offset drawn for every search: where the grid's cells lie is luck.

What plain samplers answer at a smaller budget is read off their longest search; all others are run anew for
each budget. One file for each task is written to `benchmarks/records/`: medians over the searches with
bootstrap intervals, and this search against the sweep with the best median at that budget, search by
search, by a paired t test on the fresh seeds. `--methods` trains those whose names begin so and keeps what
the record has of the others; the seeds are the same.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from machine import describe_machine
from numpy.typing import NDArray
from optuna.exceptions import ExperimentalWarning
from quality_methods import Budgeted, HalvedSweep, OneEpoch, Plain, Sweep, Task, Warmboot, plain_tpe
from quality_pool import run_searches, test_losses
from quality_tasks import TASKS, load_task
from scipy import stats

from search.population.make import make_population
from search.proxies.registry import AnyProxy
from warmboot.schedule import WarmbootSchedule

RECORDS = Path(__file__).parent / "records"
SLOTS = 16
FIRST_SEARCH = 1000
Make = Callable[[Task, float, np.random.Generator], Budgeted]
BOTH = ("linear", "cosine")


def sweep(shapes: Sequence[str], k: int, n_seeds: int) -> Make:
    return functools.partial(Sweep, shapes=shapes, k=k, n_seeds=n_seeds)


def plain(pruner: Callable[[], optuna.pruners.BasePruner] | None, *, random: bool = False) -> Make:
    def make(task: Task, total: float, rng: np.random.Generator) -> Budgeted:
        sampler = optuna.samplers.RandomSampler(seed=int(rng.integers(2**32))) if random else plain_tpe(rng)
        return Plain(task, total, sampler, None if pruner is None else pruner())

    return make


def hyperband() -> optuna.pruners.BasePruner:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return optuna.pruners.HyperbandPruner()


# method, budgets it is run at, budgets that are read off the longest of these
FULL: Sequence[tuple[str, Make, Sequence[int], Sequence[int]]] = (
    ("warmboot", Warmboot, (8, 16, 24, 64), ()),
    ("sweep: linear, 8 lrs", sweep(("linear",), 8, 1), (8,), ()),
    ("sweep: linear and cosine, 4 lrs", sweep(BOTH, 4, 1), (8,), ()),
    ("sweep: linear and cosine, 8 lrs", sweep(BOTH, 8, 1), (16,), ()),
    ("sweep: linear, 12 lrs, 2 seeds", sweep(("linear",), 12, 2), (24,), ()),
    ("sweep: linear and cosine, 12 lrs", sweep(BOTH, 12, 1), (24,), ()),
    ("sweep: linear and cosine, 16 lrs, 2 seeds", sweep(BOTH, 16, 2), (64,), ()),
    ("successive halving over the sweep", HalvedSweep, (24,), ()),
    ("best after one epoch", OneEpoch, (24,), ()),
    ("random search", plain(None, random=True), (64,), (8, 16, 24)),
    ("TPE", plain(None), (64,), (8, 16, 24)),
    ("TPE, MedianPruner", plain(optuna.pruners.MedianPruner), (24,), (8, 16)),
    ("TPE, HyperbandPruner", plain(hyperband), (24,), (8, 16)),
)
SHORT = tuple(row for row in FULL if row[0] in ("warmboot", "sweep: linear, 12 lrs, 2 seeds", "TPE"))
"""Where a training is expensive: 24 runs, and the methods that matter most."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=sorted(TASKS), required=True)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=6, help="fresh seeds that judge an answer")
    parser.add_argument("--methods", nargs="*", default=[""], help="beginnings of their names")
    parser.add_argument("--budgets", type=int, nargs="*", default=[8, 16, 24, 64])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", ExperimentalWarning)
    path = RECORDS / f"search_quality_{arguments.task}.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    wanted = functools.partial(_is_wanted, methods=arguments.methods, budgets=arguments.budgets)
    for made in measured(arguments.task, arguments.searches, arguments.pairs, wanted):
        record = made if arguments.methods == [""] else _with_others(made, before)
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print_table(record)


def _is_wanted(method: str, budget: int, *, methods: Sequence[str], budgets: Sequence[int]) -> bool:
    return budget in budgets and any(method.startswith(beginning) for beginning in methods)


def _with_others(made: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured now, with what an earlier record has of other methods and budgets.

    Where this search or the sweep is of the earlier record, the two are compared by the means of each search
    over the same fresh seeds: that record has no more.
    """
    tables = ("test_loss", "answers_of_warmboot", "test_loss_of_each_answer")
    merged = {table: {**before.get(table, {}), **made[table]} for table in tables}
    means = {key: np.array(values)[:, None] for key, values in merged["test_loss_of_each_answer"].items()}
    merged["against_the_best_sweep"] = {
        **against_sweeps(means, made["seed_sd"]),
        **made["against_the_best_sweep"],
    }
    others = [key for key in before.get("test_loss", {}) if key not in made["test_loss"]]
    return {**made, **merged, "kept_from": {"date": before.get("date"), "methods": others}}


def measured(
    name: str, n_searches: int, n_pairs: int, is_wanted: Callable[[str, int], bool]
) -> Iterator[dict[str, Any]]:
    """The record after each method on one task, so that hours are not lost with the last of them."""
    proxy, task, is_short = load_task(name)
    losses: dict[str, NDArray[np.float64]] = {}
    answers: dict[str, list[str]] = {}
    for method, make, budgets, prefixes in SHORT if is_short else FULL:
        for budget in (24,) if is_short else budgets:
            if not is_wanted(method, budget):
                continue
            start = time.perf_counter()
            found = searched(proxy, task, make, budget, n_searches, () if is_short else prefixes)
            for spent, schedules in found.items():
                key = f"{method} @ {spent}"
                losses[key] = judged(proxy, task, schedules, n_pairs)
                answers[key] = [schedule.describe() for schedule in schedules]
                print(f"{name}: {key}: median {np.median(losses[key].mean(1)):.4f}", file=sys.stderr)
            print(f"  {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
            yield record_of(name, task, n_searches, n_pairs, losses, answers)


def record_of(
    name: str,
    task: Task,
    n_searches: int,
    n_pairs: int,
    losses: Mapping[str, NDArray[np.float64]],
    answers: Mapping[str, list[str]],
) -> dict[str, Any]:
    return {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "task": name,
        "total_steps": task.total_steps,
        "searches": n_searches,
        "fresh_seeds": n_pairs,
        "seed_sd": seed_sd(losses),
        "test_loss": {key: summary(values.mean(1)) for key, values in losses.items()},
        "against_the_best_sweep": against_sweeps(losses, seed_sd(losses)),
        "answers_of_warmboot": {k: v for k, v in answers.items() if k.startswith("warmboot")},
        "test_loss_of_each_answer": {k: np.round(v.mean(1), 5).tolist() for k, v in losses.items()},
    }


def searched(
    proxy: AnyProxy, task: Task, make: Make, budget: int, n_searches: int, prefixes: Sequence[int]
) -> Mapping[int, list[WarmbootSchedule]]:
    """The answers of many searches, at its budget and at smaller ones."""
    searches = [
        (FIRST_SEARCH + i, make(task, budget, np.random.default_rng([i, budget]))) for i in range(n_searches)
    ]
    run_searches(make_population(proxy, slots=SLOTS), searches)
    found = {budget: [method.answer() for _, method in searches]}
    for runs in prefixes:
        found[runs] = [method.answer_after(runs) for _, method in searches if isinstance(method, Plain)]
    return found


def judged(
    proxy: AnyProxy, task: Task, schedules: Sequence[WarmbootSchedule], n_pairs: int
) -> NDArray[np.float64]:
    """Test losses, `len(schedules) x n_pairs`; equal answers are trained once."""
    different = list(dict.fromkeys(schedules))
    losses = test_losses(make_population(proxy, slots=SLOTS), different, task.total_steps, n_pairs)
    return losses[[different.index(schedule) for schedule in schedules]]


def seed_sd(losses: Mapping[str, NDArray[np.float64]]) -> float:
    """Standard deviation between the fresh seeds of one answer: the median over this search's answers."""
    ours = np.concatenate([v for key, v in losses.items() if key.startswith("warmboot")])
    return float(np.median(ours.std(axis=1, ddof=1)))


def summary(values: NDArray[np.float64]) -> dict[str, Any]:
    """Median over the searches with a 95% bootstrap interval, and the mean."""
    found = stats.bootstrap((values,), np.median, rng=0, n_resamples=4000, method="percentile")
    low, high = found.confidence_interval
    return {
        "median": round(float(np.median(values)), 5),
        "interval": [round(float(low), 5), round(float(high), 5)],
        "mean": round(float(values.mean()), 5),
    }


def against_sweeps(losses: Mapping[str, NDArray[np.float64]], sd: float) -> dict[str, Any]:
    """Search by search against the sweep with the best median at that budget, chosen with hindsight.

    Args:
        losses: of each method, `searches x fresh seeds`, or `searches x 1`, their means.
        sd: between the seeds of one answer.
    """
    compared = {}
    for budget in (8, 16, 24, 64):
        ours = losses.get(f"warmboot @ {budget}")
        sweeps = [k for k in losses if k.startswith("sweep") and k.endswith(f"@ {budget}")]
        if ours is None or not sweeps:
            continue
        name = min(sweeps, key=lambda key: float(np.median(losses[key].mean(1))))
        gains = losses[name] - ours
        every = stats.bootstrap((gains.mean(1),), np.mean, rng=0, n_resamples=4000, method="percentile")
        compared[str(budget)] = {
            "sweep": name,
            "gain_in_seed_sds": round(float(gains.mean()) / sd, 3),
            "interval": [round(float(x) / sd, 3) for x in every.confidence_interval],
            **told_apart(gains),
            "of": len(gains),
        }
    return compared


def told_apart(gains: NDArray[np.float64]) -> dict[str, int]:
    """How many searches are better and worse by their fresh seeds; nothing where only means are known."""
    if gains.shape[1] == 1:
        return {}
    test = stats.ttest_1samp(gains, 0.0, axis=1)
    sure = test.pvalue < 0.05
    return {
        "searches_better_at_5_percent": int((sure & (test.statistic > 0)).sum()),
        "searches_worse_at_5_percent": int((sure & (test.statistic < 0)).sum()),
    }


def print_table(record: Mapping[str, Any]) -> None:
    print(f"{record['task']}: test loss, seed sd {record['seed_sd']:.4f}")
    for key, row in record["test_loss"].items():
        low, high = row["interval"]
        print(f"  {key:48s} median {row['median']:.4f} ({low:.4f} to {high:.4f}), mean {row['mean']:.4f}")
    for budget, row in record["against_the_best_sweep"].items():
        print(f"  {budget} runs against {row['sweep']}: {row}")


if __name__ == "__main__":
    main()
