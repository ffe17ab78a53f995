"""The law of the loss on public curves: Llama models of 25M, 100M and 400M parameters, fitted to three runs.

    git clone https://github.com/thu-yao-01-luo/MultiPowerLaw
    python benchmarks/law_public_curves.py MultiPowerLaw/loss_curve_repo

The curves are those of Luo et al., "A Multi-Power Law for Loss Curve Prediction Across Learning Rate
Schedules" (arXiv 2503.12811): one peak lr, two horizons. The law is fitted to the three runs that the authors
fit theirs to, and foretells the other six: errors of whole curves after their first fifth, of their ends, and
the order of the ends. None of these files is part of this project.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import describe_machine
from numpy.typing import NDArray
from scipy import stats

from search.strategy.law_fit import LawFit, Validations
from search.strategy.loss_law import Tables, parts_of
from search.strategy.study_law import FIRST_SHARE, UNIT_SHARE

RECORD = Path(__file__).parent / "records" / "law_public_curves.json"
MODELS = ("25", "100", "400")
FITTED = ("cosine_24000", "constant_24000", "wsdcon_9")
FORETOLD = (
    "constant_72000",
    "cosine_72000",
    "wsd_20000_24000",
    "wsdld_20000_24000",
    "wsdcon_3",
    "wsdcon_18",
)
EVERY = 4
"""Of the validations that are used; there are 110 to 550 in a curve."""
Vector = NDArray[np.float64]


class PublicCurve(NamedTuple):
    """A run: its lr table, and validations after the first fifth."""

    lrs: Vector
    steps: NDArray[np.int64]
    losses: Vector

    @property
    def tables(self) -> Tables:
        """Its beginnings, each to a validation."""
        rows = np.array([parts_of(self.lrs[:step]) for step in self.steps])
        return Tables(rows, self.steps.astype(float))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("curves", type=Path, help="the folder loss_curve_repo of the authors' repository")
    folder = parser.parse_args().curves
    rows = {f"{model}M": judged(folder / f"csv_{model}") for model in MODELS}
    record = {
        "command": f"python {sys.argv[0]} MultiPowerLaw/loss_curve_repo",
        **describe_machine(),
        "models": rows,
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(rows, indent=1))


def judged(folder: Path) -> dict[str, Any]:
    """How well the six runs of one model are foretold."""
    law = fitted([read_curve(folder / f"{name}.csv") for name in FITTED])
    told, true, ends = [], [], {}
    for name in FORETOLD:
        curve = read_curve(folder / f"{name}.csv")
        expected = law.losses(curve.tables)[0]
        told.append(expected)
        true.append(curve.losses)
        ends[name] = [round(float(expected[-1]), 4), float(curve.losses[-1])]
    foretold, measured = np.concatenate(told), np.concatenate(true)
    errors = np.abs(foretold - measured)
    left = float(((foretold - measured) ** 2).sum() / ((measured - measured.mean()) ** 2).sum())
    pairs = np.array(list(ends.values()))
    return {
        "r_squared": round(1.0 - left, 4),
        "mean_error": round(float(errors.mean()), 5),
        "worst_relative_error": round(float((errors / measured).max()), 5),
        "rank_correlation_of_the_ends": round(float(stats.spearmanr(pairs[:, 0], pairs[:, 1])[0]), 3),
        "ends_foretold_and_true": ends,
    }


def fitted(curves: Sequence[PublicCurve]) -> LawFit:
    tables = [curve.tables for curve in curves]
    losses = np.concatenate([curve.losses for curve in curves])
    above = losses - losses.min()
    numbers = np.repeat(np.arange(len(curves)), [len(curve.steps) for curve in curves])
    whole = Tables(np.concatenate([t.lrs for t in tables]), np.concatenate([t.steps for t in tables]))
    weights = 1.0 / (UNIT_SHARE * float(np.median(above)) + above)
    return LawFit(Validations(whole, losses, weights, numbers), len(curves))


def read_curve(path: Path) -> PublicCurve:
    """A file of `step,lr,loss`, whose first row is the end of a warm-up from 0."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(int(row["step"]), float(row["lr"]), float(row["loss"])) for row in csv.DictReader(file)]
    steps, lrs, losses = (np.array(part) for part in zip(*rows, strict=True))
    table = np.interp(np.arange(1, steps[-1] + 1), [0, *steps], [0.0, *lrs])
    late = np.flatnonzero(steps >= FIRST_SHARE * steps[-1])
    used = late[(len(late) - 1) % EVERY :: EVERY]  # the last is one of them
    return PublicCurve(table, steps[used], losses[used])


if __name__ == "__main__":
    main()
