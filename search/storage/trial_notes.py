"""Notes on trials, as optuna-dashboard shows them on a trial's page: Markdown."""

from __future__ import annotations

import re

import optuna

MOST_NOTES = 50
"""Trials of a study with a note. For each trial that it shows, the dashboard looks at every piece of every
note; what a training left behind is among the attributes of the trial too."""


def keep_trial_note(study: optuna.Study, trial_id: int, markdown: str) -> None:
    """Keep a note on a trial, in whatever state; it takes the place of an earlier one. Nothing happens where
    the study has enough of them."""
    from optuna_dashboard import save_note  # takes long to import, and few processes ever need it

    trial = optuna.trial.Trial(study, trial_id)
    attributes = trial.storage.get_study_system_attrs(study._study_id)
    if sum(key.endswith(":note_ver") for key in attributes) < MOST_NOTES:
        save_note(trial, markdown)


def failure_note(left_behind: str) -> str:
    """A note with all that a failed training of a trial has left behind, shown as it is.

    >>> print(failure_note("The last output:\\n```\\n\\nexit code 1."))
    A training of this trial failed: exit code 1.
    <BLANKLINE>
    ````text
    The last output:
    ```
    ````
    """
    *output, reason = left_behind.strip().split("\n")
    told, text = f"A training of this trial failed: {reason}", "\n".join(output).strip("\n")
    if not text:
        return told
    # No run of backticks in the output may end the block: what follows would be read as Markdown.
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{told}\n\n{fence}text\n{text}\n{fence}"
