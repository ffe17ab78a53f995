"""What a study knows for and against its best schedule, as data and in words; the verdict too."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from search.results import Contender
from search.study_spec import StudySpec
from search.transferred import Transferred
from warmboot.space import FloatRange

VERDICT = "verdict"
"""Attribute of a study: the last verdict on its leader, see `search.contest`."""
FAIR_PEAK_LRS = 6  # fewer, and a standard cannot be said to have been tuned


def stored_verdict(attributes: Mapping[str, Any], best: Contender | None) -> Mapping[str, Any] | None:
    """The verdict that is kept on a study; None where it is about another schedule than the best of now."""
    stored: Mapping[str, Any] | None = attributes.get(VERDICT)
    return stored if stored is not None and best is not None and stored["key"] == best.key else None


def evidence(
    spec: StudySpec,
    best: Contender,
    standard: Contender | None,
    verdict: Mapping[str, Any] | None = None,
    transfer: Transferred | None = None,
) -> dict[str, Any]:
    """The measured values behind a schedule, as plain data for its file.

    `searched` are values on the seeds that chose it, and flatter it; `confirmed` are on fresh seeds.
    """
    data: dict[str, Any] = {
        "objective": spec.objective,
        "direction": spec.direction,
        "searched": list(best.searched),
        "confirmed": list(best.confirmed),
        "verdict": "none: the study has not tested this schedule against plain ones",
    }
    if verdict is not None:
        data["verdict"] = {name: value for name, value in verdict.items() if name != "key"}
    if transfer is not None:
        data["transfer"] = {name: value for name, value in transfer.to_json().items() if name != "key"}
    if best.params:
        data["params"] = dict(best.params)
    if standard is not None and standard.key != best.key:
        data["best_standard"] = {
            "name": standard.standard,
            "schedule": standard.schedule.describe(),
            **({"params": dict(standard.params)} if standard.params else {}),
            "searched": list(standard.searched),
            "confirmed": list(standard.confirmed),
        }
    return data


def evidence_lines(
    spec: StudySpec,
    best: Contender,
    standard: Contender | None,
    verdict: Mapping[str, Any] | None = None,
    transfer: Transferred | None = None,
) -> list[str]:
    """The same for a person: a few lines, the honest one last."""
    lines = _judged_lines(spec, best, standard, verdict)
    told = [] if transfer is None else transfer.lines()
    return [*lines, *(f"{'' if i else 'transfer':10s}{line}" for i, line in enumerate(told))]


def _judged_lines(
    spec: StudySpec, best: Contender, standard: Contender | None, verdict: Mapping[str, Any] | None
) -> list[str]:
    lines = [f"best      {best.describe()}", f"          {_values(spec, best)}"]
    if verdict is not None:
        told = [verdict["sentence"], *verdict["lines"]]
        return [*lines, *(f"{'' if i else 'verdict':10s}{line}" for i, line in enumerate(told))]
    if standard is None:
        return [*lines, "          The space holds no standard schedule to compare it with."]
    if standard.key == best.key:
        return [*lines, f"          It is a standard schedule ({best.standard}): nothing beat it here."]
    lines += [f"standard  {standard.describe()}", f"          {_values(spec, standard)}"]
    return [*lines, f"          {comparison(spec, best, standard)}"]


def comparison(spec: StudySpec, best: Contender, standard: Contender) -> str:
    """One honest sentence on what the confirmation seeds say."""
    if not (best.confirmed and standard.confirmed):
        return "Single runs, chosen for their luck: they do not say which is better."
    sign = 1.0 if spec.direction == "minimize" else -1.0
    gains = [sign * (b - a) for a, b in zip(best.confirmed, standard.confirmed, strict=False)]
    ahead = sum(gain > 0 for gain in gains)
    gain = fmean(gains)
    where = f"{'ahead' if gain >= 0 else 'behind'} by {abs(gain):.4g}"
    return (
        f"On the same {len(gains)} fresh seeds the best is {where} on average "
        f"(ahead on {ahead} of {len(gains)}). That few seeds suggest; they do not prove."
        f"{_other_differences(best, standard)}{_unequal_tuning(spec, standard)}"
    )


def _other_differences(best: Contender, standard: Contender) -> str:
    """What besides the schedule may be why one is ahead."""
    names = [name for name, value in best.params.items() if standard.params.get(name) != value]
    return f" They differ in {', '.join(names)} as well, not in the schedule alone." if names else ""


def _unequal_tuning(spec: StudySpec, standard: Contender) -> str:
    """A standard that met few peak lrs may have lost by its lr alone (Wen et al., arXiv 2509.02046)."""
    searched = isinstance(spec.parsed_space.lr, FloatRange)
    if not searched or standard.siblings == 0 or standard.siblings >= FAIR_PEAK_LRS:
        return ""
    lrs = "1 peak lr" if standard.siblings == 1 else f"{standard.siblings} peak lrs"
    return (
        f" The standard was tried at {lrs} only: the lead may be the lr's alone. warmboot verdict "
        f"{spec.name} tunes it first."
    )


def _values(spec: StudySpec, contender: Contender) -> str:
    trial = ", ".join(str(number) for number in contender.trial_numbers[:3])
    searched = f"{fmean(contender.searched):.4g} in the search (trial {trial})"
    if not contender.confirmed:
        return f"{spec.objective} {searched}"
    seeds = len(contender.confirmed)
    return f"{spec.objective} {fmean(contender.confirmed):.4g} on {seeds} fresh seeds, {searched}"
