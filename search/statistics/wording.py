"""The verdict in words: one sentence that claims exactly what was found, and a few lines beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from search.messages import next_command
from search.statistics.amounts import with_interval
from search.statistics.intervals import Interval
from search.statistics.power import POWER
from search.statistics.sequential import Look, LookPlan
from search.statistics.steps_gain import StepsGain


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A comparison, as the wording needs it.

    Attributes:
        study: its name, for commands.
        candidate: its name, as "decay to a power of 0.7".
        standard: its name, as "linear to zero".
        tuning: how the standard was tuned, as "tuned: 12 peak lrs".
        advice: the standard to use where the candidate did not win, as "linear to zero with peak lr 0.21".
        objective: what was compared, as "test_loss".
        looks: all looks taken, at least one; the last one speaks.
        plan: the looks there were to be.
        margin: the margin of equivalence, in the objective's unit.
        seed_sd: the standard deviation between seeds that gains are measured in, above 0; None: don't tell.
        pairs_wanted: where it was not settled, the seeds in all that would do (`power.pairs_wanted`).
        candidate_diverged, standard_diverged: how many runs of each diverged.
    """

    study: str
    candidate: str
    standard: str
    tuning: str
    advice: str
    objective: str
    looks: tuple[Look, ...]
    plan: LookPlan
    margin: float
    seed_sd: float | None = None
    pairs_wanted: int | None = None
    candidate_diverged: int = 0
    standard_diverged: int = 0

    def __post_init__(self) -> None:
        if not self.looks:
            raise ValueError(
                f"a verdict needs at least one look; the first is at {self.plan.looks[0]} pairs of runs."
            )

    @property
    def look(self) -> Look:
        """The last look taken."""
        return self.looks[-1]


def sentence(verdict: Verdict) -> str:
    """The verdict in one sentence.

    A positive number after "by" is how much better or worse, so its interval is turned for a loss. The
    interval is called a 95% one: that is what the looks together cover.
    """
    look = verdict.look
    who, against = verdict.candidate, f"{verdict.standard} ({verdict.tuning})"
    where = f"on {look.n_pairs} fresh seeds, {verdict.objective}"
    if look.outcome == "win":
        return f"{who} beats {against} by {_amount(verdict)} {where}."
    if look.outcome == "lose":
        return f"{who} loses to {against} by {_amount(verdict, turned=True)} {where}: use {verdict.advice}."
    if look.outcome == "equivalent":
        return (
            f"{who} and {against} are equivalent: the gain of {_amount(verdict)} lies within the margin of "
            f"±{verdict.margin:.3g} {where}: use {verdict.advice}."
        )
    state = "Not settled" if look.outcome == "not settled" else "Not settled yet"
    return f"{state}: {who} against {against} gains {_amount(verdict)} {where}."


def lines(verdict: Verdict) -> list[str]:
    """Remarks beside it: how to follow its advice, the pairing, the pairs that would settle it, and
    divergence."""
    look = verdict.look
    found = [_pairing_line(look)]
    if look.outcome in ("lose", "equivalent"):
        found.insert(0, f"{next_command('export', verdict.study)} writes it.")
    if look.outcome == "equivalent" and 0 not in look.interval:
        side = "better" if look.mean > 0 else "worse"
        found.append(
            f"The candidate is surely {side}, by less than the margin; a smaller margin would ask for more."
        )
    if look.outcome == "not settled":
        found += [_more_line(verdict), f"Nothing shown so far speaks against {verdict.advice}."]
    if look.outcome is None:
        found.append(f"The next look is at {verdict.plan.next_look(look.n_pairs)} seeds.")
    if verdict.candidate_diverged or verdict.standard_diverged:
        found.append(
            f"Diverged: {verdict.candidate_diverged} runs of the candidate, {verdict.standard_diverged} of "
            "the baseline; they count with their untrained values."
        )
    return found


def steps_sentence(gain: StepsGain, *, candidate: str, standard: str) -> str:
    """The gain told in steps.

    >>> gain = StepsGain(fewer=0.23, low=0.12, high=0.31, level=0.05)
    >>> steps_sentence(gain, candidate="power-0.7", standard="tuned linear")
    "power-0.7 reaches tuned linear's value in 23% fewer steps (95%: 12% fewer to 31% fewer)."
    """
    percent = f"{100 * (1 - gain.level):g}%"
    value = f"{standard}'s value"
    if gain.fewer is None:
        bound = (
            f"; at least {gain.low:.0%} fewer ({percent})" if math.isfinite(gain.low) and gain.low > 0 else ""
        )
        return f"In how many steps {candidate} reaches {value} is not known: {gain.reason}{bound}."
    return f"{candidate} reaches {value} in {_share(gain.fewer)} steps ({percent}: {_shares(gain)})."


def _amount(verdict: Verdict, *, turned: bool = False) -> str:
    """ "0.0065 (95% 0.0017 to 0.0113; 0.56 seed sd)"."""
    look, sign = verdict.look, -1.0 if turned else 1.0
    interval = Interval(-look.high, -look.low) if turned else look.interval
    extra = f"; {sign * look.mean / verdict.seed_sd:.2f} seed sd" if verdict.seed_sd else ""
    return with_interval(sign * look.mean, interval, extra=extra)


def _pairing_line(look: Look) -> str:
    if look.correlation is None:
        return "The seeds' effect on the two can't be compared: one of them does not vary."
    return f"Over the seeds the two correlate by {look.correlation:.2f}."


def _more_line(verdict: Verdict) -> str:
    if not math.isfinite(verdict.look.interval.half_width):
        return "All differences are equal: more seeds of the same kind would not settle it."
    if verdict.pairs_wanted is None:
        return "No number of seeds that could be trained would settle it, if the gain is as measured."
    return (
        f"About {verdict.pairs_wanted} fresh seeds would settle it with a chance of {POWER:.0%}, "
        "if the gain and the spread are as measured."
    )


def _share(fewer: float) -> str:
    return f"{fewer:.0%} fewer" if fewer >= 0 else f"{-fewer:.0%} more"


def _shares(gain: StepsGain) -> str:
    """The interval of the steps, from fewest saved to most; an end that is not known is left out."""
    if math.isfinite(gain.low) and math.isfinite(gain.high):
        ends = sorted((gain.low, gain.high), key=abs) if gain.high < 0 else [gain.low, gain.high]
        return " to ".join(_share(end) for end in ends)
    if math.isfinite(gain.low):
        return f"at least {_share(gain.low)}" if gain.low >= 0 else f"at most {_share(gain.low)}"
    if math.isfinite(gain.high):
        return f"at most {_share(gain.high)}" if gain.high >= 0 else f"at least {_share(gain.high)}"
    return "not bounded by these horizons"
