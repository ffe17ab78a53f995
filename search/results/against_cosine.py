"""How the answer compares with plain cosine, which most people use today, before a verdict has tuned it.

Where cosine is the best baseline that is told anyway. Where it is not, this says what the search has seen of
it, and never more: cosine is tried at few peak lrs, often once each.
"""

from __future__ import annotations

import math

from search.direction import sign_of
from search.results.candidate import Candidate
from search.results.lead import PLAIN_COSINES, Lead
from search.results.rounded import sds_text, side_text, value_text
from search.spec.study import StudySpec


def against_cosine(spec: StudySpec, lead: Lead) -> str | None:
    """A sentence; None where cosine is compared anyway, or a verdict has been held, or it is too early."""
    if lead.verdict is not None or lead.gain is None or _is_compared(lead):
        return None
    cosine = lead.cosine
    if cosine is None:
        return "not tried, so how the answer compares with it is not known"
    tried = (
        "the only peak lr tried" if cosine.siblings == 1 else f"the best of {cosine.siblings} peak lrs tried"
    )
    runs = f"{len(cosine.values)} run{'s' * (len(cosine.values) > 1)}"
    value = f"{spec.objective} {value_text(_worth(cosine, lead.chosen), lead.noise_sd)}"
    return f"{value} at {cosine.schedule.lr:.3g}, {tried} ({runs}): {_standing(spec, lead, cosine)}"


def _is_compared(lead: Lead) -> bool:
    named = (lead.baseline, lead.chosen)
    return any(each is not None and each.standard in PLAIN_COSINES for each in named)


def _standing(spec: StudySpec, lead: Lead, cosine: Candidate) -> str:
    answer = lead.chosen
    gain = sign_of(spec.direction) * (_worth(cosine, answer) - _worth(answer, cosine))
    side = f"the answer is {side_text(gain)}"
    if not lead.noise_sd:
        return side
    noise = lead.noise_sd * math.sqrt(1 / len(cosine.values) + 1 / len(answer.values))
    within = ", within the noise" if abs(gain) < noise else ""
    sds = sds_text(gain, lead.noise_sd)
    return f"{side} ({sds} seed standard deviation{'s' * (sds != '1')}{within})"


def _worth(candidate: Candidate, other: Candidate) -> float:
    """What is expected of a schedule over all seeds where that is known of both, else its runs' mean."""
    expected = candidate.expected_at_last
    return candidate.mean if expected is None or other.expected_at_last is None else expected
