"""Forecast for a schedule at the horizon it is exported to: its peak lr there, and its gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.results.candidate import Candidate
from search.results.transfer import TransferResult
from search.spec.handed import follow_up
from search.spec.study import StudySpec
from warmboot.schedule_file import Horizon


@dataclass(frozen=True)
class HorizonForecast:
    """`lr` is None where it is not kept; `grounds` is what is known of it; `lines` are for a person."""

    lr: float | None
    grounds: Mapping[str, Any]
    lines: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """For the origin of an exported file."""
        told = {"at_horizon": list(self.lines)} if self.lines else {}
        return told if self.lr is None else {"peak_lr": {"lr": self.lr, **self.grounds}, **told}


def at_horizon(
    spec: StudySpec,
    candidate: Candidate,
    horizon: Horizon | None,
    transfer: TransferResult | None,
    *,
    with_lr: bool,
    however_far: bool = False,
) -> HorizonForecast:
    """Forecast at the horizon of an export.

    Args:
        spec: the study.
        candidate: the schedule, with its lr at the study's horizon.
        horizon: where it will train; None: not known yet.
        transfer: of this schedule, where there is one.
        with_lr: whether the file is to have a peak lr.
        however_far: extrapolate it beyond 30 times the longest horizon that was trained, or a third of the
            shortest.

    Raises:
        UsageError: the horizon is too far for the peak lr.
    """
    lr = candidate.schedule.lr if with_lr else None
    if horizon is None or horizon.total_steps == spec.horizon_steps:
        return HorizonForecast(lr, {"from": f"the search at {spec.horizon_steps} steps"}, ())
    if transfer is None:
        return HorizonForecast(lr, *_uncorrected(spec, lr))
    lines = transfer.lines_at(horizon.total_steps, however_far=however_far)
    if not with_lr:
        return HorizonForecast(None, {}, lines)
    lr, interval = transfer.peak_lr(horizon.total_steps, however_far=however_far)
    trained = ", ".join(map(str, transfer.horizons))
    grounds = {"interval": list(interval.ends()), "from": f"a power law through {trained} steps"}
    return HorizonForecast(lr, grounds, lines)


def _uncorrected(spec: StudySpec, lr: float | None) -> tuple[dict[str, Any], list[str]]:
    grounds = {"from": f"the search at {spec.horizon_steps} steps, not corrected"}
    if lr is None:
        return grounds, []
    line = (
        f"The peak lr {lr:.4g} is that of {spec.horizon_steps:,} steps; the best one usually falls as "
        f"trainings get longer. {follow_up(spec, 'transfer')} measures how much."
    )
    return grounds, [line]
