"""What a look reads of trials is what Optuna reads of them, in every database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial
from sqlalchemy import update

from search.runs.trial import Trial
from search.runs.trial_attributes import DIVERGED, SCHEDULE_KEY, WHY
from search.storage import trial_glances
from search.storage.database import Database, open_for_reading
from search.storage.optuna_tables import REVISION
from search.storage.study_record import StudyGoneError, StudyRecord, study_names
from search.storage.study_removal import delete_study
from search.storage.trial_glances import LOOKED_AT, GlanceReader
from tests.search_tests.storage.conftest import new_file
from tests.search_tests.storage.test_optuna_rows import by_optuna
from tests.search_tests.studies import make_study, trial_queue


def looked_at(trial: Trial) -> tuple[Any, ...]:
    """All of a trial that a look is promised."""
    attributes = {key: value for key, value in trial.user_attrs.items() if key in LOOKED_AT}
    last = max(trial.intermediate_values, default=None)
    return (
        trial.number,
        trial.state.name,
        trial.state.is_finished(),
        trial.value,
        trial.values,
        dict(trial.params),
        attributes,
        None if trial.state.name == "COMPLETE" else (last, repr(trial.intermediate_values.get(last or 0))),
        trial.datetime_start,
        trial.datetime_complete,
    )


def expected(trials: Sequence[FrozenTrial]) -> list[tuple[Any, ...]]:
    return [looked_at(trial) for trial in trials]


@pytest.mark.parametrize("few", [1, 500])
def test_trials_of_every_state_are_read_as_optuna_reads_them(
    database: Database, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their ids, or, where they are many, all of the study."""
    monkeypatch.setattr(trial_glances, "_FEW", few)
    make_study(database)
    trials = by_optuna(database)
    record = StudyRecord(database, "stock")
    reader = GlanceReader(database.engine, record.study_id)
    glances = reader.read()
    reader.fill_params(glances)
    assert [looked_at(glance) for glance in glances] == expected(trials)


def test_a_second_look_sees_what_has_changed(database: Database) -> None:
    record = make_study(database)
    queue, reader = trial_queue(record), record.reader()
    first, second = queue.next(), queue.next()
    assert first is not None
    assert second is not None
    assert [trial.state.name for trial in reader.trials()] == ["RUNNING", "RUNNING"]
    queue.report(second, 50, 3.0)
    assert queue.complete(second, 2.5, {DIVERGED: "its loss is no number", SCHEDULE_KEY: "k", WHY: "so"})
    queue.report(first, 50, 4.0)
    assert queue.fail(first.number, "of no use")
    third = queue.next()
    assert third is not None
    assert expected(record.load().get_trials()) == [
        looked_at(trial) for trial in reader.with_params(reader.trials())
    ]


def test_a_look_finds_studies_and_their_attributes_without_optuna(database: Database) -> None:
    records = [make_study(database, name=name) for name in ("one", "two")]
    looking = open_for_reading(database.url)
    assert looking.needs_no_optuna
    assert study_names(looking) == study_names(database) == ["one", "two"]
    for record in records:
        assert dict(StudyRecord(looking, record.name).attributes) == dict(record.attributes)
    seen = StudyRecord(looking, "one")
    delete_study(records[0])
    with pytest.raises(StudyGoneError, match="'one' was deleted"):
        _ = seen.attributes
    with pytest.raises(StudyGoneError, match="'one' was deleted"):
        StudyRecord(looking, "one")
    looking.close()


def test_tables_that_are_not_known_are_left_to_optuna(tmp_path: Path) -> None:
    """Which then says that it does not know them either."""
    database = new_file(tmp_path)
    make_study(database)
    looking = open_for_reading(database.url)
    assert looking.needs_no_optuna
    looking.close()
    with database.engine.begin() as connection:
        connection.execute(update(REVISION).values(version_num="v9.9.9.a"))
    with pytest.raises(Exception, match="made by another version of Optuna"):
        open_for_reading(database.url)
    database.close()
