"""What a study knows for and against its schedules, as data and in words; the verdict too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from search.direction import sign_of
from search.results.against_cosine import against_cosine
from search.results.candidate import Candidate
from search.results.headline import claim, fresh_gain, headline, short_name
from search.results.lead import Lead
from search.results.rounded import percent_text, sds_text, side_text, value_text
from search.results.transfer import TransferResult
from search.spec.handed import follow_up
from search.spec.proxy import DeclaredProxy
from search.spec.study import StudySpec
from search.strategy.sureness import SURE_ENOUGH, SURE_OF_ONE_RUN
from warmboot.space import FloatRange

FAIR_PEAK_LRS = 4
"""A schedule that was tried at fewer cannot be said to have been tuned."""
SEARCHED = "searched"
"""Label of the best searched schedule where another one is the answer."""
EDGE = 0.02
"""Of the log range of the peak lr: this close to an end is at it."""


def evidence(
    spec: StudySpec, schedule: Candidate, lead: Lead, transfer: TransferResult | None = None
) -> dict[str, Any]:
    """The measured values behind a schedule, as plain data for its file.

    `searched` are values on the seeds that chose it, and flatter it; `confirmed` are on fresh seeds.
    """
    data: dict[str, Any] = {
        "headline": headline(spec, lead),
        "objective": spec.objective,
        "direction": spec.direction,
        "searched": list(schedule.searched),
        "confirmed": list(schedule.confirmed),
        "answer": _role(schedule, lead),
        "verdict": "none: the study has not tested this schedule against plain ones",
    }
    if lead.verdict is not None:
        data["verdict"] = {
            name: value for name, value in lead.verdict.for_programs().items() if name != "key"
        }
    if transfer is not None:
        data["transfer"] = {name: value for name, value in transfer.to_json().items() if name != "key"}
    if schedule.params:
        data["params"] = dict(schedule.params)
    if lead.gain is not None and lead.verdict is None:
        data["expected"] = {
            "gain_of_leader_over_baseline": lead.gain,
            "probability_of_being_better": lead.probability,
            "probability_of_more_than_the_margin": lead.probability_of_margin,
            "claim": claim(spec, lead),
            "seed_sd": lead.noise_sd,
        }
    others = {"best_standard": lead.baseline, "leader": lead.leader, "cosine": lead.cosine}
    data |= {name: _entry(c) for name, c in others.items() if c is not None and c.key != schedule.key}
    return data


def evidence_lines(
    spec: StudySpec,
    schedule: Candidate,
    lead: Lead,
    transfer: TransferResult | None = None,
    *,
    answer_is_told: bool = False,
) -> list[str]:
    """The same for a person: what to use and why first, in a few lines.

    `answer_is_told`: the headline stands elsewhere; it and what it says once more are left out.
    """
    is_answer = schedule.key == lead.chosen.key
    tells_answer = is_answer and not answer_is_told
    told = [f"{'answer':10s}{headline(spec, lead)}"] if tells_answer else []
    lines = [
        *told,
        f"{'schedule':10s}{schedule.describe()}",
        f"{'':10s}{_values(spec, schedule, lead.noise_sd)}",
    ]
    lines += [f"{'':10s}{line}" for line in edge_lines(spec, schedule)]
    if not is_answer:
        lines.append(f"{'':10s}It is not the answer of the study; that is {lead.chosen.describe()}.")
        if schedule == lead.leader and lead.verdict is None:
            lines.append(f"{'':10s}{headline(spec, lead)} {follow_up(spec, 'verdict')} settles it.")
    if lead.verdict is not None:
        lines += labelled("verdict", verdict_lines(spec, lead))
    else:
        known = [f"{'':10s}{sentence(spec, lead)}"] if tells_answer else []
        lines += [*known, *_other_lines(spec, schedule, lead)]
        cosine = against_cosine(spec, lead) if is_answer else None
        lines += [] if cosine is None else [f"{'cosine':10s}{cosine}"]
    horizons = [] if transfer is None else transfer.lines()
    if horizons and lead.chosen != lead.subject:
        horizons = [
            f"Of the best searched schedule, {lead.subject.schedule.replace(lr=None).describe()}:",
            *horizons,
        ]
    return [*lines, *labelled("transfer", horizons)]


def basis_lines(spec: StudySpec, lead: Lead) -> list[str]:
    """What the headline is about and rests on: the answer in words, and how sure it is."""
    best = lead.chosen
    known = sentence(spec, lead) if lead.verdict is None else lead.verdict.sentence
    name = short_name(best)
    told = [f"{name[0].upper()}{name[1:]}: {best.describe()}. {known}", *edge_lines(spec, best)]
    cosine = against_cosine(spec, lead)
    told += [] if cosine is None else [f"Plain cosine: {cosine}."]
    return [*told, *stand_in_lines(spec)]


def stand_in_lines(spec: StudySpec) -> list[str]:
    """What an answer of a built-in training is for somebody else's; empty for the user's own."""
    if not isinstance(spec.proxy, DeclaredProxy) or ":" in spec.proxy.name:
        return []
    return ["From a built-in training: take the shape, find your own peak lr."]


def sentence(spec: StudySpec, lead: Lead) -> str:
    """What is known without a verdict, in one sentence."""
    leader, baseline = lead.leader, lead.baseline
    if baseline is None:
        return "The search space has no baseline to compare it with."
    plain = baseline.schedule.replace(lr=None).describe()
    if leader is None:
        return f"Only baselines have been tried; {plain} is the best of them."
    if lead.gain is None or lead.probability is None:
        return f"Too early to say whether anything is better than the baseline {plain}."
    return _compared(spec, lead, leader, baseline)


def _compared(spec: StudySpec, lead: Lead, leader: Candidate, baseline: Candidate) -> str:
    assert lead.gain is not None, "a comparison has been made"
    assert lead.probability is not None, "a comparison has been made"
    plain = baseline.schedule.replace(lr=None).describe()
    chance, size = f"{percent_text(lead.probability)} likely", _size(lead)
    command = follow_up(spec, "verdict")
    fresh = fresh_gain(spec, leader, baseline)
    but = f" (on the fresh seeds alone it is {side_text(fresh)})" if fresh and fresh * lead.gain < 0 else ""
    settle = f"This is the model's estimate over all runs{but}; {command} settles it."
    if claim(spec, lead) == "better":
        return f"It is better than the baseline {plain} by {size} so far ({chance}). {settle}"
    if claim(spec, lead) == "a little better":
        return (
            f"It is ahead of the baseline {plain} by {size} ({chance} to be better); a gain this small may "
            f"not matter. {settle}"
        )
    asked = f" of a schedule that was trained once ({SURE_OF_ONE_RUN:.1%} is asked of it)"
    single = asked if lead.probability >= SURE_ENOUGH else ""
    where = f"ahead by {size}, which is not enough{single}" if lead.gain > 0 else f"behind by {size}"
    return f"The best searched schedule is {where} ({chance} to be better). {settle}"


def verdict_lines(spec: StudySpec, lead: Lead) -> list[str]:
    """The verdict, and the answer that follows if that is not obvious."""
    assert lead.verdict is not None, "there is a verdict"
    lines = [lead.verdict.sentence, *lead.verdict.lines]
    if lead.verdict.outcome == "not settled" and lead.probability is not None:
        chosen = "the searched schedule" if lead.leader_is_better else "the baseline"
        lines.append(
            f"Given these pairs it is {percent_text(lead.probability)} likely to be better, so the answer is "
            f"{chosen}."
        )
    return lines


def edge_lines(spec: StudySpec, schedule: Candidate) -> list[str]:
    """A warning if the peak lr is at an end of its range, with the way out."""
    field, lr = spec.peak_lr, schedule.schedule.lr
    if not isinstance(field, FloatRange) or lr is None:
        return []
    close = EDGE * math.log(field.high / field.low)
    for end, name, further in ((field.low, "low", field.low / 10), (field.high, "high", field.high * 10)):
        if abs(math.log(lr / end)) <= close:
            return [
                f"Its peak lr is at the {name} end of the searched range ({end:g}): better ones may be "
                f"beyond it. Search again under another name with a wider range, such as {name} = "
                f"{further:g}."
            ]
    return []


def comparison(spec: StudySpec, schedule: Candidate, other: Candidate) -> str:
    """The comparison on the seeds on which both were confirmed; empty without such seeds."""
    mean = fresh_gain(spec, schedule, other)
    if mean is None:
        return ""
    n = min(len(schedule.confirmed), len(other.confirmed))
    sign = sign_of(spec.direction)
    gains = [sign * (b - a) for a, b in zip(schedule.confirmed, other.confirmed, strict=False)]
    return (
        f"On the same {n} fresh seeds the one above is {side_text(mean)} on average (ahead on "
        f"{sum(gain > 0 for gain in gains)} of {n})."
    )


def _other_lines(spec: StudySpec, schedule: Candidate, lead: Lead) -> list[str]:
    """The schedule it is compared with, and caveats of the comparison."""
    for name, other in (("baseline", lead.baseline), (SEARCHED, lead.leader)):
        if other is None or other.key == schedule.key or (name == SEARCHED and lead.chosen == other):
            continue
        lines = [f"{name:10s}{other.describe()}", f"{'':10s}{_values(spec, other, lead.noise_sd)}"]
        told = [comparison(spec, schedule, other), _caveats(spec, schedule, other)]
        return [*lines, *(f"{'':10s}{line}" for line in told if line)]
    return []


def _caveats(spec: StudySpec, schedule: Candidate, other: Candidate) -> str:
    """Differences besides the shape that may explain the lead (Wen et al., arXiv 2509.02046)."""
    names = [name for name, value in schedule.params.items() if other.params.get(name) != value]
    found = [f"They differ in {', '.join(names)} as well, not only in the schedule."] if names else []
    searched = isinstance(spec.peak_lr, FloatRange)
    if searched and other.standard is not None and 0 < other.siblings < FAIR_PEAK_LRS:
        lrs = "1 peak lr" if other.siblings == 1 else f"{other.siblings} peak lrs"
        tune = follow_up(spec, "verdict")
        found.append(f"The baseline was tried at only {lrs}; {tune} tunes it.")
    return " ".join(found)


def _role(schedule: Candidate, lead: Lead) -> str:
    if schedule.key != lead.chosen.key:
        return "another schedule of the study"
    return "leader" if schedule == lead.leader else "baseline"


def _entry(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.standard,
        "schedule": candidate.schedule.describe(),
        **({"params": dict(candidate.params)} if candidate.params else {}),
        "searched": list(candidate.searched),
        "confirmed": list(candidate.confirmed),
    }


def labelled(label: str, lines: Sequence[str]) -> list[str]:
    """Lines of a screen, the first with a label before it."""
    return [f"{'' if i else label:10s}{line}" for i, line in enumerate(lines)]


def _size(lead: Lead) -> str:
    """A gain in the objective's unit and in the noise between seeds."""
    assert lead.gain is not None
    text = f"{abs(lead.gain):.2g}"
    if not lead.noise_sd:
        return text
    sds = sds_text(lead.gain, lead.noise_sd)
    return f"{text} ({sds} standard deviation{'s' * (sds != '1')} between seeds)"


def _values(spec: StudySpec, candidate: Candidate, seed_sd: float | None) -> str:
    seeds = len(candidate.confirmed)
    fresh = value_text(fmean(candidate.confirmed), seed_sd) if seeds else ""
    if not candidate.searched:
        return f"{spec.objective} {fresh} on {seeds} seeds of the verdict's tuning"
    trial = ", ".join(str(number) for number in candidate.trial_numbers[:3])
    searched = f"{value_text(fmean(candidate.searched), seed_sd)} in the search (trial {trial})"
    if not seeds:
        once = "trained once, " if len(candidate.searched) == 1 else ""
        return f"{spec.objective} {searched}; {once}not confirmed on fresh seeds"
    return f"{spec.objective} {fresh} on {seeds} fresh seeds, {searched}"
