"""The verdict in words: exact in what it claims."""

from __future__ import annotations

import math
from typing import Any

import pytest

from search.statistics.intervals import Interval
from search.statistics.sequential import STATED_PLAN, Look, Outcome
from search.statistics.steps_gain import StepsGain
from search.statistics.transfer_fit import PredictedGain, Sign, Standing
from search.statistics.transfer_wording import transfer_sentence
from search.statistics.wording import Verdict, lines, sentence, steps_sentence


def verdict(
    outcome: Outcome | None, mean: float, low: float, high: float, n_pairs: int = 10, **changes: Any
) -> Verdict:
    look = Look(
        n_pairs=n_pairs, mean=mean, low=low, high=high, level=0.004, correlation=0.85, outcome=outcome
    )
    facts: dict[str, Any] = {
        "study": "small",
        "candidate": "power-0.7",
        "standard": "linear to zero",
        "tuning": "tuned: 12 peak lrs",
        "advice": "linear to zero with peak lr 0.21",
        "objective": "test_loss",
        "looks": (look,),
        "plan": STATED_PLAN,
        "margin": 0.005,
        "seed_sd": 0.0116,
    }
    return Verdict(**{**facts, **changes})


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            verdict("win", 0.0065, 0.0017, 0.0113),
            "power-0.7 beats linear to zero (tuned: 12 peak lrs) by 0.0065 (95% 0.0017 to 0.0113; "
            "0.56 seed sd) on 10 fresh seeds, test_loss.",
        ),
        (
            # the gain is negative; what it loses by, and the bounds of that, are positive
            verdict("lose", -0.0065, -0.0113, -0.0017),
            "power-0.7 loses to linear to zero (tuned: 12 peak lrs) by 0.0065 (95% 0.0017 to 0.0113; "
            "0.56 seed sd) on 10 fresh seeds, test_loss: use linear to zero with peak lr 0.21.",
        ),
        (
            verdict("equivalent", 0.0006, -0.0021, 0.0033, n_pairs=20),
            "power-0.7 and linear to zero (tuned: 12 peak lrs) are equivalent: the gain of 0.0006 "
            "(95% -0.0021 to 0.0033; 0.05 seed sd) lies within the margin of ±0.005 on 20 fresh seeds, "
            "test_loss: use linear to zero with peak lr 0.21.",
        ),
        (
            verdict("not settled", 0.0030, -0.0010, 0.0070, n_pairs=30, seed_sd=None),
            "Not settled: power-0.7 against linear to zero (tuned: 12 peak lrs) gains 0.0030 "
            "(95% -0.0010 to 0.0070) on 30 fresh seeds, test_loss.",
        ),
        (
            verdict(None, 0.0030, -0.0010, 0.0070, seed_sd=None),
            "Not settled yet: power-0.7 against linear to zero (tuned: 12 peak lrs) gains 0.0030 "
            "(95% -0.0010 to 0.0070) on 10 fresh seeds, test_loss.",
        ),
        (
            # a bound is never rounded onto 0, which it does not hold
            verdict("win", 0.0065, 0.00003, 0.0130, seed_sd=None),
            "power-0.7 beats linear to zero (tuned: 12 peak lrs) by 0.00650 (95% 0.00003 to 0.01300) "
            "on 10 fresh seeds, test_loss.",
        ),
        (
            verdict("not settled", 0.0, -math.inf, math.inf, n_pairs=30, seed_sd=None),
            "Not settled: power-0.7 against linear to zero (tuned: 12 peak lrs) gains 0 "
            "(no interval: the differences are all equal) on 30 fresh seeds, test_loss.",
        ),
        (
            # accuracy in percent: no more digits than the interval bears
            verdict("win", 12.34, 2.34, 22.34, seed_sd=8.0, objective="accuracy"),
            "power-0.7 beats linear to zero (tuned: 12 peak lrs) by 12 (95% 2 to 22; 1.54 seed sd) "
            "on 10 fresh seeds, accuracy.",
        ),
    ],
)
def test_one_sentence(found: Verdict, text: str) -> None:
    assert sentence(found) == text


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (verdict("win", 0.0065, 0.0017, 0.0113), ["correlate by 0.85"]),
        (
            verdict("lose", -0.0065, -0.0113, -0.0017),
            ["warmboot export small writes it.", "correlate by 0.85"],
        ),
        (
            verdict("equivalent", 0.0020, 0.0010, 0.0030),
            [
                "warmboot export small writes it.",
                "correlate by 0.85",
                "surely better, by less than the margin",
            ],
        ),
        (
            verdict("equivalent", -0.0020, -0.0030, -0.0010),
            [
                "warmboot export small writes it.",
                "correlate by 0.85",
                "surely worse, by less than the margin",
            ],
        ),
        (
            verdict("not settled", 0.0030, -0.0010, 0.0070, n_pairs=30, pairs_wanted=62),
            [
                "correlate",
                "About 62 fresh seeds would settle it with a chance of 80%",
                "speaks against linear",
            ],
        ),
        (
            verdict("not settled", 0.0, -0.0010, 0.0010, n_pairs=30),
            ["correlate", "No number of seeds", "speaks against linear"],
        ),
        (
            verdict("not settled", 0.0, -math.inf, math.inf, n_pairs=30),
            ["correlate", "All differences are equal", "speaks against linear"],
        ),
        (verdict(None, 0.0030, -0.0010, 0.0070), ["correlate", "The next look is at 20 seeds."]),
        (
            verdict("win", 0.0065, 0.0017, 0.0113, standard_diverged=2),
            ["correlate", "Diverged: 0 runs of the candidate, 2 of the baseline"],
        ),
    ],
)
def test_the_lines_beside_it(found: Verdict, expected: list[str]) -> None:
    told = lines(found)
    assert len(told) == len(expected)
    assert all(part in line for part, line in zip(expected, told, strict=True))


def test_a_verdict_needs_a_look() -> None:
    with pytest.raises(ValueError, match="at least one look; the first is at 5 pairs"):
        verdict("win", 1.0, 0.5, 1.5, looks=())


@pytest.mark.parametrize(
    ("gain", "text"),
    [
        (
            StepsGain(fewer=0.23, low=0.12, high=math.inf, level=0.05),
            "power-0.7 reaches linear's value in 23% fewer steps (95%: at least 12% fewer).",
        ),
        (
            StepsGain(fewer=0.05, low=-0.02, high=0.31, level=0.05),
            "power-0.7 reaches linear's value in 5% fewer steps (95%: 2% more to 31% fewer).",
        ),
        (
            StepsGain(fewer=0.05, low=-math.inf, high=0.31, level=0.05),
            "power-0.7 reaches linear's value in 5% fewer steps (95%: at most 31% fewer).",
        ),
        (
            StepsGain(fewer=0.05, low=-math.inf, high=math.inf, level=0.05),
            "power-0.7 reaches linear's value in 5% fewer steps (95%: not bounded by these horizons).",
        ),
        (
            StepsGain(fewer=-0.1, low=-0.2, high=-0.05, level=0.05),
            "power-0.7 reaches linear's value in 10% more steps (95%: 5% more to 20% more).",
        ),
        (
            StepsGain(fewer=None, low=0.4, high=math.inf, level=0.05, reason="the candidate is ahead"),
            "In how many steps power-0.7 reaches linear's value is not known: the candidate is ahead; "
            "at least 40% fewer (95%).",
        ),
        (
            StepsGain(fewer=None, low=-math.inf, high=0.0, level=0.05, reason="the candidate is behind"),
            "In how many steps power-0.7 reaches linear's value is not known: the candidate is behind.",
        ),
    ],
)
def test_steps_in_words(gain: StepsGain, text: str) -> None:
    assert steps_sentence(gain, candidate="power-0.7", standard="linear") == text


def test_too_far_is_told() -> None:
    found = PredictedGain(
        steps=9000,
        gain=0.02,
        interval=Interval(0.01, 0.03),
        standing="not known",
        sign="undecided",
        too_far="more than 30 times the longest horizon that was trained (100)",
    )
    told = transfer_sentence(found, candidate="P", standard="L", longest_steps=100)
    assert told.endswith("not known: that is more than 30 times the longest horizon that was trained (100).")


@pytest.mark.parametrize(
    ("standing", "sign", "bounds", "text"),
    [
        (
            "measured",
            "better",
            (0.01, 0.03),
            "P beats L by 0.020 (95% 0.010 to 0.030), measured at 9,000 steps.",
        ),
        (
            "measured",
            "worse",
            (-0.03, -0.01),
            "P loses to L by 0.020 (95% 0.010 to 0.030), measured at 9,000 steps.",
        ),
        (
            "measured",
            "undecided",
            (-0.01, 0.03),
            "P gains 0.010 (95% -0.010 to 0.030) over L, measured at 9,000 steps: no difference is shown.",
        ),
        (
            "expected",
            "better",
            (0.01, 0.03),
            "P is expected to win against L by 0.020 (95% 0.010 to 0.030) at 9,000 steps, "
            "5 times the longest horizon trained.",
        ),
        (
            "not known",
            "undecided",
            (-0.01, 0.03),
            "Whether P beats L at 9,000 steps is not known: the trend gives 0.010 (95% -0.010 to 0.030).",
        ),
    ],
)
def test_transfer_in_words(standing: Standing, sign: Sign, bounds: tuple[float, float], text: str) -> None:
    found = PredictedGain(
        steps=9000, gain=sum(bounds) / 2, interval=Interval(*bounds), standing=standing, sign=sign
    )
    assert transfer_sentence(found, candidate="P", standard="L", longest_steps=1800) == text
