"""`Result`: everything behind a verdict, as it is kept on the study and told in an exported file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search.statistics.holm import OtherStandard
from search.statistics.paired import PairedRuns
from search.statistics.sequential import Look
from search.statistics.steps_gain import StepsGain
from search.verdict.baseline_tuning import Tuned, Tuning
from warmboot.schedule_file import ScheduleFile, writes


@dataclass(frozen=True)
class Result:
    """What a contest has found."""

    outcome: str
    """win, lose, equivalent, not settled; or "standard" where the leader is the strongest standard."""
    sentence: str
    lines: tuple[str, ...]
    key: str
    """Of the leader."""
    standard: Tuned
    tuning: Tuning
    objective: str
    margin: float
    seed_sd: float
    looks: tuple[Look, ...]
    runs: PairedRuns | None
    others: Sequence[OtherStandard] = ()
    steps: StepsGain | None = None
    n_trained: int = 0

    def told(self) -> list[str]:
        """What a person reads: the verdict first."""
        rows = [
            f"{other.name}: gain {other.gain:.4g} (95% {other.low:.4g} to {other.high:.4g}; Holm's p "
            f"{other.p_holm:.2g})"
            for other in self.others
        ]
        return [
            self.sentence,
            *self.lines,
            *(["Beside the other baselines, for information:"] if rows else []),
            *rows,
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain data for the database and the exported file."""
        return {
            "outcome": self.outcome,
            "sentence": self.sentence,
            "lines": list(self.lines),
            "key": self.key,
            "objective": self.objective,
            "margin": self.margin,
            "seed_sd": self.seed_sd,
            "standard": _tuned_json(self.standard),
            "tuned": [_tuned_json(each) for each in self.tuning.standards],
            "tuning_seeds": self.tuning.n_seeds,
            "tuning_runs": self.tuning.n_runs,
            "looks": [look.to_json() for look in self.looks],
            "candidate_values": [] if self.runs is None else list(self.runs.candidate),
            "standard_values": [] if self.runs is None else list(self.runs.standard),
            "others": [_finite(asdict(other)) for other in self.others],
            "steps": None if self.steps is None else _finite(asdict(self.steps)),
            "trained": self.n_trained,
        }


def _tuned_json(tuned: Tuned) -> dict[str, Any]:
    """`document` is a whole schedule file, so that the schedule can be made again without its words."""
    return {
        "name": tuned.name,
        "schedule": tuned.schedule.describe(),
        "document": json.loads(writes(ScheduleFile(tuned.schedule))),
        "peak_lr": tuned.schedule.lr,
        "values": list(tuned.values),
        "peak_lrs_tried": tuned.n_lrs,
        "edge": tuned.edge,
    }


def _finite(data: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: a bound that is not known is None."""
    return {
        key: None if isinstance(value, float) and value in (float("inf"), float("-inf")) else value
        for key, value in data.items()
    }
