"""How well unseen schedules are ranked after a few runs: by final values, by the law of the loss, by both.

    python benchmarks/law.py [--tasks char_lm_mlp digits_mlp ...] [--draws 40]

On the curves that `law_curves.py` recorded. Some schedules are fitted, one seed each, validated at five
places as a study's runs are; all others are judged: rank correlation with their true means, and how much
worse the schedule that is ranked first is than the best, in seed sds. `gate` is the share that the model
gives the law (`search.strategy.surrogate`); "wide open" gives it all. Intervals are by bootstrap over which
are fitted.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine
from numpy.typing import NDArray
from scipy import stats

from search.spec.params import ParamSpace
from search.strategy.observations import Observation, Points
from search.strategy.shape import ShapeEncoder
from search.strategy.study_law import Curve, fitted_law, law_of
from search.strategy.surrogate import Surrogate
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import reads

RECORDS = Path(__file__).parent / "records"
TASKS = ("char_lm_mlp", "mnist1d_mlp", "digits_mlp", "mnist1d_cnn", "char_gpt")
RUNS = (2, 4, 8, 16, 32)
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Of a run, where it is validated."""
UNTRAINED = 0.97
"""Of the untrained loss: what ends above diverged."""
Vector = NDArray[np.float64]
FIRST_SEED = 1


@dataclass(frozen=True)
class Recorded:
    """The curves of one task.

    Attributes:
        losses: `schedules x seeds x steps`, by name.
        points: the schedules as the model sees them.
        short: curves of a sweep in short trainings.
    """

    name: str
    total_steps: int
    steps: Sequence[int]
    untrained: float
    schedules: Sequence[WarmbootSchedule]
    losses: Mapping[str, Vector]
    points: Points
    shapes: Sequence[Any]
    short: Sequence[Curve]

    @property
    def truth(self) -> Vector:
        """The mean over seeds of each schedule's end."""
        mean: Vector = self.losses["val_loss"][:, :, -1].mean(1)
        return mean

    @property
    def seed_sd(self) -> float:
        """Between seeds, the median over the better half of the schedules."""
        best = self.truth <= np.median(self.truth)
        return float(np.median(self.losses["val_loss"][best][:, :, -1].std(1, ddof=1)))

    def curve(self, number: int, seed: int, loss: str) -> Curve | None:
        """What a run of a study would report; None where it diverged."""
        if self.losses["val_loss"][number, seed, -1] >= UNTRAINED * self.untrained:
            return None
        wanted = {round(self.total_steps * share) for share in SHARES}
        values = self.losses[loss][number, seed]
        found = tuple((s, float(v)) for s, v in zip(self.steps, values, strict=True) if s in wanted)
        shape, log_lr = self.shapes[number], float(self.points.log_lr[number])
        return Curve(number, shape, log_lr, self.total_steps, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=TASKS)
    parser.add_argument("--draws", type=int, default=40, help="of which schedules are fitted")
    arguments = parser.parse_args()
    start = time.perf_counter()
    tables = {}
    for name in arguments.tasks:
        task = recorded(name)
        tables[name] = {"seed_sd": round(task.seed_sd, 5), **table(task, arguments.draws)}
        for key, row in tables[name].items():
            print(name, key, row, flush=True)
    record = {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "draws": arguments.draws,
        "seconds": round(time.perf_counter() - start),
        "tasks": tables,
    }
    (RECORDS / "law.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def recorded(name: str) -> Recorded:
    """The record of a task, as its schedules' shapes."""
    record = json.loads((RECORDS / f"law_curves_{name}.json").read_text(encoding="utf-8"))
    schedules = [_schedule(document) for document in record["schedules"]]
    encoder = ShapeEncoder(record["total_steps"], ParamSpace({}))
    shapes = [encoder.shape(schedule, {}) for schedule in schedules]
    points = Points(
        np.array([shape.features for shape in shapes]),
        np.array([math.log(schedule.lr or 1.0) for schedule in schedules]),
        np.array([shape.log_scale for shape in shapes]),
    )
    losses = {loss: np.array(record[loss]) for loss in ("val_loss", "train_loss")}
    short = _short(record.get("sweep"), encoder)
    steps, untrained = record["steps"], record["untrained"]
    return Recorded(name, record["total_steps"], steps, untrained, schedules, losses, points, shapes, short)


def _schedule(document: Mapping[str, Any]) -> WarmbootSchedule:
    return reads(json.dumps({"format": "warmboot-schedule", "version": 1, "schedule": document})).schedule


def _short(sweep: Mapping[str, Any] | None, encoder: ShapeEncoder) -> list[Curve]:
    """Of the first seed, those that did not diverge."""
    found = []
    for number, document in enumerate(sweep["schedules"] if sweep else ()):
        assert sweep is not None
        schedule, losses = _schedule(document), sweep["val_loss"][number][0]
        if losses[-1] < UNTRAINED * sweep["untrained"]:
            reports = tuple(zip(sweep["steps"], losses, strict=True))
            log_lr = math.log(schedule.lr or 1.0)
            found.append(Curve(-1, encoder.shape(schedule, {}), log_lr, sweep["steps"][-1], reports))
    return found


def table(task: Recorded, n_draws: int) -> dict[str, Any]:
    """Number of runs -> method -> what it reaches."""
    rows = {}
    for n_runs in RUNS:
        if 2 * n_runs > len(task.schedules):
            continue
        drawn = [_draw(task, n_runs, number) for number in range(n_draws)]
        found = [judged(task, runs) for runs in drawn if runs]
        rows[f"{n_runs} runs"] = {method: _summary([f[method] for f in found]) for method in found[0]}
    return rows


def _draw(task: Recorded, n_runs: int, number: int) -> list[tuple[int, int]]:
    """Schedules and their seeds; none where fewer than two were trained at all."""
    rng = np.random.default_rng([FIRST_SEED, n_runs, number])
    chosen = rng.permutation(len(task.schedules))[:n_runs]
    seeds = rng.integers(task.losses["val_loss"].shape[1], size=n_runs)
    runs = [(int(i), int(j)) for i, j in zip(chosen, seeds, strict=True)]
    return runs if sum(task.curve(i, j, "val_loss") is not None for i, j in runs) > 1 else []


def judged(task: Recorded, runs: Sequence[tuple[int, int]]) -> dict[str, tuple[float, float, float]]:
    """Method -> rank correlation, regret in seed sds, share of the law."""
    others = np.setdiff1d(np.arange(len(task.schedules)), [i for i, _ in runs])
    truth = task.truth[others]
    asked = Points(*(part[others] for part in task.points))
    found = {}
    for method, expect in METHODS.items():
        if expect is by_law_with_short and not task.short:
            continue
        expected, share = expect(task, runs, asked)
        correlation = stats.spearmanr(expected, truth)[0] if np.ptp(expected) > 0 else 0.0
        regret = (truth[int(expected.argmin())] - truth.min()) / task.seed_sd
        found[method] = (float(correlation), float(regret), share)
    return found


Expect = Callable[[Recorded, Sequence[tuple[int, int]], Points], tuple[Vector, float]]


def curves_of(task: Recorded, runs: Sequence[tuple[int, int]], loss: str) -> list[Curve]:
    """Of the runs that did not diverge."""
    return [curve for i, j in runs if (curve := task.curve(i, j, loss)) is not None]


def _observed(task: Recorded, runs: Sequence[tuple[int, int]]) -> list[Observation]:
    points, ends = task.points, task.losses["val_loss"][:, :, -1]
    return [
        Observation(points.features[i], points.log_lr[i], points.log_scale[i], float(ends[i, j]), j)
        for i, j in runs
    ]


def by_final_values(task: Recorded, runs: Sequence[tuple[int, int]], asked: Points) -> tuple[Vector, float]:
    return Surrogate(_observed(task, runs)).predict(asked)[0], 0.0


def by_law(loss: str) -> Expect:
    """Of the validation or the training loss."""

    def expect(task: Recorded, runs: Sequence[tuple[int, int]], asked: Points) -> tuple[Vector, float]:
        law = law_of(curves_of(task, runs, loss), task.total_steps)
        return (np.zeros(len(asked.log_lr)) if law is None else law.losses(asked)), 1.0

    return expect


def by_law_with_short(task: Recorded, runs: Sequence[tuple[int, int]], asked: Points) -> tuple[Vector, float]:
    """A search's sweep in short trainings counts as well, as `law_of` does not let it."""
    used = [*curves_of(task, runs, "val_loss"), *task.short]
    return fitted_law(used, task.total_steps).losses(asked), 1.0


def by_both(loss: str, share: float | None = None) -> Expect:
    """`share`: of the law, where it is not for the gate to say."""

    def expect(task: Recorded, runs: Sequence[tuple[int, int]], asked: Points) -> tuple[Vector, float]:
        law, seen = law_of(curves_of(task, runs, loss), task.total_steps), _observed(task, runs)
        model = Surrogate(seen, law=law)
        if share is not None and law is not None:
            model = Surrogate(seen, model.scales._replace(law=share), law)
        return model.predict(asked)[0], model.scales.law

    return expect


METHODS: Mapping[str, Expect] = {
    "final values": by_final_values,
    "law": by_law("val_loss"),
    "both": by_both("val_loss"),
    "both, wide open": by_both("val_loss", 1.0),
    "both, of the training loss": by_both("train_loss"),
    "law, short trainings too": by_law_with_short,
}


def _summary(found: Sequence[tuple[float, float, float]]) -> dict[str, Any]:
    """Means with 95% intervals, and quartiles of the gate."""
    correlations, regrets, shares = (np.array(part) for part in zip(*found, strict=True))
    quartiles = [round(float(np.quantile(shares, q)), 2) for q in (0.25, 0.5, 0.75)]
    return {
        "rank": mean_with_interval(correlations),
        "regret": mean_with_interval(regrets),
        "gate": quartiles,
        "of": len(found),
    }


def mean_with_interval(values: Vector) -> list[float]:
    """The mean and its 95% bootstrap interval."""
    if np.ptp(values) == 0:
        return [round(float(values[0]), 3)] * 3
    low, high = stats.bootstrap(
        (values,), np.mean, rng=0, n_resamples=2000, method="percentile"
    ).confidence_interval
    return [round(float(x), 3) for x in (values.mean(), low, high)]


if __name__ == "__main__":
    main()
