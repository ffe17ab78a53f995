"""The gain at one horizon, in one sentence."""

from __future__ import annotations

from search.statistics.amounts import with_interval
from search.statistics.intervals import Interval
from search.statistics.transfer_fit import PredictedGain


def transfer_sentence(found: PredictedGain, *, candidate: str, standard: str, longest_steps: int) -> str:
    """The gain at one horizon, and the evidence for it."""
    at = f"at {found.steps:,} steps"
    if found.standing == "not known":
        trend = f"the trend gives {with_interval(found.gain, found.interval)}"
        why = trend if found.too_far is None else f"that is {found.too_far}"
        return f"Whether {candidate} beats {standard} {at} is not known: {why}."
    numbers = with_interval(found.gain, found.interval)
    if found.sign == "undecided":
        return f"{candidate} gains {numbers} over {standard}, measured {at}: no difference is shown."
    turned = found.sign == "worse"
    if turned:
        numbers = with_interval(-found.gain, Interval(-found.interval.high, -found.interval.low))
    verb = "loses to" if turned else "beats"
    if found.standing == "measured":
        return f"{candidate} {verb} {standard} by {numbers}, measured {at}."
    away = found.steps / longest_steps
    far = f", {away:.3g} times the longest horizon trained" if away > 1 else ""
    return (
        f"{candidate} is expected to {'lose' if turned else 'win'} against {standard} by {numbers} {at}{far}."
    )
