"""Notes and plots as optuna-dashboard itself reads them, and whose note is whose."""

from __future__ import annotations

import optuna
import optuna_dashboard
import plotly.graph_objects as go
import pytest
from optuna.trial import TrialState
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects

from search.storage.dashboard_rows import PIECE_LENGTH, Pages, put_up
from search.storage.database import Database
from search.storage.study_record import StudyRecord
from search.storage.trial_notes import MOST_NOTES, failure_note, keep_trial_note
from tests.search_tests.studies import LINEAR, fill

LONG = "ä*b* | " * 1000
assert len(LONG) > 3 * PIECE_LENGTH


def stock(record: StudyRecord) -> optuna.Study:
    """The study as somebody opens it who does not know of Warmboot."""
    return optuna.load_study(study_name=record.name, storage=record.database.rdb)


def plots_of(study: optuna.Study) -> dict[str, str]:
    found: dict[str, str] = get_plotly_graph_objects(study._storage.get_study_system_attrs(study._study_id))
    return found


def pieces_of(study: optuna.Study) -> dict[str, object]:
    attributes = study._storage.get_study_system_attrs(study._study_id)
    return {key: value for key, value in attributes.items() if key.startswith("dashboard:")}


def test_a_note_is_kept_as_the_dashboards_own_call_keeps_it(database: Database, record: StudyRecord) -> None:
    fill(record, [(LINEAR, 1.0)])
    study = stock(record)
    (trial,) = study.trials
    put_up(record, Pages(note=LONG, trial_notes={trial._trial_id: "why"}), 1.0)
    theirs = optuna.create_study(study_name="theirs", storage=database.rdb)
    theirs.add_trial(trial)
    optuna_dashboard.save_note(theirs, LONG)
    optuna_dashboard.save_note(optuna.trial.Trial(theirs, theirs.trials[0]._trial_id), "why")
    own = {key.replace(f":{trial._trial_id}:", ":id:"): value for key, value in pieces_of(study).items()}
    other_id = theirs.trials[0]._trial_id
    assert own == {k.replace(f":{other_id}:", ":id:"): v for k, v in pieces_of(theirs).items()}
    assert optuna_dashboard.get_note(study) == LONG


def test_a_shorter_note_leaves_nothing_of_a_longer_one(record: StudyRecord) -> None:
    for note in (LONG, "short", LONG[:3000]):
        put_up(record, Pages(note=note), 1.0)
        assert optuna_dashboard.get_note(stock(record)) == note


def test_what_stands_there_already_is_not_written_again(record: StudyRecord) -> None:
    put_up(record, Pages(note="the answer"), 1.0)
    before = pieces_of(stock(record))
    put_up(record, Pages(note="the answer"), 2.0)
    assert pieces_of(stock(record)) == before
    assert record.attributes.board_seconds == 2.0


@pytest.mark.parametrize("ours_first", [True, False])
def test_a_note_that_somebody_wrote_or_edited_stays(record: StudyRecord, ours_first: bool) -> None:
    if ours_first:
        put_up(record, Pages(note="the answer"), 1.0)
    optuna_dashboard.save_note(stock(record), "my own words")
    for note in ("another answer", "a third"):
        put_up(record, Pages(note=note), 2.0)
    assert optuna_dashboard.get_note(stock(record)) == "my own words"


def test_a_note_that_somebody_emptied_comes_back(record: StudyRecord) -> None:
    put_up(record, Pages(note="the answer"), 1.0)
    optuna_dashboard.save_note(stock(record), "mine")
    put_up(record, Pages(note="another answer"), 2.0)
    optuna_dashboard.save_note(stock(record), "")
    put_up(record, Pages(note="another answer"), 3.0)
    assert optuna_dashboard.get_note(stock(record)) == "another answer"


def test_a_trial_that_matters_no_longer_loses_its_note_and_keeps_one_of_somebody(record: StudyRecord) -> None:
    fill(record, [(LINEAR, 1.0), ({**LINEAR, "lr": 0.2}, 2.0)])
    study = stock(record)
    first, second = (optuna.trial.Trial(study, trial._trial_id) for trial in study.trials)
    put_up(record, Pages(note="n", trial_notes={first._trial_id: "a", second._trial_id: "b"}), 1.0)
    assert [optuna_dashboard.get_note(trial) for trial in (first, second)] == ["a", "b"]
    optuna_dashboard.save_note(second, "b, but I doubt it")
    put_up(record, Pages(note="n"), 2.0)
    assert [optuna_dashboard.get_note(trial) for trial in (first, second)] == ["", "b, but I doubt it"]


def test_plots_are_read_and_replaced_by_the_dashboards_own_calls(record: StudyRecord) -> None:
    study, figure = stock(record), go.Figure().add_scatter(x=list(range(2000)), y=[0.5] * 2000)
    optuna_dashboard.save_plotly_graph_object(study, figure, graph_object_id="mine")
    put_up(record, Pages(note="n", plots={"ours": "1" * 5000, "old": "{}"}), 1.0)
    put_up(record, Pages(note="n", plots={"ours": "2" * 4000}), 2.0)
    assert plots_of(stock(record)) == {"mine": figure.to_json(), "ours": "2" * 4000}
    optuna_dashboard.save_plotly_graph_object(study, figure, graph_object_id="ours")
    assert plots_of(stock(record))["ours"] == figure.to_json()
    put_up(record, Pages(note="n", plots={"ours": "{}"}), 3.0)
    assert plots_of(stock(record))["ours"] == "{}"


def test_rows_of_the_table_are_replaced_and_a_persons_own_stay(record: StudyRecord) -> None:
    stock(record).set_user_attr("machine", "the one under the desk")
    for answer in ("linear", "cosine"):
        put_up(record, Pages(note="n", rows={"answer": answer}), 1.0)
    assert stock(record).user_attrs == {"answer": "cosine", "machine": "the one under the desk"}


def test_a_study_in_which_everything_fails_has_notes_on_the_first_of_them(record: StudyRecord) -> None:
    study = stock(record)
    study.add_trials([optuna.trial.create_trial(state=TrialState.FAIL) for _ in range(MOST_NOTES + 2)])
    for trial in study.trials:
        keep_trial_note(study, trial._trial_id, failure_note("Traceback\nout of memory."))
    assert len(pieces_of(study)) == 2 * MOST_NOTES
    assert optuna_dashboard.get_note(optuna.trial.Trial(study, study.trials[0]._trial_id)).startswith(
        "A training"
    )
