"""What is kept of a verdict: read back as it was, and as earlier versions kept it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from search.results.verdict import Named, VerdictResult
from search.statistics.holm import OtherStandard
from search.statistics.sequential import Look
from search.statistics.steps_gain import StepsGain
from tests.search_tests.leads import verdict_result

FIRST: dict[str, Any] = {
    "outcome": "not settled",
    "sentence": "Not settled: A against B gains 0.001.",
    "lines": ["Over the seeds the two correlate by 0.85."],
    "key": "best",
    "objective": "test_loss",
    "margin": 0.01,
    "seed_sd": 0.02,
    "standard": {"name": "linear", "schedule": "linear", "peak_lr": 0.2, "values": [2.0, 2.1]},
    "tuned": [{"name": "linear", "schedule": "linear", "peak_lr": 0.2, "values": [2.0, 2.1]}],
    "tuning_runs": 24,
    "looks": [
        {
            "n_pairs": 2,
            "mean": 0.0,
            "low": None,
            "high": None,
            "level": 0.001,
            "correlation": None,
            "outcome": None,
        }
    ],
    "candidate_values": [2.0, 2.0],
    "standard_values": [2.0, 2.0],
    "others": [],
    "steps": None,
    "trained": 28,
}
"""As the first version kept it, before the standards' schedules and seeds were kept with it."""


def test_a_verdict_of_the_first_version_is_told_in_its_words() -> None:
    found = VerdictResult.from_json(FIRST)
    assert found.told() == [FIRST["sentence"], *FIRST["lines"]]
    assert found.standard.schedule is None
    assert found.tuned[0].values[: found.tuning_seeds] == (2.0, 2.1), "all of them"
    told = found.for_programs()
    assert all(told[name] == FIRST[name] for name in FIRST if name not in ("standard", "tuned"))
    assert VerdictResult.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_bounds_that_are_not_known_stay_so() -> None:
    unbounded = {"low": -math.inf, "high": math.inf}
    look = Look(n_pairs=5, mean=0.0, level=0.001, correlation=None, outcome=None, **unbounded)
    other = OtherStandard(name="rex", n_pairs=5, gain=0.0, p_value=1.0, p_holm=1.0, **unbounded)
    steps = StepsGain(fewer=None, low=-math.inf, high=0.2, level=0.05, reason="it is behind still")
    found = replace(
        verdict_result("not settled"),
        looks=(look,),
        others=(other,),
        steps=steps,
        about=Named(study="small", candidate="cosine", search_runs=24.0),
    )
    kept = json.dumps(found.to_json(), allow_nan=False)
    assert VerdictResult.from_json(json.loads(kept)) == found
    assert "at most 20% fewer" not in found.sentence
    assert found.lines[-1].startswith("In how many steps it reaches ")
