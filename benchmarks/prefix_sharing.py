"""How much of a study's training do schedules have in common, from the first step on?

    python benchmarks/prefix_sharing.py [--studies char_lm digits mnist1d] [--seeds 2]

Two trainings with one seed are bit for bit the same as long as their lrs are: what they share could be
trained once. Each packaged study is launched with several seeds; of its trainings the steps are counted that
no other has had before it, where anything of the study may be shared (`in the study`) and where only what is
trained at once may (`in a round`: a trunk that has ended would have to be kept). `within 2%` counts lrs as
equal that are that close, which no training with other numbers could use: it says how far the shapes are
from a common trunk. Writes `benchmarks/records/prefix_sharing.json`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine
from numpy.typing import NDArray
from optuna.trial import FixedTrial

import warmboot
from search.runs.trial_attributes import HORIZON_STEPS, KNOWN_BELOW, SEED_INDEX, kept

RECORD = Path(__file__).parent / "records" / "prefix_sharing.json"
CLOSE = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", nargs="*", default=["char_lm", "digits", "mnist1d"])
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    rows = [of_study(name, seed) for name in arguments.studies for seed in range(arguments.seeds)]
    record = {"command": " ".join(["python", *sys.argv]), **describe_machine(), "rows": rows}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(rows, indent=1))


def of_study(name: str, seed: int) -> dict[str, Any]:
    """Launched, and what its trainings share."""
    with tempfile.TemporaryDirectory() as folder:
        study = warmboot.launch(name, seed=seed, storage=f"sqlite:///{folder}/{name}.db", progress=False)
        trials = study.optuna.get_trials(deepcopy=False)
        spec = study._record.spec
    tables: list[NDArray[np.float64]] = []
    seeds: list[Hashable] = []
    rounds: list[Hashable] = []
    for trial in trials:
        if trial.value is None:
            continue
        steps = kept(trial, HORIZON_STEPS, spec.horizon_steps)
        tables.append(spec.parsed_space.sample(FixedTrial(trial.params)).lr_table(steps))
        seeds.append(kept(trial, SEED_INDEX, 0))
        rounds.append(kept(trial, KNOWN_BELOW, 0))
    exact = [np.round(np.log(np.maximum(table, 1e-12)), 12) for table in tables]
    close = [np.round(np.log(np.maximum(table, 1e-12)) / math.log1p(CLOSE)) for table in tables]
    row = {
        "study": name,
        "seed": seed,
        "trainings": len(tables),
        "steps": sum(map(len, tables)),
        "saved in the study": saved(exact, seeds),
        "saved in a round": saved(exact, list(zip(seeds, rounds, strict=True))),
        "saved in the study, within 2%": saved(close, seeds),
    }
    print(row, file=sys.stderr, flush=True)
    return row


def saved(tables: Sequence[NDArray[Any]], groups: Sequence[Hashable]) -> float:
    """Share of the steps that another training of the same group has made before."""
    trunks: set[tuple[Hashable, int]] = set()
    made = 0
    for table, group in zip(tables, groups, strict=True):
        prefix = hash(group)
        for step, lr in enumerate(table):
            prefix = hash((prefix, step, float(lr)))
            made += (group, prefix) not in trunks
            trunks.add((group, prefix))
    return round(1.0 - made / max(sum(map(len, tables)), 1), 4)


if __name__ == "__main__":
    main()
