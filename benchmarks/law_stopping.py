"""Would the law stop the right trials: the end of a running trial foretold from its beginning.

    python benchmarks/law_stopping.py [--tasks char_lm_mlp digits_mlp ...] [--draws 20]

On the curves that `law_curves.py` recorded. Some schedules, one seed each, have been trained to their end;
each of the others is looked at half-way and at three quarters. Its end is foretold

- `now`: by its loss at that moment;
- `model`: by the search's model of final values, without a look at it;
- `law`: by the law fitted to the curves of those that ended, moved by how far it misses the loss now;
- `law, refitted`: by the law fitted to those and to its own beginning.

Told are the rank correlation with the ends, and what a stopper does that ends a trial where it is foretold to
end worse than the best so far by more than two seed sds: the share that it stops, the share that it stops of
those that would have beaten the best so far, and the share of all steps that it saves. `now` can't be held
against an end (a decaying lr lowers every loss), so it stops as many as the law does: the highest.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from law import (
    RECORDS,
    TASKS,
    UNTRAINED,
    Recorded,
    Vector,
    by_final_values,
    curves_of,
    mean_with_interval,
    recorded,
)
from machine import describe_machine
from numpy.typing import NDArray
from scipy import stats

from search.strategy.law_fit import LawFit
from search.strategy.loss_law import Tables, parts_of
from search.strategy.observations import Points
from search.strategy.study_law import Curve, law_fit, learnt_from

RUNS = (4, 8, 16)
SHARES = (0.48, 0.76)
"""Of a run, where it is looked at; places that were recorded."""
MARGIN = 2.0
"""In seed sds."""
MOST_TRIALS = 20
"""That are foretold in one draw."""
FIRST_SEED = 2


class Look(NamedTuple):
    """Trials at one moment."""

    foretold: Mapping[str, Vector]
    """Their ends, by who foretells."""
    ends: Vector
    best: float
    """The lowest end so far."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=TASKS)
    parser.add_argument("--draws", type=int, default=20, help="of which schedules have ended")
    arguments = parser.parse_args()
    start = time.perf_counter()
    tables = {}
    for name in arguments.tasks:
        tables[name] = table(recorded(name), arguments.draws)
        for key, row in tables[name].items():
            print(name, key, json.dumps(row), flush=True)
    record = {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "draws": arguments.draws,
        "margin_in_seed_sds": MARGIN,
        "seconds": round(time.perf_counter() - start),
        "tasks": tables,
    }
    (RECORDS / "law_stopping.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def table(task: Recorded, n_draws: int) -> dict[str, Any]:
    """Runs that ended and share of a run -> who foretells -> what comes of it."""
    rows = {}
    for n_runs in RUNS:
        for share in SHARES:
            looks = [look for number in range(n_draws) if (look := _drawn(task, n_runs, share, number))]
            rows[f"{n_runs} runs, at {share:.0%}"] = {
                method: summary(looks, method, task.seed_sd, 1.0 - share) for method in looks[0].foretold
            }
    return rows


def _drawn(task: Recorded, n_runs: int, share: float, number: int) -> Look | None:
    """None where fewer than two of those that ended were trained at all."""
    rng = np.random.default_rng([FIRST_SEED, n_runs, number])
    n_schedules, n_seeds, _ = task.losses["val_loss"].shape
    order, seeds = rng.permutation(n_schedules), np.asarray(rng.integers(n_seeds, size=n_schedules))
    runs = [(i, int(seeds[i])) for i in map(int, order)]
    ended = runs[:n_runs]
    curves = learnt_from(curves_of(task, ended, "val_loss"), task.total_steps)
    if len(curves) < 2:
        return None
    ends = task.losses["val_loss"][:, :, -1]
    running = [run for run in runs[n_runs:] if ends[run] < UNTRAINED * task.untrained][:MOST_TRIALS]
    best = min(float(ends[run]) for run in ended)
    foretold = {
        "now": np.array([_loss_at(task, run, share) for run in running]),
        "model": by_final_values(task, ended, _points(task, running))[0],
        **_by_law(task, curves, running, share),
    }
    return Look(foretold, np.array([ends[run] for run in running]), best)


def _points(task: Recorded, runs: Sequence[tuple[int, int]]) -> Points:
    return Points(*(part[[i for i, _ in runs]] for part in task.points))


def _loss_at(task: Recorded, run: tuple[int, int], share: float) -> float:
    place = int(np.argmin(np.abs(np.array(task.steps) - share * task.total_steps)))
    return float(task.losses["val_loss"][(*run, place)])


def _by_law(
    task: Recorded, curves: Sequence[Curve], running: Sequence[tuple[int, int]], share: float
) -> dict[str, Vector]:
    law = law_fit(curves)
    own = [_beginning(task, run, share) for run in running]
    refitted = [_expected(law_fit([*curves, curve]), curve)[0] for curve in own]
    expected = [_expected(law, curve) for curve in own]
    moved = [end + curve.losses[-1][1] - now for (end, now), curve in zip(expected, own, strict=True)]
    return {"law": np.array(moved), "law, refitted": np.array(refitted)}


def _expected(law: LawFit, curve: Curve) -> tuple[float, float]:
    """At the end of a run, and where its curve ends."""
    steps = (curve.total_steps, curve.losses[-1][0])
    lrs = np.exp(curve.log_lr) * curve.shape.schedule.factors(curve.total_steps)
    rows = np.array([parts_of(lrs[:step]) for step in steps])
    end, now = law.losses(Tables(rows, np.array(steps, dtype=np.float64)))[0]
    return float(end), float(now)


def _beginning(task: Recorded, run: tuple[int, int], share: float) -> Curve:
    """What a trial has validated up to a share of its steps, at every third place that was recorded."""
    number, _ = run
    both = zip(task.steps, task.losses["val_loss"][run], strict=True)
    seen = [(step, float(value)) for step, value in both if step <= share * task.total_steps + 1]
    shape, log_lr = task.shapes[number], float(task.points.log_lr[number])
    return Curve(number, shape, log_lr, task.total_steps, tuple(seen[::-3][::-1]))


def summary(looks: Sequence[Look], method: str, seed_sd: float, left: float) -> dict[str, Any]:
    """How well one foretells, and what a stopper does that believes it.

    Args:
        looks: at other trials each.
        method: of foretelling.
        seed_sd: of the task.
        left: the share of a run that is still to be trained.
    """
    stopped = np.concatenate([_stopped(look, method, look.best + MARGIN * seed_sd) for look in looks])
    better = np.concatenate([look.ends < look.best for look in looks])
    return {
        "rank": mean_with_interval(np.array([_rank(look.foretold[method], look.ends) for look in looks])),
        "stopped": round(float(stopped.mean()), 3),
        "stopped_of_the_better": round(float(stopped[better].mean()), 3) if better.any() else None,
        "better": int(better.sum()),
        "steps_saved": round(float(stopped.mean()) * left, 3),
    }


def _rank(foretold: Vector, ends: Vector) -> float:
    return float(stats.spearmanr(foretold, ends)[0]) if np.ptp(foretold) > 0 else 0.0


def _stopped(look: Look, method: str, bound: float) -> NDArray[np.bool_]:
    foretold = look.foretold[method]
    if method != "now":
        return foretold > bound
    n_stopped = int((look.foretold["law"] > bound).sum())
    stopped = np.zeros(len(foretold), dtype=bool)
    stopped[np.argsort(-foretold, kind="stable")[:n_stopped]] = True
    return stopped


if __name__ == "__main__":
    main()
