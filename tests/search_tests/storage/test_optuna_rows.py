"""What is written and read without Optuna is what Optuna's own calls write and read, in every database."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import update

from search.storage.database import Database
from search.storage.optuna_rows import EndedTrial, add_reports, add_trials, end_trials, start_trials
from search.storage.optuna_tables import TRIALS, VERSION, are_known
from search.storage.plans import NextTrial
from search.storage.study_record import StudyRecord
from search.storage.trials_reader import TrialsReader
from tests.search_tests.studies import make_study, trial_queue

DISTRIBUTIONS = {
    "lr": FloatDistribution(0.01, 1.0, log=True),
    "n_restarts": IntDistribution(0, 3),
    "curve": CategoricalDistribution(("cosine", "linear")),
}
PARAMS: dict[str, Any] = {"lr": 0.1234567890123456, "n_restarts": 2, "curve": "linear"}
ATTRIBUTES: dict[str, Any] = {"why": "it may be ± the best", "seed": 3, "runs": [{"step": [1, 2], "x": 0.1}]}
REPORTS = {120: 3.5, 240: math.inf, 360: -math.inf, 480: math.nan, 600: 2.0000000000000004}
ENDS = [
    (TrialState.COMPLETE, 2.5),
    (TrialState.COMPLETE, math.inf),
    (TrialState.PRUNED, None),
    (TrialState.FAIL, None),
]


def study_of(database: Database, name: str) -> tuple[StudyRecord, optuna.Study]:
    record = make_study(database, name=name)
    return record, optuna.load_study(study_name=name, storage=database.rdb)


def by_optuna(database: Database) -> list[FrozenTrial]:
    """Trials whose rows Optuna's own calls have written."""
    _, study = study_of(database, "stock")
    for state, value in ENDS:
        waiting = create_trial(
            state=TrialState.WAITING,
            params=PARAMS,
            distributions=DISTRIBUTIONS,
            user_attrs=ATTRIBUTES,
            system_attrs={"from": "a sampler"},
        )
        study.add_trial(waiting)
        trial = study.ask()
        for step, reported in REPORTS.items():
            trial.report(reported, step)
        trial.set_user_attr("seed", 4)
        trial.set_user_attr("averaged", 0.5)
        study.tell(trial, value, state=state)
    return study.trials


def by_rows(database: Database) -> tuple[StudyRecord, optuna.Study]:
    """The same, written here."""
    record, study = study_of(database, "ours")
    new = NextTrial(
        params=PARAMS,
        distributions=DISTRIBUTIONS,
        user_attrs=ATTRIBUTES,
        system_attrs={"from": "a sampler"},
    )
    numbers = range(len(ENDS))
    with database.engine.begin() as connection:
        assert add_trials(connection, record.study_id, 0, [new] * len(ENDS))
        assert sorted(start_trials(connection, record.study_id, numbers)) == [*numbers]
        add_reports(connection, record.study_id, {number: {120: 3.5} for number in numbers})
        ends = [
            EndedTrial(
                number=number,
                state=state,
                value=value,
                user_attrs={"seed": 4, "averaged": 0.5},
                reports=REPORTS,
            )
            for number, (state, value) in enumerate(ENDS)
        ]
        assert end_trials(connection, record.study_id, ends) == [*numbers]
    return record, study


def plain(trial: FrozenTrial) -> dict[str, Any]:
    """All of a trial but when it was trained and where it lies."""
    return {
        "number": trial.number,
        "state": trial.state,
        "values": trial.values,
        "params": trial.params,
        "distributions": trial.distributions,
        "user_attrs": trial.user_attrs,
        "system_attrs": trial.system_attrs,
        "reports": {step: repr(value) for step, value in trial.intermediate_values.items()},
    }


def test_optuna_reads_what_its_own_calls_would_have_written(database: Database) -> None:
    theirs = [plain(trial) for trial in by_optuna(database)]
    _, study = by_rows(database)
    assert [plain(trial) for trial in study.trials] == theirs


def test_times_are_those_of_the_clock_on_the_wall(database: Database) -> None:
    (theirs, *_), (_, study) = by_optuna(database), by_rows(database)
    for ours in study.trials:
        assert ours.datetime_start is not None
        assert theirs.datetime_start is not None
        assert ours.datetime_complete is not None
        assert abs((ours.datetime_start - theirs.datetime_start).total_seconds()) < 600
        assert ours.datetime_complete >= ours.datetime_start


def test_trials_are_read_as_optuna_gives_them(database: Database) -> None:
    by_optuna(database)
    record, study = by_rows(database)
    reader = TrialsReader(database.engine, record.study_id)
    for _ in range(2):  # read, and remembered
        found = reader.read()
        assert [plain(trial) for trial in found] == [plain(trial) for trial in study.trials]
        assert [t.datetime_start for t in found] == [t.datetime_start for t in study.trials]
        study.enqueue_trial({"lr": 0.5})


def test_the_reader_sees_what_has_changed_since(database: Database) -> None:
    record, study = by_rows(database)
    reader = TrialsReader(database.engine, record.study_id)
    first = study.ask()
    assert [trial.state for trial in reader.read()][-1] == TrialState.RUNNING
    second = study.ask()
    study.tell(second, 1.0)
    first.report(0.5, 1)
    *_, one, other = reader.read()
    assert (one.state, one.intermediate_values) == (TrialState.RUNNING, {1: 0.5})
    assert (other.state, other.value) == (TrialState.COMPLETE, 1.0)
    study.tell(first, 2.0)
    assert reader.read()[-2].value == 2.0


def test_what_is_finished_or_somebody_elses_is_left_alone(database: Database) -> None:
    record, study = by_rows(database)
    with database.engine.begin() as connection:
        again = [EndedTrial(number=n, state=TrialState.COMPLETE, value=9.0) for n in range(4)]
        assert end_trials(connection, record.study_id, again) == []
        add_reports(connection, record.study_id, {0: {700: 1.0}})
        assert start_trials(connection, record.study_id, range(4)) == {}
        new = NextTrial(PARAMS, {}, DISTRIBUTIONS)
        assert not add_trials(connection, record.study_id, 3, [new]), "it has four by now"
    assert [trial.value for trial in study.trials] == [2.5, math.inf, 2.0000000000000004, None]
    assert 700 not in study.trials[0].intermediate_values


def test_tables_of_another_version_are_left_to_optuna(database: Database) -> None:
    assert are_known(database.engine)
    record = make_study(database)
    with database.engine.begin() as connection:
        connection.execute(update(VERSION).values(schema_version=11))
    assert not are_known(database.engine)
    queue = trial_queue(record)
    trial = queue.next()
    assert isinstance(trial, optuna.Trial)
    queue.report(trial, 5, 2.0)
    assert queue.complete(trial, 1.0, {"averaged": 0.5})
    with database.engine.begin() as connection:
        connection.execute(update(VERSION).values(schema_version=12))
    (stored,) = record.load().trials
    assert (stored.value, stored.intermediate_values) == (1.0, {5: 2.0})
    assert stored.user_attrs["averaged"] == 0.5


@pytest.mark.parametrize("n_trials", [1, 1201])
def test_a_study_of_many_trials_is_read_whole(database: Database, n_trials: int) -> None:
    record, study = study_of(database, "many")
    with database.engine.begin() as connection:
        new = NextTrial(params=PARAMS, distributions=DISTRIBUTIONS, user_attrs={"seed": 1})
        assert add_trials(connection, record.study_id, 0, [new] * n_trials)
        connection.execute(update(TRIALS).values(state="FAIL"))
    found = TrialsReader(database.engine, record.study_id).read()
    assert [trial.number for trial in found] == [*range(n_trials)]
    assert plain(found[-1]) == plain(study.trials[-1])
