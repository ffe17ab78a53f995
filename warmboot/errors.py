"""Errors that name every problem at once, so that input need not be repaired one run at a time."""

from collections.abc import Sequence


class ScheduleError(ValueError):
    """What is wrong with a schedule, all of it.

    `problems` holds one sentence for each problem: the thing, the rule, the value.
    """

    def __init__(self, subject: str, problems: Sequence[str]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        # both go into args, or the error could not be sent from one process to another
        super().__init__(subject, self.problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return f"{self.subject}: {self.problems[0]}"
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        return f"{self.subject}: {len(self.problems)} problems{lines}"


class ScheduleFileError(ScheduleError):
    """What is wrong with a schedule file, all of it; the same `problems`."""
