"""`Extended`: a run of a study that was continued to a longer horizon, as the study tells it."""

from __future__ import annotations

from dataclasses import dataclass

from search.storage.study_attributes import StudyAttributes


@dataclass(frozen=True, kw_only=True)
class Extended:
    """One continuation.

    Attributes:
        trial: the number of the trial whose run it was.
        from_steps, total_steps: how long it was and is.
        objective: of the study.
        value_before, value: there and here.
        date: the day, in UTC, as 2026-01-31; None where the study is from before it was kept.
    """

    trial: int
    from_steps: int
    total_steps: int
    objective: str
    value_before: float
    value: float
    date: str | None

    def describe(self) -> str:
        """
        >>> Extended(
        ...     trial=7, from_steps=600, total_steps=1200, objective="val", value_before=2.0, value=1.5,
        ...     date="2026-01-31",
        ... ).describe()
        'trial 7 from 600 to 1,200 steps: val 2.000 -> 1.500 (on 2026-01-31)'
        """
        day = "" if self.date is None else f" (on {self.date})"
        return (
            f"trial {self.trial} from {self.from_steps:,} to {self.total_steps:,} steps: "
            f"{self.objective} {self.value_before:#.4g} -> {self.value:#.4g}{day}"
        )


def extended_runs(attributes: StudyAttributes) -> list[Extended]:
    """The continued runs of a study, the oldest first."""
    return [
        Extended(
            trial=entry["trial"],
            from_steps=entry["from_steps"],
            total_steps=entry["total_steps"],
            objective=entry["objective"],
            value_before=entry["value_before"],
            value=entry["value"],
            date=entry.get("date"),
        )
        for entry in attributes.extensions
    ]
