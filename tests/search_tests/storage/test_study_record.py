"""A study in the database: what may change from launch to launch, and what is refused."""

from __future__ import annotations

from typing import Any, Literal

import optuna
import pytest

from search.errors import UsageError
from search.results.status import read_status
from search.spec.budget import Budget
from search.storage.database import Database
from search.storage.study_making import create_or_resume
from search.storage.study_record import PREFIX, StudyRecord, find_study, study_names
from search.storage.study_rows import set_system_attributes
from tests.search_tests.studies import LINEAR, PROXY, SPACE, fill, make_study, study_spec
from warmboot.space import FloatRange


def test_a_study_keeps_its_file(database: Database) -> None:
    spec = study_spec()
    record, created = create_or_resume(database, spec, PROXY)
    assert created is True
    assert record.spec == spec
    assert record.attributes["control"] == {**Budget(n_trials=8).to_control(), "stop": False}


@pytest.mark.parametrize(
    "changes",
    [
        {"n_trials": 20},
        {"n_trials": 2},  # fewer than there are
        {"sampler": {"name": "random"}},
        {"sampler": {"name": "tpe", "n_startup_trials": 3}},
        {"population": {"slots": 2}},
    ],
)
def test_what_does_not_touch_comparability_may_change(record: StudyRecord, changes: dict[str, Any]) -> None:
    again, created = create_or_resume(record.database, study_spec(**changes), PROXY)
    assert created is False
    assert again.spec == study_spec(**changes)
    assert again.attributes["control"]["n_trials"] == changes.get("n_trials", 8)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"total_steps": 200}, "total_steps: the study has 100, the file has 200"),
        ({"objective": "val_error"}, "objective: the study has val_loss, the file has val_error"),
        ({"direction": "maximize"}, "direction: the study has minimize, the file has maximize"),
        ({"seed": 5}, "seed: the study has 0, the file has 5"),
        ({"proxy": "digits_mlp"}, "proxy.name: the study has char_lm_mlp, the file has digits_mlp"),
        (
            {"proxy": {"name": "char_lm_mlp", "hidden": 64}},
            "proxy.hidden: the study has nothing, the file has 64",
        ),
        (
            {"space": {**SPACE, "lr": {"low": 0.01, "high": 2.0, "log": True}}},
            "space.lr.high: the study has 1.0, the file has 2.0",
        ),
        ({"space": {**SPACE, "lr": 0.1}}, "space.lr: the study has {"),  # a range became a number
        ({"space": {**SPACE, "hold": 0.5}}, "space.hold: the study has nothing, the file has 0.5"),
        (
            {"space": {k: v for k, v in SPACE.items() if k != "warmup"}},
            'space.warmup: the study has {"low": 0.0, "high": 0.2}, the file has nothing',
        ),
        (
            {"space": {**SPACE, "curve": ["linear", "cosine"]}},  # Optuna stores the order of choices
            'space.curve: the study has ["cosine", "linear"], the file has ["linear", "cosine"]',
        ),
    ],
)
def test_another_search_under_the_name_is_refused(
    record: StudyRecord, changes: dict[str, Any], difference: str
) -> None:
    before = record.attributes
    with pytest.raises(UsageError, match="study 'small' exists and searches something else") as caught:
        create_or_resume(record.database, study_spec(**changes), PROXY)
    assert difference in str(caught.value)
    assert record.attributes == before, "nothing is stored of what was refused"


def test_all_differences_are_told_at_once_and_nothing_is_offered_that_loses_results(
    database: Database,
) -> None:
    record = make_study(database, name="my problem study")
    other = study_spec(name="my problem study", seed=1, total_steps=200, space={**SPACE, "lr": 0.5})
    with pytest.raises(UsageError) as caught:
        create_or_resume(database, other, {**PROXY, "fingerprint": "e" * 64})
    for place in ("seed: ", "total_steps: ", "space.lr: ", "what it trains has changed"):
        assert f"\n  {place}" in str(caught.value)
    assert "since it has no results, remove it with: warmboot delete 'my problem study' --storage" in str(
        caught.value
    )
    fill(record, [(LINEAR, 1.0)])
    with pytest.raises(UsageError, match=r"Give the file another name\.$"):
        create_or_resume(database, other, PROXY)


def test_resuming_clears_a_stop_and_keeps_the_trials(record: StudyRecord) -> None:
    fill(record, [({"lr": 0.1, "warmup": 0.0, "n_restarts": 0, "curve": "linear"}, 1.0)])
    record.set_control(stop=True)
    again = make_study(record.database)
    assert again.attributes["control"]["stop"] is False
    assert len(again.load().get_trials()) == 1


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_foreign_study_of_the_name_is_refused(
    database: Database, direction: Literal["minimize", "maximize"]
) -> None:
    study = optuna.create_study(study_name="small", storage=database.storage, direction=direction)
    if direction == "minimize":
        study.enqueue_trial({"x": 1.0})
    with pytest.raises(UsageError, match="has a study 'small' that Warmboot did not make"):
        make_study(database)
    assert study.user_attrs == {}


def test_a_launch_killed_while_it_made_the_study_is_gone_on_with(database: Database) -> None:
    optuna.create_study(study_name="small", storage=database.storage, direction="minimize")
    record = make_study(database)
    assert record.spec == study_spec()


def test_every_opening_has_a_number_of_its_own(record: StudyRecord) -> None:
    assert [record.next_worker_index() for _ in range(3)] == [0, 1, 2]


def test_control_is_changed_entry_by_entry(record: StudyRecord) -> None:
    record.set_control(stop=True)
    record.set_control(n_trials=50)
    assert record.attributes["control"] == {
        **Budget(n_trials=8).to_control(),
        "n_trials": 50,
        "stop": True,
    }


def test_an_unknown_study_is_told_with_the_nearest_names(database: Database) -> None:
    with pytest.raises(UsageError, match="no study 'small' in this storage; there are none yet"):
        find_study(database, "small")
    make_study(database, name="char_lm")
    with pytest.raises(UsageError, match=r"no study 'char_ml' in this storage; did you mean char_lm\?"):
        find_study(database, "char_ml")
    assert find_study(database, "char_lm").name == "char_lm"


def test_only_studies_of_warmboot_are_listed(database: Database) -> None:
    make_study(database, name="second")
    make_study(database, name="first")
    optuna.create_study(study_name="foreign", storage=database.storage)
    assert study_names(database) == ["second", "first"]


def test_the_answer_for_the_dashboard_is_kept_when_the_study_goes_on(record: StudyRecord) -> None:
    study = record.load()
    assert study.user_attrs["answer"] == "none yet: the search has not ended"
    record.set_answer("linear to 0")
    make_study(record.database)
    assert record.load().user_attrs["answer"] == "linear to 0"


def test_the_first_own_lr_stays_and_every_reader_gets_it(database: Database) -> None:
    changes: dict[str, Any] = {"proxy": {"command": "python train.py"}, "space": {"lr": "auto"}}
    record = make_study(database, **changes)
    assert record.spec.lr_is_auto
    assert read_status(record, record.reader()).best is None
    for own_lr in (3e-3, 0.5):
        record.keep_own_lr(own_lr)
    expected = FloatRange(low=3e-7, high=30.0, log=True, start=3e-3)
    for spec in (record.spec, read_status(record, record.reader()).spec):
        assert spec.parsed_space.lr == expected
    again = make_study(database, **changes, n_trials=20)
    assert again.spec.parsed_space.lr == expected
    with pytest.raises(UsageError, match=r"space\.lr: the study has auto, the file has 0\.1"):
        make_study(database, **{**changes, "space": {"lr": 0.1}})


def test_the_rounds_of_a_study_hold_for_its_life(database: Database) -> None:
    create_or_resume(database, study_spec(), PROXY)
    create_or_resume(database, study_spec(n_trials=5000), PROXY)
    rounds = StudyRecord(database, "small").attributes.rounds
    assert rounds == study_spec().rounds != study_spec(n_trials=5000).rounds
    assert rounds is not None
    same = study_spec(population={"round": rounds.size, "delay": rounds.delay})
    create_or_resume(database, same, PROXY)
    for population in ({"round": 3}, {"delay": 9}, {"reproducible": False}):
        with pytest.raises(UsageError, match=r"has round = 1 and delay = 1, which hold for its life"):
            create_or_resume(database, study_spec(population=population), PROXY)


def test_the_way_of_a_study_holds_for_its_life(database: Database) -> None:
    way = {"way": "vmap", "slots": 8, "gain": 2.0}
    record, _ = create_or_resume(database, study_spec(), PROXY, way=way)
    assert record.spec.population.way == "vmap"
    again, _ = create_or_resume(database, study_spec(n_trials=20), PROXY, way={"way": "one_by_one"})
    assert again.attributes.way == "vmap"
    create_or_resume(database, study_spec(population={"way": "vmap"}), PROXY)
    with pytest.raises(UsageError, match=r"trains its runs in the way 'vmap', which holds for its life"):
        create_or_resume(database, study_spec(population={"way": "one_by_one"}), PROXY)


def test_a_study_from_before_there_were_ways_goes_on_as_it_did(database: Database) -> None:
    record, _ = create_or_resume(database, study_spec(), PROXY)
    create_or_resume(database, study_spec(), PROXY, way={"way": "vmap"})
    assert record.attributes.way is None
    assert record.spec.population.way == "auto"


def as_an_earlier_version_kept_it(record: StudyRecord) -> optuna.Study:
    """The study with all that is Warmboot's among its user attributes."""
    study = optuna.load_study(study_name=record.name, storage=record.database.rdb)
    kept = {f"{PREFIX}{key}": value for key, value in record.attributes.items()}
    for key, value in kept.items():
        study.set_user_attr(key, value)
    with record.database.engine.begin() as connection:
        set_system_attributes(connection, record.study_id, {}, gone=[*kept])
    return study


def test_what_only_warmboot_reads_is_no_user_attribute(record: StudyRecord) -> None:
    assert {*record.load().user_attrs} == {"answer"}


def test_a_study_of_an_earlier_version_is_read_and_moved_out_of_sight_when_it_is_launched_again(
    database: Database,
) -> None:
    record = make_study(database)
    record.set_control(n_trials=5)
    record.keep_own_lr(0.25)
    before = dict(record.attributes)
    study = as_an_earlier_version_kept_it(record)
    assert study_names(database) == ["small"]
    assert dict(StudyRecord(database, "small").attributes) == before
    record.set_control(stop=True)
    assert record.attributes["control"] == {**before["control"], "stop": True}, "the newer one counts"
    again = make_study(database)
    assert {*study.user_attrs} == {"answer"}
    assert again.attributes.own_lr == 0.25
    assert again.attributes.made == before["made"]
