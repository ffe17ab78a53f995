"""The answer of a study in one sentence that needs no knowledge of statistics.

It says to use the searched schedule, or a plain one, and never more than is known: what is not shown is
called so.
"""

from __future__ import annotations

from statistics import fmean

from search.direction import sign_of
from search.results.candidate import Candidate
from search.results.lead import Lead
from search.results.rounded import percent_text, sds_text
from search.spec.study import StudySpec
from warmboot.baseline_schedules import baselines

CLEAR = 0.8
"""The probability of a gain above the verdict's margin from which it is called more than little."""
_NAMES = {
    "cosine_floor": "cosine with a floor",
    "cosine_warmup": "cosine with a warm-up",
    "linear_warmup": "linear with a warm-up",
    "one_cycle": "one-cycle",
    "constant": "a constant lr",
    "rex": "REX",
    "sgdr": "SGDR",
    "power_0.7": "polynomial decay of power 0.7",
    "power_1.5": "polynomial decay of power 1.5",
    "power_2": "polynomial decay of power 2",
    "wsd": "WSD",
    "wsd_linear": "WSD with a straight cooldown",
    "wsd_long": "WSD with a long cooldown",
}


def baseline_name(baseline: Candidate) -> str:
    """A baseline as people call it; one of a verdict's own by the name it was given."""
    shape = baseline.schedule.replace(lr=None)
    known = (name for name, each in baselines().items() if each == shape)  # it may have been found by chance
    name = baseline.standard or next(known, None)
    return shape.describe() if name is None else _NAMES.get(name, name)


def short_name(candidate: Candidate) -> str:
    """A baseline by its name, any other as the searched one: the names of pictures."""
    shape = candidate.schedule.replace(lr=None)
    is_plain = candidate.standard is not None or shape in baselines().values()
    return baseline_name(candidate) if is_plain else "searched schedule"


def subject_name(lead: Lead) -> str:
    """What a verdict and the parameters that matter are about."""
    return "the answer" if lead.chosen == lead.subject else "the best searched schedule"


def claim(spec: StudySpec, lead: Lead) -> str:
    """The claim that a lead supports without a verdict: "better", "a little better" or "not shown".

    A leader that is behind on the fresh seeds which both were trained on is not called better, whatever all
    runs together let expect.
    """
    if not lead.leader_is_better:
        return "not shown"
    sure = lead.probability_of_margin is not None and lead.probability_of_margin >= CLEAR
    both = lead.leader is not None and lead.baseline is not None
    fresh = fresh_gain(spec, lead.leader, lead.baseline) if both else None  # type: ignore[arg-type]
    return "better" if sure and (fresh is None or fresh > 0) else "a little better"


def fresh_gain(spec: StudySpec, schedule: Candidate, other: Candidate) -> float | None:
    """The mean gain on the seeds on which both were confirmed, better is positive; None without."""
    pairs = list(zip(schedule.confirmed, other.confirmed, strict=False))
    return sign_of(spec.direction) * fmean(b - a for a, b in pairs) if pairs else None


def headline(spec: StudySpec, lead: Lead) -> str:
    """What to use, and whether it is shown to be better than the best schedule in common use."""
    if lead.verdict is not None:
        return _after_verdict(lead)
    if lead.baseline is None:
        return "Use this, the best that was tried: the search space has no baseline to compare it with."
    plain = baseline_name(lead.baseline)
    if lead.leader is None:
        return f"Use {_plain(plain)}: only schedules in common use have been tried."
    if lead.gain is None or lead.probability is None:
        return f"Too early to say: nothing is shown to be better than {plain} yet."
    found = claim(spec, lead)
    if found == "better":
        return (
            f"Use this: it is better than {plain} by {_size(lead)} so far ({_chance(lead)}; no verdict yet)."
        )
    if found == "a little better":
        return f"Not shown to be better than {plain} yet: it is {_standing(spec, lead)}; either will do."
    return f"Use {_plain(plain)}: nothing is shown to be better than {plain} yet."


def _after_verdict(lead: Lead) -> str:
    verdict = lead.verdict
    assert verdict is not None
    name = verdict.standard.name
    plain = _NAMES.get(name, name)
    if verdict.outcome == "win":
        steps = verdict.steps
        sooner = (
            "" if steps is None or not steps.fewer or steps.fewer <= 0 else f", {steps.fewer:.0%} fewer steps"
        )
        return f"Use this: it is better than tuned {plain} by {_size(lead)}{sooner}."
    if verdict.outcome == "lose":
        return (
            f"Use {_plain(plain)}: the best searched schedule is worse than tuned {plain} by {_size(lead)}."
        )
    if verdict.outcome == "equivalent":
        return f"Use {_plain(plain)}: the best searched schedule does as well, and no better."
    if verdict.outcome == "standard":
        return f"Use {_plain(plain)}: it is what the search has found, too."
    if lead.leader_is_better:
        side = f"ahead by {_size(lead)} on fresh seeds, which is within the noise ({_chance(lead)})"
        return f"Not shown to be better than tuned {plain} yet: it is {side}."
    return f"Use {_plain(plain)}: nothing is shown to be better than tuned {plain} yet."


def _plain(name: str) -> str:
    return name if name.startswith("a ") else f"plain {name}"


def _standing(spec: StudySpec, lead: Lead) -> str:
    assert lead.leader is not None
    assert lead.baseline is not None
    fresh = fresh_gain(spec, lead.leader, lead.baseline)
    if fresh is not None and fresh <= 0:
        n = min(len(lead.leader.confirmed), len(lead.baseline.confirmed))
        return f"expected to be ahead ({_chance(lead)}), but was not on the {n} fresh seeds"
    return f"ahead by {_size(lead)}, which is little or within the noise ({_chance(lead)})"


def _size(lead: Lead) -> str:
    """A gain in the noise between seeds; in the objective's unit where that is not known."""
    assert lead.gain is not None
    if not lead.noise_sd:
        return f"{abs(lead.gain):.2g}"
    sds = sds_text(lead.gain, lead.noise_sd)
    return f"{sds} seed standard deviation{'s' * (sds != '1')}"


def _chance(lead: Lead) -> str:
    assert lead.probability is not None
    return f"{percent_text(lead.probability)} likely to be better"
