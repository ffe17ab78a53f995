"""Exports of small studies made by hand: the right schedule, its evidence, at the user's horizon."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import warmboot
from search.errors import RunError, UsageError
from search.export.export import ANSWER, Choice, export, horizon_from
from search.storage.database import Database
from search.storage.study_attributes import VERDICT
from search.storage.study_record import StudyRecord
from tests.search_tests.leads import TUNED, stored_verdict, without_document
from tests.search_tests.studies import FINGERPRINT, LINEAR, fill, make_study, open_database, trial_queue
from warmboot import Horizon
from warmboot.exporters import EXPORTERS

WARM = {"lr": 0.2, "warmup": 0.1, "n_restarts": 1, "u1": 0.5, "step_scale": 0.8, "curve": "cosine"}
LUCKY = {"lr": 0.3, "warmup": 0.02, "n_restarts": 0, "curve": "cosine"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudyRecord]:
    """Trial 0 is the standard; 1 leads once confirmed; 2 has the best single value; 3 repeats 1."""
    database = open_database(tmp_path_factory.mktemp("export"))
    record = make_study(database)
    keys = fill(record, [(LINEAR, 2.4)], standard="linear")
    keys += fill(record, [(WARM, 2.1), (LUCKY, 2.09), (WARM, 2.2)])
    values = {keys[0]: [2.4, 2.5, 2.4], keys[1]: [2.1, 2.0, 2.1]}
    record.set_attribute("confirmation", {"seeds": 3, "leaders": keys[:2], "values": values})
    yield record
    database.close()


def test_the_best_over_its_seeds_is_exported(made: StudyRecord) -> None:
    done = export(made, format="json", horizon=Horizon(50_000))
    assert done.candidate.trial_numbers == (1, 3)
    assert done.optunas_best == 2, "the lucky one"
    file = warmboot.reads(done.text)
    assert file.horizon == Horizon(50_000)
    assert file.schedule.lr is None, "the proxy's lr is not the user's"
    assert file.schedule.replace(lr=0.2) == done.candidate.schedule


def test_the_file_says_where_it_comes_from(made: StudyRecord) -> None:
    origin = warmboot.reads(export(made, format="json", horizon=None).text).origin
    assert origin["study"] == "small"
    assert origin["trials"] == [1, 3]
    assert origin["proxy"]["name"] == "char_lm_mlp"
    assert origin["proxy"]["fingerprint"] == FINGERPRINT
    assert origin["proxy"]["total_steps"] == 100
    assert origin["proxy"]["peak_lr"] == 0.2
    for name in ("optimizer", "batch_size", "weight_decay", "parameters"):
        assert name in origin["proxy"]
    assert origin["evidence"]["searched"] == [2.1, 2.2]
    assert origin["evidence"]["confirmed"] == [2.1, 2.0, 2.1]
    assert origin["evidence"]["best_standard"]["name"] == "linear"
    assert set(origin["versions"]) == {"python", "warmboot", "torch", "optuna", "numpy"}
    assert len(json.dumps(origin)) < 64_000


def test_a_change_that_was_accepted_is_told_to_who_reads_the_file(made: StudyRecord) -> None:
    assert "accepted_changes" not in warmboot.reads(export(made, format="json", horizon=None).text).origin
    change = {"what": ["train.py has changed"], "results_before": 4, "accepted_on": "2026-01-31"}
    made.set_attribute("changes", [change])
    origin = warmboot.reads(export(made, format="json", horizon=None).text).origin
    assert origin["accepted_changes"] == [change]


def test_a_horizon_in_epochs_is_kept_with_its_epochs(made: StudyRecord) -> None:
    file = warmboot.reads(export(made, format="json", horizon=horizon_from(None, 90, 500)).text)
    assert file.horizon == Horizon(45_000, 90, 500)


@pytest.mark.parametrize("with_lr", [False, True])
def test_all_formats_hold_the_same_schedule(made: StudyRecord, with_lr: bool) -> None:
    def text(format: str) -> str:
        return export(made, format=format, horizon=Horizon(1000), with_lr=with_lr).text

    schedule = warmboot.reads(text("json")).schedule
    assert schedule.lr == (0.2 if with_lr else None)
    expected = schedule.lr_table(1000) if with_lr else schedule.factors(1000)
    np.testing.assert_array_equal([float(x) for x in text("numbers").split()], expected)

    code: dict[str, Callable[[int, int], float]] = {}
    exec(text("torch"), code)
    factors = [code["factor"](step, 1000) for step in range(1000)]
    np.testing.assert_allclose(factors, schedule.factors(1000), rtol=1e-12, atol=1e-300)


def test_the_lr_is_kept_where_it_is_asked_for(made: StudyRecord) -> None:
    file = warmboot.reads(export(made, format="json", horizon=None, with_lr=True).text)
    assert file.schedule.lr == 0.2
    assert file.origin["lr_kept"] is True


@pytest.mark.parametrize(("trial", "numbers"), [(0, (0,)), (1, (1, 3)), (2, (2,)), (3, (1, 3))])
def test_a_trial_may_be_chosen(made: StudyRecord, trial: int, numbers: tuple[int, ...]) -> None:
    assert (
        export(made, format="json", horizon=None, choice=Choice(trial=trial)).candidate.trial_numbers
        == numbers
    )


@pytest.mark.parametrize("trial", [-1, 4, 99])
def test_a_trial_that_is_none_is_wrong_usage(made: StudyRecord, trial: int) -> None:
    with pytest.raises(UsageError, match=f"--trial {trial}: not a complete trial of study 'small'"):
        export(made, format="json", horizon=None, choice=Choice(trial=trial))


@pytest.fixture
def unsure(database: Database) -> StudyRecord:
    """A searched schedule (trial 4) that is hardly better by one run, linear at two peak lrs, cosine."""
    record = make_study(database)
    rows = [(LINEAR, 2.0), (LINEAR, 2.03), (LINEAR, 1.97)]
    fill(record, rows, standard="linear")
    fill(record, [({**LINEAR, "lr": 0.4}, 2.6)], standard="linear")
    fill(record, [(WARM, 1.995)])
    fill(record, [({**LINEAR, "curve": "cosine", "lr": 0.2}, 2.2)], standard="cosine")
    return record


@pytest.mark.parametrize(
    ("choice", "numbers"),
    [
        (ANSWER, (0, 1, 2)),  # nothing has been shown to beat the plain one
        (Choice(leader=True), (4,)),
        (Choice(baseline="linear"), (0, 1, 2)),  # at the better of its two peak lrs
        (Choice(baseline="cosine"), (5,)),
        (Choice(trial=3), (3,)),
    ],
)
def test_the_leader_and_every_baseline_can_be_had_whatever_the_answer_is(
    unsure: StudyRecord, choice: Choice, numbers: tuple[int, ...]
) -> None:
    made = export(unsure, format="json", horizon=None, choice=choice, with_lr=True)
    assert made.candidate.trial_numbers == numbers
    file = warmboot.reads(made.text)
    assert file.schedule == made.candidate.schedule
    assert file.origin["trials"] == list(numbers)
    is_answer = numbers == (0, 1, 2)
    told = file.origin["evidence"]["answer"]
    assert told == ("baseline" if is_answer else "another schedule of the study")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(baseline="rex"), "--baseline rex: not tried in study 'small'; .*cosine"),
        (Choice(baseline="linar"), "--baseline linar: not tried in study 'small'; did you mean linear"),
    ],
)
def test_a_baseline_that_was_not_tried_is_wrong_usage(
    unsure: StudyRecord, choice: Choice, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        export(unsure, format="json", horizon=None, choice=choice)


def test_a_study_of_plain_schedules_has_no_leader_to_export(record: StudyRecord) -> None:
    fill(record, [(LINEAR, 2.2)], standard="linear")
    assert export(record, format="json", horizon=None).candidate.standard == "linear"
    with pytest.raises(UsageError, match="--leader: study 'small' has tried only baselines"):
        export(record, format="json", horizon=None, choice=Choice(leader=True))


@pytest.mark.parametrize(
    "options",
    [
        {"trial": 0, "leader": True},  # 0 is a trial
        {"trial": 3, "baseline": "linear"},
        {"leader": True, "baseline": "linear"},
        {"trial": 3, "leader": True, "baseline": "linear"},
    ],
)
def test_one_schedule_is_exported_at_a_time(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="give one of --trial, --leader and --baseline"):
        Choice(**options)


@pytest.mark.parametrize(
    ("outcome", "answer_is_leader"), [("win", True), ("lose", False), ("equivalent", False)]
)
def test_after_a_verdict_its_outcome_is_exported(
    made: StudyRecord, outcome: str, answer_is_leader: bool
) -> None:
    """After a loss the baseline at the lr that the verdict has tuned, which was never a trial."""
    leader = export(made, format="json", horizon=None, choice=Choice(leader=True)).candidate
    try:
        made.set_attribute(VERDICT, stored_verdict(outcome, leader.key))
        done = export(made, format="json", horizon=None, with_lr=True)
        file = warmboot.reads(done.text)
        assert (done.candidate == leader) is answer_is_leader
        assert file.schedule == (leader.schedule if answer_is_leader else TUNED)
        assert file.schedule.lr == (0.2 if answer_is_leader else TUNED.lr)
        assert file.origin["evidence"]["answer"] == ("leader" if answer_is_leader else "baseline")
        assert file.origin["evidence"]["verdict"]["outcome"] == outcome
        if not answer_is_leader:
            assert file.origin["trials"] == []
            assert file.origin["proxy"]["peak_lr"] == TUNED.lr
            assert file.origin["evidence"]["confirmed"] == [2.0, 2.1, 1.9]
        choice = Choice(baseline="linear")
        tuned = export(made, format="json", horizon=None, choice=choice, with_lr=True)
        assert warmboot.reads(tuned.text).schedule == TUNED, "whatever the outcome"
        choice = Choice(leader=True)
        assert export(made, format="json", horizon=None, choice=choice).candidate == leader
    finally:
        made.set_attribute(VERDICT, None)


def test_after_a_loss_of_ones_own_training_the_tuned_lr_is_written(database: Database) -> None:
    record = make_study(database, proxy={"command": "python train.py"})
    fill(record, [(LINEAR, 2.2)], standard="linear")
    keys = fill(record, [(WARM, 2.0)])
    record.set_attribute(VERDICT, stored_verdict("lose", keys[0]))
    file = warmboot.reads(export(record, format="json", horizon=Horizon(100)).text)
    assert file.schedule == TUNED
    assert file.origin["lr_kept"] is True


def test_after_a_loss_that_was_kept_without_its_document_the_search_has_the_baseline(
    database: Database,
) -> None:
    record = make_study(database)
    fill(record, [(LINEAR, 2.2), ({**LINEAR, "lr": 0.3}, 2.4)], standard="linear")
    keys = fill(record, [(WARM, 1.8)])
    record.set_attribute(VERDICT, without_document(stored_verdict("lose", keys[0])))
    done = export(record, format="json", horizon=None, with_lr=True)
    assert done.candidate.trial_numbers == (0,)
    assert warmboot.reads(done.text).schedule.lr == 0.1


def test_numbers_need_a_horizon(made: StudyRecord) -> None:
    with pytest.raises(UsageError, match="--format numbers: needs --total-steps"):
        export(made, format="numbers", horizon=None)


@pytest.mark.parametrize("horizon", [None, Horizon(1000)])
def test_arguments_of_cawb_need_a_horizon_in_epochs(made: StudyRecord, horizon: Horizon | None) -> None:
    with pytest.raises(UsageError, match="--format cawb: needs --epochs with --steps-per-epoch"):
        export(made, format="cawb", horizon=horizon)


def test_how_far_a_cawb_export_is_off_is_said_and_bounded(made: StudyRecord) -> None:
    far, near = Horizon(500, 5, 100), Horizon(9000, 90, 100)
    deviation = export(made, format="cawb", horizon=near, with_lr=True).deviation
    assert deviation is not None
    assert "mean over all steps: 0.0" in deviation
    assert " in lr), at step" in deviation
    assert export(made, format="json", horizon=near).deviation is None
    assert "table" in str(export(made, format="cawb", horizon=far).deviation), "its restarts do not fit"
    linear = Choice(baseline="linear")
    with pytest.raises(UsageError, match=r"0\.26 of the peak lr beside the schedule.*--max-deviation 0\.26"):
        export(made, format="cawb", horizon=far, choice=linear)
    taken = export(made, format="cawb", horizon=far, choice=linear, max_deviation=0.26)
    assert "mean over all steps: 0.26" in str(taken.deviation)
    with pytest.raises(UsageError, match="--max-deviation is for --format cawb; torch follows"):
        export(made, format="torch", horizon=far, max_deviation=0.26)


def test_every_exporter_is_offered(made: StudyRecord) -> None:
    for format in EXPORTERS:
        text = export(made, format=format, horizon=Horizon(1000, 20, 50)).text
        assert text.endswith("\n")
        if format not in ("json", "numbers"):
            compile(text, format, "exec")
            assert '# "study": "small"' in text


def test_a_format_that_is_none_is_told_the_nearest(made: StudyRecord) -> None:
    with pytest.raises(UsageError, match="--format troch: no such format; did you mean torch"):
        export(made, format="troch", horizon=None)


@pytest.mark.parametrize("format", ["json", "torch", "numbers"])
def test_a_horizon_without_room_is_wrong_usage(made: StudyRecord, format: str) -> None:
    with pytest.raises(UsageError, match="export: "):
        export(made, format=format, horizon=Horizon(1))


def test_other_hyperparameters_are_told_with_the_schedule(database: Database) -> None:
    record = make_study(database, params={"weight_decay": {"low": 0.0, "high": 0.1}})
    fill(record, [({**LINEAR, "weight_decay": 0.02}, 2.2)], standard="linear")
    fill(record, [({**LUCKY, "weight_decay": 0.05}, 2.0)])
    origin = warmboot.reads(export(record, format="json", horizon=None).text).origin
    assert origin["params"] == {"weight_decay": 0.05}
    assert origin["proxy"]["weight_decay"] == 0.05, "what it was trained with, not the proxy's own"
    assert origin["evidence"]["params"] == {"weight_decay": 0.05}
    assert origin["evidence"]["best_standard"]["params"] == {"weight_decay": 0.02}


def test_the_lr_of_the_users_own_training_is_kept(database: Database) -> None:
    record = make_study(database, proxy={"command": "python train.py"})
    fill(record, [(LINEAR, 2.2)], standard="linear")
    file = warmboot.reads(export(record, format="json", horizon=None).text)
    assert file.schedule.lr == 0.1
    assert file.origin["lr_kept"] is True


def test_without_a_completed_trial_it_says_how_many_run_or_failed(database: Database) -> None:
    record = make_study(database)
    queue = trial_queue(record)
    trials = [queue.next() for _ in range(3)]
    assert trials[0] is not None
    queue.fail(trials[0].number, "out of memory")
    with pytest.raises(RunError, match=r"'small' has no completed trial yet \(2 running, 1 failed\)"):
        export(record, format="json", horizon=None)


def test_where_optuna_agrees_nothing_is_said(database: Database) -> None:
    record = make_study(database)
    fill(record, [(LINEAR, 2.2)], standard="linear")
    fill(record, [(LUCKY, 1.2), (LUCKY, 1.3)])
    assert export(record, format="json", horizon=None).optunas_best is None


def test_the_largest_is_the_best_where_the_objective_is_maximized(database: Database) -> None:
    record = make_study(database, direction="maximize", objective="val_accuracy")
    fill(record, [(LINEAR, 0.7), (LINEAR, 0.71)], standard="linear")
    fill(record, [(LUCKY, 0.9), (LUCKY, 0.91)])
    assert export(record, format="json", horizon=None).candidate.trial_numbers == (2, 3)


@pytest.mark.parametrize(
    ("total_steps", "epochs", "steps_per_epoch", "expected"),
    [
        (None, None, None, None),
        (50_000, None, None, Horizon(50_000)),
        (None, 10, 500, Horizon(5000, 10, 500)),
        (1, None, None, Horizon(1)),
    ],
)
def test_a_horizon_is_steps_or_epochs(
    total_steps: int | None, epochs: int | None, steps_per_epoch: int | None, expected: Horizon | None
) -> None:
    assert horizon_from(total_steps, epochs, steps_per_epoch) == expected


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ((0, None, None), ["--total-steps: got 0"]),
        ((-5, None, None), ["--total-steps: got -5"]),
        ((None, 3, None), ["--epochs and --steps-per-epoch go together"]),
        ((None, None, 3), ["--epochs and --steps-per-epoch go together"]),
        ((100, 3, 4), ["give --total-steps, or --epochs with --steps-per-epoch, not both"]),
        ((100, 3, None), ["go together", "not both"]),
        ((0, 0, -1), ["--total-steps: got 0", "--epochs: got 0", "--steps-per-epoch: got -1", "not both"]),
    ],
)
def test_wrong_options_are_all_named_at_once(
    options: tuple[int | None, int | None, int | None], messages: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        horizon_from(*options)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(messages)
    for line, message in zip(lines, messages, strict=True):
        assert message in line
