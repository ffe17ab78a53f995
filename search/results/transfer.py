"""`TransferResult`: what a study knows about other horizons than its own, as it is kept on the study.

Peak lrs and gains as functions of the horizon (`search.statistics.transfer_fit`), for the leader and
the standards it was trained beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from search.errors import UsageError
from search.results.candidate import Candidate
from search.statistics.intervals import Interval
from search.statistics.log_trend import LogTrend
from search.statistics.transfer_fit import GainTrend, PowerLaw, PredictedGain
from search.statistics.transfer_wording import transfer_sentence
from search.storage.study_attributes import StudyAttributes


@dataclass(frozen=True, kw_only=True)
class ShapeTrend:
    """One shape over the horizons.

    Attributes:
        name: the shape in words.
        lrs: its best peak lr at each horizon.
        intervals: their 95% intervals.
        law: the power law through them.
    """

    name: str
    lrs: tuple[float, ...]
    intervals: tuple[Interval, ...]
    law: PowerLaw


@dataclass(frozen=True, kw_only=True)
class BaselineTrend:
    """A standard over the horizons, and what the leader gains over it."""

    side: ShapeTrend
    margin: GainTrend


@dataclass(frozen=True, kw_only=True)
class TransferResult:
    """What `warmboot transfer` has found.

    Attributes:
        key: of the leader.
        objective: what the gains are measured in.
        horizons: trained, ascending, in optimizer steps.
        leader: with `horizons` lrs.
        standards: the strongest first.
        n_pairs: seeds behind each gain.
        trained: trainings it took.
    """

    key: str
    objective: str
    horizons: tuple[int, ...]
    leader: ShapeTrend
    standards: tuple[BaselineTrend, ...]
    n_pairs: int
    trained: int

    def peak_lr(self, steps: int, *, however_far: bool = False) -> tuple[float, Interval]:
        """The leader's best peak lr at a horizon, with its 95% interval.

        Raises:
            UsageError: the horizon is more than 30 times the longest trained or less than a third of the
                shortest, unless `however_far`.
        """
        too_far = None if however_far else self.leader.law.trend.too_far(steps)
        if too_far is not None:
            raise UsageError(
                f"{steps:,} steps are {too_far}: the peak lr there is unknown. Run warmboot transfer with a "
                "nearer horizon (--horizons), export the schedule --without-lr, or give --however-far."
            )
        return self.leader.law.predict(steps, however_far=True)

    def gains(self, steps: int, *, however_far: bool = False) -> list[PredictedGain]:
        """What is known of the gain over each standard at a horizon."""
        return [against.margin.at(steps, however_far=however_far) for against in self.standards]

    def lines(self) -> list[str]:
        """For a person: the lrs, and the gains that were measured."""
        return [_law_line(self.leader, self.horizons), *(self._gain_line(each) for each in self.standards)]

    def lines_at(self, steps: int, *, however_far: bool = False) -> list[str]:
        """For a person: what is known at one horizon."""
        too_far = None if however_far else self.leader.law.trend.too_far(steps)
        if too_far is not None:
            what = "neither its best peak lr nor its gain is" if self.standards else "its best peak lr is not"
            return [f"At {steps:,} steps {what} known: that is {too_far}."]
        lr, interval = self.peak_lr(steps, however_far=however_far)
        bounds = f"(95% {interval.low:.3g} to {interval.high:.3g})"
        lines = [f"At {steps:,} steps its best peak lr is {lr:.4g} {bounds}."]
        found = zip(self.standards, self.gains(steps, however_far=however_far), strict=True)
        return [*lines, *(self._sentence(against, gain) for against, gain in found)]

    def _gain_line(self, against: BaselineTrend) -> str:
        rows = [
            f"{gain:.2g} ({interval.low:.2g} to {interval.high:.2g}) at {steps:,}"
            for steps, (gain, interval) in against.margin.measured.items()
        ]
        return (
            f"Gain in {self.objective} over {against.side.name} (95%, {self.n_pairs} seeds each): "
            f"{', '.join(rows)} steps."
        )

    def _sentence(self, against: BaselineTrend, gain: PredictedGain) -> str:
        text = transfer_sentence(
            gain, candidate="the schedule", standard=against.side.name, longest_steps=self.horizons[-1]
        )
        return text[0].upper() + text[1:]

    def to_json(self) -> dict[str, Any]:
        """Plain data for the database and the exported file."""
        return {
            "key": self.key,
            "objective": self.objective,
            "horizons": list(self.horizons),
            "n_pairs": self.n_pairs,
            "trained": self.trained,
            "leader": _side_json(self.leader),
            "standards": [
                {**_side_json(a.side), "gains": _gains_json(a.margin), "gain_trend": asdict(a.margin.trend)}
                for a in self.standards
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TransferResult:
        """What `to_json` made."""
        return cls(
            key=data["key"],
            objective=data["objective"],
            horizons=tuple(data["horizons"]),
            n_pairs=data["n_pairs"],
            trained=data["trained"],
            leader=_side(data["leader"], data["horizons"]),
            standards=tuple(
                BaselineTrend(side=_side(each, data["horizons"]), margin=_margin(each, data["horizons"]))
                for each in data["standards"]
            ),
        )


def stored_transfer(attributes: StudyAttributes, best: Candidate | None) -> TransferResult | None:
    """What is kept on a study; None where it is about another schedule than the best of now."""
    stored = attributes.transfer
    return TransferResult.from_json(stored) if stored and best and stored["key"] == best.key else None


def transfer_of(found: TransferResult | None, candidate: Candidate) -> TransferResult | None:
    """What a transfer says of one schedule: of its leader all, of a standard beside it how its lr falls."""
    if found is None or candidate.key == found.key:
        return found
    name = candidate.schedule.replace(lr=None).describe()
    for against in found.standards:
        if against.side.name == name:
            return replace(found, key=candidate.key, leader=against.side, standards=())
    return None


def _law_line(side: ShapeTrend, horizons: Sequence[int]) -> str:
    trained = ", ".join(f"{lr:.3g} at {steps:,}" for lr, steps in zip(side.lrs, horizons, strict=True))
    low, high = side.law.beta_interval.low, side.law.beta_interval.high
    beta = side.law.beta
    how = f"falls as steps^-{beta:.2f}" if beta >= 0 else f"rises as steps^{-beta:.2f}"
    return f"Best peak lr: {trained} steps; it {how} (95% of the exponent: {-high:.2f} to {-low:.2f})."


def _side_json(side: ShapeTrend) -> dict[str, Any]:
    return {
        "name": side.name,
        "peak_lrs": list(side.lrs),
        "intervals": [list(interval.ends()) for interval in side.intervals],
        "lr_trend": asdict(side.law.trend),
    }


def _side(data: Mapping[str, Any], horizons: Sequence[int]) -> ShapeTrend:
    return ShapeTrend(
        name=data["name"],
        lrs=tuple(data["peak_lrs"]),
        intervals=tuple(_interval(ends) for ends in data["intervals"]),
        law=PowerLaw(trend=_trend(data["lr_trend"], horizons)),
    )


def _interval(ends: Sequence[float | None]) -> Interval:
    low, high = ends
    return Interval(0.0 if low is None else low, float("inf") if high is None else high)


def _trend(data: Mapping[str, Any], horizons: Sequence[int]) -> LogTrend:
    """Older records have the longest horizon alone."""
    return LogTrend(**{"shortest_steps": min(horizons), **data})


def _gains_json(margin: GainTrend) -> list[dict[str, float]]:
    return [
        {"steps": steps, "gain": gain, "low": interval.low, "high": interval.high}
        for steps, (gain, interval) in margin.measured.items()
    ]


def _margin(data: Mapping[str, Any], horizons: Sequence[int]) -> GainTrend:
    measured = {row["steps"]: (row["gain"], Interval(row["low"], row["high"])) for row in data["gains"]}
    return GainTrend(trend=_trend(data["gain_trend"], horizons), measured=measured)
