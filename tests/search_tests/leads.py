"""Schedules and leads made by hand, for what is said and exported of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from search.results.candidate import Candidate
from search.results.lead import Lead
from search.results.tuned_standard import TunedStandard
from search.results.verdict import Told, VerdictResult
from search.statistics.sequential import Look
from warmboot.schedule import WarmbootSchedule

TUNED = WarmbootSchedule(lr=0.17, curve="linear")
"""What a verdict has made of the baseline."""


def candidate(
    key: str,
    *searched: float,
    confirmed: tuple[float, ...] = (),
    standard: str | None = None,
    lr: float = 0.1,
) -> Candidate:
    """The curve is linear for a standard, cosine with a floor for others."""
    plain = WarmbootSchedule(lr=lr, curve="linear")
    schedule = plain if standard else plain.replace(curve="cosine", eta_min=0.05)
    return Candidate(
        key=key,
        schedule=schedule,
        trial_numbers=tuple(range(len(searched))),
        searched=searched,
        confirmed=confirmed,
        standard=standard,
    )


LEADER = candidate("best", 1.0, confirmed=(1.1, 1.2, 1.3))
BASELINE = replace(candidate("linear", 1.2, confirmed=(1.2, 1.1, 1.5), standard="linear"), siblings=6)


def lead(**changes: Any) -> Lead:
    """Very likely better by more than a little, and no verdict."""
    fields: dict[str, Any] = {
        "leader": LEADER,
        "baseline": BASELINE,
        "gain": 0.1,
        "probability": 0.97,
        "noise_sd": 0.05,
        "probability_of_margin": 0.9,
    }
    return Lead(**{**fields, **changes})


def stored_verdict(
    outcome: str,
    key: str = "best",
    gains: tuple[float, ...] = (0.05, 0.03, 0.04, 0.06, 0.02),
    *,
    maximize: bool = False,
) -> dict[str, Any]:
    """A verdict on the schedule of that key, as it was kept on its study with its sentences; the plain one
    reaches 2 always."""
    stored: dict[str, Any] = json.loads(
        json.dumps(verdict_result(outcome, key, gains, maximize=maximize).to_json())
    )
    return stored


def verdict_result(
    outcome: str,
    key: str = "best",
    gains: tuple[float, ...] = (0.05, 0.03, 0.04, 0.06, 0.02),
    *,
    maximize: bool = False,
) -> VerdictResult:
    """The same as a value."""
    sign = -1.0 if maximize else 1.0
    tuned = TunedStandard.of("linear", TUNED, (2.0, 2.1, 1.9), n_lrs=7, edge=None)
    writes = ("warmboot export small writes it.",) if outcome in ("lose", "equivalent") else ()
    mean = sum(gains) / len(gains)
    look = Look(
        n_pairs=len(gains),
        mean=mean,
        low=mean - 0.03,
        high=mean + 0.03,
        level=0.04,
        correlation=None,
        outcome=None,
    )
    is_standard = outcome == "standard"
    return VerdictResult(
        outcome=outcome,
        about=Told(f"The verdict: {outcome}.", writes),
        key=key,
        standard=tuned,
        tuned=(tuned,),
        tuning_runs=30,
        tuning_seeds=3,
        objective="val_loss",
        margin=0.025,
        seed_sd=0.05,
        looks=() if is_standard else (look,),
        candidate_values=() if is_standard else tuple(2.0 - sign * gain for gain in gains),
        standard_values=() if is_standard else (2.0,) * len(gains),
    )


def without_document(verdict: dict[str, Any]) -> dict[str, Any]:
    """As it was kept before the baseline could be made again from it."""
    standard = {name: value for name, value in verdict["standard"].items() if name != "document"}
    return {**verdict, "standard": standard}
