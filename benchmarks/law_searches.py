"""What the law of the loss is worth to a search: the same searches with it and without it.

    python benchmarks/law_searches.py --task char_lm_mlp [--searches 20] [--budgets 4 6 8 16 24]

Searches of `search_quality.py` on its tasks, each run twice, from the same seeds. Answers are trained again
on fresh seeds and judged on test data; each search is compared with itself without the law and with a sweep
of `SWEPT` runs (linear and cosine at 8 peak lrs each), by a paired t test on those seeds. The record keeps
what it has of other budgets.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from machine import describe_machine
from numpy.typing import NDArray
from optuna.exceptions import ExperimentalWarning
from quality_methods import Task, Warmboot
from quality_tasks import TASKS, load_task
from scipy import stats
from search_quality import BOTH, judged, searched, seed_sd, summary, sweep

from search.spec.study import SamplerSpec

RECORDS = Path(__file__).parent / "records"
BUDGETS = (4, 6, 8, 16, 24)
SWEPT = 16
Losses = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=sorted(TASKS), required=True)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=6, help="fresh seeds that judge an answer")
    parser.add_argument("--budgets", type=int, nargs="*", default=BUDGETS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", ExperimentalWarning)
    path = RECORDS / f"law_searches_{arguments.task}.json"
    n, pairs = arguments.searches, arguments.pairs
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for losses, answers in measured(arguments.task, arguments.budgets, n, pairs):
        record = with_others(record_of(arguments.task, n, pairs, losses, answers), before)
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record["compared"], indent=1))


def measured(name: str, budgets: Sequence[int], n_searches: int, n_pairs: int) -> Any:
    """Losses and answers by method, after each budget, so that hours are not lost with the last."""
    proxy, task, _ = load_task(name)
    with_law = Task(
        task.spec.model_copy(
            update={"sampler": SamplerSpec.model_validate({"name": "warmboot", "law": True})}
        ),
        task.epoch_steps,
    )
    rows: list[tuple[str, Task, Any, int]] = [(f"sweep @ {SWEPT}", task, sweep(BOTH, SWEPT // 2, 1), SWEPT)]
    for budget in budgets:
        rows.append((f"with the law @ {budget}", with_law, Warmboot, budget))
        rows.append((f"without @ {budget}", task, Warmboot, budget))
    losses: dict[str, Losses] = {}
    answers: dict[str, list[str]] = {}
    for key, searched_task, make, budget in rows:
        start = time.perf_counter()
        found = searched(proxy, searched_task, make, budget, n_searches, ())[budget]
        losses[key] = judged(proxy, task, found, n_pairs)
        answers[key] = [schedule.describe() for schedule in found]
        middle, seconds = np.median(losses[key].mean(1)), time.perf_counter() - start
        print(
            f"{name}: {key}: median {middle:.4f} mean {losses[key].mean():.4f}, {seconds:.0f} s", flush=True
        )
        yield losses, answers


def record_of(
    name: str, n: int, pairs: int, losses: Mapping[str, Losses], answers: Mapping[str, list[str]]
) -> dict[str, Any]:
    """What is written."""
    sd = seed_sd({f"warmboot {key}": value for key, value in losses.items()})
    compared = {}
    for key in losses:
        if key.startswith("with the law"):
            for other in (key.replace("with the law", "without"), f"sweep @ {SWEPT}"):
                if other in losses:
                    compared[f"{key} against {other}"] = gain(losses[key], losses[other], sd)
    return {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "task": name,
        "searches": n,
        "fresh_seeds": pairs,
        "seed_sd": sd,
        "test_loss": {key: summary(values.mean(1)) for key, values in losses.items()},
        "compared": compared,
        "answers": dict(answers),
        "test_loss_of_each_answer": {k: np.round(v.mean(1), 5).tolist() for k, v in losses.items()},
    }


def with_others(made: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured now, with what an earlier record has of other budgets."""
    tables = ("test_loss", "compared", "answers", "test_loss_of_each_answer")
    others = [key for key in before.get("test_loss", {}) if key not in made["test_loss"]]
    merged = {table: {**before.get(table, {}), **made[table]} for table in tables}
    return {**made, **merged, "kept_from": {"date": before.get("date"), "rows": others}}


def gain(ours: Losses, theirs: Losses, sd: float) -> dict[str, Any]:
    """In seed sds, better is positive, with a 95% bootstrap interval over the searches."""
    gains = theirs - ours
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # equal answers have no spread
        test = stats.ttest_1samp(gains, 0.0, axis=1)
    every = stats.bootstrap((gains.mean(1),), np.mean, rng=0, n_resamples=4000, method="percentile")
    return {
        "gain_in_seed_sds": round(float(gains.mean()) / sd, 3),
        "interval": [round(float(x) / sd, 3) for x in every.confidence_interval],
        "better_at_5_percent": int(((test.pvalue < 0.05) & (test.statistic > 0)).sum()),
        "worse_at_5_percent": int(((test.pvalue < 0.05) & (test.statistic < 0)).sum()),
        "of": len(gains),
    }


if __name__ == "__main__":
    main()
