"""Surfaces recorded once, searched thousands of times: how far behind a grid of peak lrs a search can fall.

    python benchmarks/replay.py [--instances 30] [--processes 2]

Every search meets recorded tasks (`replay_surfaces.py`) and made-up families (`replay_families.py`), each
instance with its own optimum, noise and range of peak lrs (2, 3 and 4 decades in turn). It is judged by the
*truth* of the schedule it names, in standard deviations between seeds, behind the best of three sweeps with
as many runs, chosen with hindsight: linear, linear with 5% warm-up, cosine, each on a grid with a drawn
offset. 0 is as good; a strategy is judged by its worst family and its 90th percentile, not by its mean.

`calibration` tells how often what the search states is true: the probability that its leader is better than
the best baseline, the 95% interval of that difference, and the ranges it calls as good.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from machine import describe_machine
from replay_families import FAMILIES, STEPS, draw, space
from replay_methods import SAMPLERS, SWEEPS, optunas, refine, sweep, warmboot
from replay_surfaces import draw_range, surfaces
from scipy import stats

from search.spec.study import StudySpec
from search.spec.study_file import parse_study
from search.strategy import lr_bracket
from search.strategy.lr_bracket import FEW_RUNS
from search.strategy.sensitivity_analysis import FLAT, SensitivityAnalysis
from search.strategy.study_model import StudyModel
from warmboot.schedule import WarmbootSchedule

RECORDS = Path(__file__).parent / "records"
BUDGETS = (4, 6, 8, 12, 16, 24, 64)
DECADES = (2.0, 3.0, 4.0)
SLOW_BUDGET = 64
"""Here half of the instances are searched."""
ONLY_AT: Mapping[str, Sequence[int]] = {
    "warmboot, short trainings": (8, 16, 24, 64),
    "warmboot, lr from a start": (4, 8, 16),
    "GPSampler": (8, 16),
    "warmboot, always half-way": (4, 6, 8),
}
"""What takes seconds a search, or is one question of many, is asked at these budgets."""
HALVED = "warmboot, always half-way"
"""In rounds, and with few runs too the next peak lr lies half-way between the best and its neighbours."""
OURS = ("warmboot", "warmboot, in rounds", HALVED, "warmboot, short trainings", "warmboot, lr from a start")
METHODS = (*OURS, "refine one lr", "TPE", "GPSampler", "random")
SHORTEST = 30
"""Steps of a short training that still says something; the horizon of an instance is nine times this."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=30)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--budgets", type=int, nargs="*", default=BUDGETS)
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=METHODS)
    parser.add_argument("--sources", nargs="*", default=[*surfaces(), *FAMILIES])
    parser.add_argument("--record", default="replay", help="its name")
    parser.add_argument("--no-record", action="store_true")
    arguments = parser.parse_args()
    start = time.perf_counter()
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        for source in arguments.sources:
            for budget in arguments.budgets:
                n = arguments.instances // 2 if budget == SLOW_BUDGET else arguments.instances
                jobs = [(source, budget, i, tuple(arguments.methods)) for i in range(n)]
                found = list(pool.map(_searched, jobs, chunksize=3))
                rows.append(_row(source, budget, found))
                print(_text(rows[-1]), file=sys.stderr, flush=True)
            record = _record(rows, arguments.instances, time.perf_counter() - start)
            if not arguments.no_record:  # after each source, so that an hour is not lost with the last one
                path = RECORDS / f"{arguments.record}.json"
                path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(_worst(rows), indent=1))


def _record(rows: Sequence[Mapping[str, Any]], n_instances: int, seconds: float) -> dict[str, Any]:
    return {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "instances": n_instances,
        "seconds": round(seconds),
        "regret_in_seed_sds": "median, 90th percentile behind the best of three sweeps in hindsight",
        "worst": _worst(rows),
        "rows": rows,
    }


def _searched(job: tuple[str, int, int, tuple[str, ...]]) -> dict[str, Any]:
    """All methods on one instance: method -> regret; and what ours states beside what is true."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    source, budget, number, methods = job
    truth, low, high, steps = _instance(source, budget, number)
    spec = _spec(space(low, high), budget, steps)

    def measure(schedule: WarmbootSchedule, seed: int, share: float) -> float:
        return float(truth.measured(schedule, (number, budget, seed), share))

    def rng(k: int) -> np.random.Generator:
        return np.random.default_rng([number, budget, k])

    named = [sweep(name, spec, budget, measure, rng(k)) for k, name in enumerate(SWEEPS)]
    least = min(truth.value(schedule) for schedule in named)
    found: dict[str, Any] = {}
    for method in methods:
        if budget not in ONLY_AT.get(method, (budget,)):
            continue
        if method == "warmboot, short trainings" and not _can_be_shortened(truth):
            continue
        if method in OURS:
            schedule, model, used = _ours(method, spec, budget, measure, rng(50), low, high, truth.untrained)
            found.setdefault("stated", {})[method] = _stated(truth, used, model, schedule)
        elif method == "refine one lr":
            schedule = refine(spec, budget, measure, rng(51))
        else:
            schedule = optunas(SAMPLERS[method], spec, budget, measure, rng(52))
        found[method] = truth.value(schedule) - least
    return found


def _instance(source: str, budget: int, number: int) -> tuple[Any, float, float, int]:
    rng = np.random.default_rng([number, budget, sum(map(ord, source))])
    decades = DECADES[number % len(DECADES)]
    if source in FAMILIES:
        return *draw(FAMILIES[source], decades, rng), STEPS
    surface = surfaces()[source]
    return surface, *draw_range(surface, decades, rng), int(surface.record["total_steps"])


def _can_be_shortened(truth: Any) -> bool:
    record = getattr(truth, "record", None)
    return record is None or record["short_values"] is not None


def _ours(
    method: str,
    spec: StudySpec,
    budget: int,
    measure: Any,
    rng: np.random.Generator,
    low: float,
    high: float,
    untrained: float,
) -> tuple[WarmbootSchedule, StudyModel, StudySpec]:
    if method == "warmboot, lr from a start":
        start = math.exp(rng.uniform(math.log(low), math.log(high)))
        wide = {"low": start / 1e4, "high": start * 1e4, "log": True, "start": start}
        spec = _spec({**space(low, high), "lr": wide}, budget, spec.horizon_steps)
    shorten = method == "warmboot, short trainings"
    in_rounds = method in ("warmboot, in rounds", HALVED)
    lr_bracket.FEW_RUNS = 0 if method == HALVED else FEW_RUNS
    found = warmboot(spec, budget, measure, rng, untrained=untrained, shorten=shorten, in_rounds=in_rounds)
    return *found, spec


def _spec(table: Mapping[str, Any], budget: int, steps: int) -> StudySpec:
    steps = max(steps, 9 * SHORTEST)
    study = {"name": "replay", "proxy": "char_lm_mlp", "total_steps": steps, "n_runs": budget}
    return parse_study({**study, "space": dict(table)}, place="replay")


def _stated(truth: Any, spec: StudySpec, model: StudyModel, chosen: WarmbootSchedule) -> dict[str, Any]:
    """What the search says, and whether it is so."""
    answer = model.answer()
    stated: dict[str, Any] = {"noise_sd": answer.noise_sd, "searched": answer.chosen is answer.leader}
    if answer.leader is not None and answer.baseline is not None and answer.difference is not None:
        gain = truth.value(answer.baseline.schedule) - truth.value(answer.leader.schedule)
        difference = answer.difference
        width = float(stats.t.ppf(0.975, difference.freedom)) * difference.sd
        stated |= {
            "probability": difference.probability,
            "is_better": bool(gain > 0),
            "interval_holds": bool(abs(gain - difference.gain) <= width),
        }
    reader = SensitivityAnalysis(spec, model, answer.chosen.params)
    best = truth.value(chosen)
    for knob in reader.knobs():
        if knob.name == "lr" and knob.matters and knob.as_good[0] < knob.as_good[-1]:
            ends = [truth.value(chosen.replace(lr=lr)) - best for lr in knob.as_good]
            stated["lr_range_holds"] = [bool(worse <= FLAT) for worse in ends]
    return stated


def _row(source: str, budget: int, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    regrets = {}
    for method in METHODS:
        values = [f[method] for f in found if method in f]
        if values:
            quantiles = [float(np.quantile(values, q)) for q in (0.5, 0.9)]
            regrets[method] = [round(x, 3) for x in quantiles]
    stated = [s for f in found for s in f.get("stated", {}).values()]
    return {
        "source": source,
        "runs": budget,
        "instances": len(found),
        "regret": regrets,
        "calibration": _calibration(stated),
    }


def _calibration(stated: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    compared = [s for s in stated if "probability" in s]
    ends = [end for s in stated for end in s.get("lr_range_holds", ())]
    sure = [s for s in compared if s["probability"] >= 0.8]
    return {
        "compared": len(compared),
        "interval_holds": sum(s["interval_holds"] for s in compared),
        "searched_is_answer": len(sure),
        "and_is_better": sum(s["is_better"] for s in sure),
        "lr_range_ends": len(ends),
        "lr_range_holds": sum(ends),
        "noise_sd": round(float(np.median([s["noise_sd"] for s in stated])), 3) if stated else None,
    }


def _worst(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """For each method and budget: the worst source by median and by 90th percentile, and in how many the
    median is below 0."""
    found: dict[str, Any] = {}
    for method in METHODS:
        for budget in sorted({row["runs"] for row in rows}):
            here = [row for row in rows if row["runs"] == budget and method in row["regret"]]
            if not here:
                continue
            worst = [max(here, key=lambda row, k=k: row["regret"][method][k]) for k in (0, 1)]  # type: ignore[misc]
            found[f"{method} @ {budget}"] = {
                "median": [worst[0]["source"], worst[0]["regret"][method][0]],
                "90th percentile": [worst[1]["source"], worst[1]["regret"][method][1]],
                "better_in_the_median": sum(row["regret"][method][0] < 0 for row in here),
                "of": len(here),
            }
    return found


def _text(row: Mapping[str, Any]) -> str:
    regrets = "  ".join(f"{name}: {m:+.2f}/{q:+.2f}" for name, (m, q) in row["regret"].items())
    c = row["calibration"]
    held = (
        f"interval {c['interval_holds']}/{c['compared']}, sure {c['and_is_better']}/{c['searched_is_answer']}"
    )
    ranges = f"lr {c['lr_range_holds']}/{c['lr_range_ends']}"
    return f"{row['source']:30s} {row['runs']:3d}  {regrets}  | {held}, {ranges}"


if __name__ == "__main__":
    main()
