"""What a person finds in the dashboard: the note, the notes on trials, the plots and the tables."""

from __future__ import annotations

import json
from typing import Any

import optuna
import optuna_dashboard
import pytest
from optuna.trial import FixedTrial, FrozenTrial, create_trial
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects

from search.report.board import BoardKeeper, pages_of, refresh_board
from search.report.study_note import NO_ANSWER
from search.report.trial_notes import MOST_NOTES
from search.results.status import read_status
from search.runs.trial_attributes import (
    RESTARTS,
    RUNS,
    SCHEDULE,
    SCHEDULE_KEY,
    WHY,
    kept,
    out_of_sight,
)
from search.storage.database import Database
from search.storage.plans import NextTrial
from search.storage.study_attributes import VERDICT
from search.storage.study_reader import KnownTrials
from search.storage.study_record import StudyRecord
from search.worker.trial_runs import trial_job
from tests.search_tests.leads import stored_verdict
from tests.search_tests.studies import LINEAR, fill, make_study, trial_queue

WARM = {"lr": 0.2, "warmup": 0.1, "n_restarts": 0, "curve": "cosine"}
MANY = 5000
MOST_BYTES_OF_A_PLOT = 200_000


def stock(record: StudyRecord) -> optuna.Study:
    return optuna.load_study(study_name=record.name, storage=record.database.rdb)


def plots(study: optuna.Study) -> dict[str, Any]:
    stored = get_plotly_graph_objects(study._storage.get_study_system_attrs(study._study_id))
    return {name: json.loads(text) for name, text in stored.items()}


def refresh(record: StudyRecord) -> optuna.Study:
    said: list[str] = []
    assert refresh_board(record, said.append)
    assert said == []
    return stock(record)


@pytest.fixture
def searched(database: Database) -> StudyRecord:
    """A baseline at three lrs, and a searched schedule with the best single run."""
    record = make_study(database, n_trials=8)
    fill(record, [({**LINEAR, "lr": lr}, 1.0 + lr) for lr in (0.1, 0.3, 0.9)], standard="linear")
    fill(record, [(WARM, 1.05), (WARM, 1.2), (WARM, 1.19)], why="the model expects <much> of it")
    return record


def test_a_study_without_a_result_says_so(record: StudyRecord) -> None:
    study = refresh(record)
    assert optuna_dashboard.get_note(study).startswith(f"## {NO_ANSWER}")
    assert study.user_attrs["answer"] == NO_ANSWER
    assert study.user_attrs["progress"].startswith("0 of 8 trials done")
    assert plots(study) == {}


def test_the_note_leads_with_the_answer_and_says_what_it_is_compared_with(searched: StudyRecord) -> None:
    study = refresh(searched)
    note = optuna_dashboard.get_note(study)
    headline, _, rest = note.partition("\n")
    assert headline == "## Use plain linear: nothing is shown to be better than linear yet."
    known = f"{headline.removeprefix('## ')} Linear: linear to 0, peak lr 0.1."
    assert study.user_attrs["answer"].startswith(known)
    assert "6 of 8 trials done" in rest
    assert rest.count("└ step 0 ... step 99") == 2, "both are drawn"
    assert "warmboot verdict small" in rest
    assert f"`{study.user_attrs['export']}`" in rest
    assert "scheduler = warmboot.WarmbootLR(optimizer, file.schedule, total_steps=2_500)" in rest
    assert "Best Trial, trial 3" in study.user_attrs["why not Best Trial"]


def test_trials_that_matter_say_why_they_were_proposed_and_what_they_are_compared_with(
    searched: StudyRecord,
) -> None:
    study = refresh(searched)
    notes = {
        t.number: optuna_dashboard.get_note(optuna.trial.Trial(study, t._trial_id)) for t in study.trials
    }
    assert "Proposed because: the model expects \\<much\\> of it" in notes[3]
    assert "| compared with | linear to 0" in notes[3]
    assert "each with a seed of its own: 3, 4, 5." in notes[3]
    assert notes[0], "the best baseline"
    assert not notes[2]


def test_a_trial_that_was_stopped_says_why(searched: StudyRecord) -> None:
    queue = trial_queue(searched, lambda _trials: NextTrial({**LINEAR, "lr": 0.7}, {}))
    trial = queue.next()
    assert trial is not None
    searched.spec.parsed_space.sample(trial)
    queue.prune(trial.number, {"stopped": "4.2 at 20 of 100 steps: such trials end at 2.1"})
    study = refresh(searched)
    note = optuna_dashboard.get_note(optuna.trial.Trial(study, study.trials[-1]._trial_id))
    assert note.startswith("**Stopped early: 4.2 at 20 of 100 steps: such trials end at 2.1.**")
    assert "└ step 0 ... step 99" in note


def test_plots_are_whole_figures_legible_on_light_and_dark_pages(searched: StudyRecord) -> None:
    drawn = plots(refresh(searched))
    assert {*drawn} == {"warmboot-1-schedules", "warmboot-2-peak-lr", "warmboot-3-budget"}
    names = {trace["name"] for trace in drawn["warmboot-1-schedules"]["data"]}
    assert names == {"baseline: linear, peak 0.1", "1: trial 3, peak 0.2"}
    for figure in drawn.values():
        assert figure["layout"]["paper_bgcolor"] == "rgba(0, 0, 0, 0)"
        assert figure["layout"]["title"]["text"]
        assert "template" not in figure["layout"]


def trials_of_many(record: StudyRecord) -> list[FrozenTrial]:
    """Half of them a baseline at one peak lr, the others searched schedules."""
    found = []
    space = record.spec.parsed_space  # reading it is a look at the database
    for number in range(MANY):
        params = {**WARM, "lr": 0.01 * 100 ** (number / MANY)} if number % 2 else {**LINEAR, "lr": 0.1}
        drawn = FixedTrial(params)
        schedule = space.sample(drawn)
        trial = create_trial(
            value=1.0 + (number % 97) / 97,
            params=params,
            distributions=drawn.distributions,
            user_attrs={
                SCHEDULE: schedule.describe(),
                WHY: "x" * 100,
                **({} if number % 2 else {"standard": "linear"}),
            },
            system_attrs=out_of_sight({SCHEDULE_KEY: str(number if number % 2 else 0)}),
        )
        trial.number = trial._trial_id = number
        found.append(trial)
    return found


def test_a_study_of_many_trials_has_no_larger_pages(database: Database) -> None:
    """The dashboard sends all plots with each poll, and for each trial looks at each attribute."""
    record = make_study(database, n_trials=MANY, total_steps=100_000)
    trials = trials_of_many(record)
    pages = pages_of(record, read_status(record, KnownTrials(trials)), trials)
    sizes = {name: len(text) for name, text in pages.plots.items()}
    assert len(sizes) == 3
    assert max(sizes.values()) < MOST_BYTES_OF_A_PLOT
    assert len(pages.trial_notes) <= MOST_NOTES
    assert sum(map(len, (pages.note, *pages.trial_notes.values()))) < MOST_BYTES_OF_A_PLOT


def test_what_only_warmboot_reads_is_out_of_sight(database: Database) -> None:
    record = make_study(database, space={**make_study(database, name="x").spec.space, "n_restarts": 2})
    queue = trial_queue(record, lambda _trials: NextTrial({}, {}))
    trial = queue.next()
    assert trial is not None
    trial_job(queue, record.spec, trial)
    assert queue.complete(trial, 1.0, {RUNS: [{"seed": 0}]})
    study = refresh(record)
    assert {*study.user_attrs} == {"answer", "progress", "why not Best Trial", "export"}
    (stored,) = study.trials
    assert {*stored.user_attrs} == {"seed", SCHEDULE, RESTARTS}
    assert stored.user_attrs[RESTARTS].endswith(" of 100")
    assert kept(stored, RUNS) == [{"seed": 0}]


def test_a_board_is_looked_after_now_and_then_by_one_of_all_who_work(searched: StudyRecord) -> None:
    said: list[str] = []
    keepers = [BoardKeeper(searched, searched.load().get_trials, said.append) for _ in range(2)]
    keepers[0].look()
    first = searched.attributes.board_seconds
    assert first is not None
    for keeper in keepers:
        keeper.look()
    assert searched.attributes.board_seconds == first
    keepers[1].refresh()
    assert searched.attributes.board_seconds != first
    assert said == []


def test_a_board_that_cannot_be_made_is_told_once_and_ends_nothing(
    searched: StudyRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.report.board.pages_of", lambda *_args: 1 / 0)
    said: list[str] = []
    keeper = BoardKeeper(searched, searched.load().get_trials, said.append)
    for _ in range(2):
        keeper.refresh()
    assert said == ["the study's note in the dashboard is not kept: ZeroDivisionError: division by zero"]


def test_after_a_verdict_both_are_told_by_its_pairs_alone(searched: StudyRecord) -> None:
    """The baseline that it tuned has other seeds than those of the confirmation."""
    key = kept(searched.load().get_trials()[3], SCHEDULE_KEY)
    searched.set_attribute(VERDICT, stored_verdict("win", key=key))
    study = refresh(searched)
    note = optuna_dashboard.get_note(study)
    assert note.startswith("## Use this: it is better than tuned ")
    answer, baseline = (
        line for line in note.splitlines() if line.startswith(("| answer", "| best baseline"))
    )
    assert answer.split(" | ")[-1] != baseline.split(" | ")[-1]
    assert baseline.split(" | ")[2:4] == ["-", "-"]
    assert "warmboot-4-verdict" in plots(study)
    trial = optuna_dashboard.get_note(optuna.trial.Trial(study, study.trials[3]._trial_id))
    assert "On the same" not in trial
