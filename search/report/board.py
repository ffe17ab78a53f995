"""What a study shows in optuna-dashboard: its notes and plots, and when they are brought up to date.

Nothing here is in the way of training: whoever keeps a board looks at it now and then, and the longer a look
takes the rarer it is.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DatabaseError

from search.errors import RunError, UsageError
from search.messages import Say
from search.report.study_note import (
    answer_line,
    best_trial_of,
    parameters_line,
    study_note,
    why_not_best_trial,
)
from search.report.trial_notes import notes_of_trials
from search.results.candidate import ranked
from search.results.candidates_that_matter import known_candidates
from search.results.progress_text import progress_line
from search.results.status import StudyStatus, read_status
from search.spec.handed import export_command
from search.storage.address import storage_option
from search.storage.dashboard_rows import Pages, put_up
from search.storage.study_reader import KnownTrials
from search.storage.study_record import StudyRecord

if TYPE_CHECKING:
    import plotly.graph_objects as go

LEAST_SECONDS = 15.0
MOST_SECONDS = 300.0
SHARE_OF_TIME = 0.02
"""Largest share of one core that goes into looks."""
SHARE_OF_STUDY = 0.05
"""A look each time the study has gone on by this much."""
LAST_LOOK_SECONDS = 1.0
SETTLED_UP_TO = 200
"""Complete trials up to which a look works out what leads, as `status` does; beyond that it takes too long
beside a training, and the means over the runs tell until it is worked out at the end of the search."""
FIRST_LEADERS = 4
DIGITS = 5
_GREY, _GRID = "#868e96", "rgba(134, 142, 150, 0.25)"

ReadTrials = Callable[[], Sequence[FrozenTrial]]


class BoardKeeper:
    """Keeps the board of one study, for a process that works on it.

    Args:
        record: the study.
        trials: reads all of it.
        say: told once where a board can't be made; that is no reason to end a training.
    """

    def __init__(self, record: StudyRecord, trials: ReadTrials, say: Say) -> None:
        self._record, self._trials, self._say = record, trials, say
        self._began, self._look_at = time.monotonic(), 0.0
        self._took = 0.0  # seconds of the processor
        self._failed = False

    def look(self) -> None:
        """Bring it up to date if it is time, and nobody else has just done so."""
        if time.monotonic() < self._look_at:
            return
        wait_seconds = self._wait_seconds()
        last, now = self._record.attributes.board_seconds, self._record.now().seconds
        if last is None or not 0 <= now - last < 0.9 * wait_seconds:
            self.refresh()
        self._look_at = time.monotonic() + self._wait_seconds()

    def last_look(self) -> None:
        """Bring it up to date where that takes a moment only: somebody waits for this process to end."""
        if self._took <= LAST_LOOK_SECONDS:
            self.refresh()

    def refresh(self) -> None:
        """Bring it up to date."""
        began = time.thread_time()  # a wait for the database, or for a turn, is in nobody's way
        if not self._failed:
            self._failed = not refresh_board(self._record, self._say, self._trials)
        self._took = time.thread_time() - began

    def _wait_seconds(self) -> float:
        by_study = SHARE_OF_STUDY * (time.monotonic() - self._began)
        return max(self._took / SHARE_OF_TIME, min(MOST_SECONDS, max(LEAST_SECONDS, by_study)))


def refresh_board(record: StudyRecord, say: Say, read_trials: ReadTrials | None = None) -> bool:
    """Bring the board of a study up to date; False where it can't be made, and `say` is told why.

    Args:
        record: the study.
        say: told of a mistake here; what the database says is raised.
        read_trials: reads its trials, where the caller has a quicker way.
    """
    trials = record.load().get_trials(deepcopy=False) if read_trials is None else list(read_trials())
    try:
        _refresh(record, trials)
    except (RunError, UsageError, DatabaseError, StorageInternalError):
        raise
    except Exception as error:
        say(f"the study's note in the dashboard is not kept: {type(error).__name__}: {error}")
        return False
    return True


def _refresh(record: StudyRecord, trials: Sequence[FrozenTrial]) -> None:
    n_complete = sum(trial.state == TrialState.COMPLETE for trial in trials)
    snapshot = read_status(record, KnownTrials(trials), settle=n_complete <= SETTLED_UP_TO)
    put_up(record, pages_of(record, snapshot, trials), record.now().seconds)


def pages_of(record: StudyRecord, snapshot: StudyStatus, trials: Sequence[FrozenTrial]) -> Pages:
    """What the dashboard is to show of a study.

    Args:
        record: the study.
        snapshot: how it stands.
        trials: all of it.
    """
    option = storage_option(record.database.url)
    best_trial = best_trial_of(trials, snapshot)
    known = known_candidates(KnownTrials(trials), trials, snapshot.spec, record.attributes)
    found = ranked(known, snapshot.spec.direction)
    rows = {"answer": answer_line(snapshot), "progress": progress_line(snapshot)}
    plots: dict[str, str] = {}
    notes: dict[int, str] = {}
    if snapshot.best is not None:
        rows["why not Best Trial"] = why_not_best_trial(snapshot, best_trial)
        matter = parameters_line(snapshot)
        if matter is not None:
            rows["which parameters matter"] = (
                f"{matter} Optuna's Hyperparameter Importance is of all trials, those at peak lrs far off "
                "among them, and may say otherwise."
            )
        rows["export"] = export_command(snapshot.spec, *option)
        plots = _plots(snapshot, found, trials)
        notes = notes_of_trials(snapshot, found, trials, best_trial)
    ids = {trial.number: trial._trial_id for trial in trials}
    return Pages(
        note=study_note(snapshot, best_trial, option, datetime.datetime.now(datetime.UTC)),
        trial_notes={ids[number]: note for number, note in notes.items()},
        plots=plots,
        rows=rows,
    )


def _plots(snapshot: StudyStatus, found: Sequence[Any], trials: Sequence[FrozenTrial]) -> dict[str, str]:
    from search.report import figures, study_figures  # plotly, which a study without a result does not need

    spec, lead = snapshot.spec, snapshot.lead
    assert lead is not None, "there is an answer"
    first = [c for c in (lead.leader, *found) if c is not None and c.standard is None]
    searched = list({c.key: c for c in first}.values())[:FIRST_LEADERS]
    drawn = {
        "warmboot-1-schedules": (
            "Schedules that lead, over the best baseline",
            study_figures.leaders(searched, lead.baseline, spec.horizon_steps),
        ),
        "warmboot-2-peak-lr": (
            "Value by peak lr, for each shape",
            study_figures.peak_lrs_by_shape(trials, spec.objective, spec.direction),
        ),
        "warmboot-3-budget": (
            "What the training has bought",
            study_figures.over_budget(
                trials,
                objective=spec.objective,
                direction=spec.direction,
                total_steps=spec.horizon_steps,
                noise_sd=lead.noise_sd,
            ),
        ),
    }
    if snapshot.verdict is not None and snapshot.verdict.looks:
        title = f"Verdict: {snapshot.verdict.outcome}; above 0 the searched schedule is better"
        drawn["warmboot-4-verdict"] = (title, figures.gains(snapshot.verdict, spec.direction))
    if snapshot.transfer is not None:
        found_there = snapshot.transfer
        drawn["warmboot-5-transfer-lr"] = ("Best peak lr by horizon", figures.lrs_over_horizons(found_there))
        if found_there.standards:
            title = "Gain over the baselines by horizon"
            drawn["warmboot-6-transfer-gain"] = (title, figures.gains_over_horizons(found_there))
    return {name: plot_json(figure, title) for name, (title, figure) in drawn.items()}


def plot_json(figure: go.Figure, title: str) -> str:
    """A figure as the dashboard takes it, legible on a light page and on a dark one; numbers are rounded."""
    figure.update_layout(
        title={"text": f"<b>{title}</b>", "font": {"size": 15}, "x": 0, "xref": "container", "pad": {"l": 8}},
        modebar={"bgcolor": "rgba(0, 0, 0, 0)", "color": _GREY, "orientation": "v"},
        font={"color": _GREY},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        height=None,
        showlegend=True,
        margin={"l": 60, "r": 40, "t": 50, "b": 50},
    )
    figure.update_xaxes(gridcolor=_GRID, zeroline=False)
    figure.update_yaxes(gridcolor=_GRID, zeroline=False)
    data = figure.to_plotly_json()
    data["layout"].pop("template", None)
    return json.dumps(_rounded(data), separators=(",", ":"), ensure_ascii=False)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return _rounded(value.tolist())
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    if isinstance(value, float | np.floating):
        return None if not np.isfinite(value) else float(f"{float(value):.{DIGITS}g}")
    return int(value) if isinstance(value, np.integer) else value
