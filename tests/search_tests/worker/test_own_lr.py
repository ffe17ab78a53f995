"""Before the first trial a study learns its script's own lr: once, however many workers there are."""

from __future__ import annotations

import shlex
import sys
import threading
import time
from pathlib import Path

import pytest

from search.errors import RunError
from search.storage.database import Database
from search.storage.leases import OWN_LR, Leases
from search.storage.patience import LockHeldError, Patience
from search.storage.study_record import StudyRecord
from search.worker.own_lr import learn_own_lr
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.studies import make_study, open_database

SCRIPT = """
import pathlib, sys, time, warmboot
class Optimizer:
    param_groups = [{"lr": 0.25}]
with open(pathlib.Path(__file__).parent / "starts", "a") as starts:
    starts.write(" ".join(sys.argv[1:]) + "\\n")
"""
TELLS = SCRIPT + "time.sleep(0.3)\nwarmboot.attach(Optimizer(), 100)\n"


def auto_study(database: Database, folder: Path, script: str) -> StudyRecord:
    (folder / "train.py").write_text(script)
    command = f"{shlex.quote(sys.executable)} {folder}/train.py {{total_steps}} {{wd}}"
    params = {"wd": {"low": 0.1, "high": 0.2}}
    return make_study(database, proxy={"command": command}, space={}, params=params)


def starts(folder: Path) -> list[str]:
    path = folder / "starts"
    return path.read_text().splitlines() if path.exists() else []


def test_the_lr_is_learnt_once_by_two_workers(database: Database, tmp_path: Path) -> None:
    record = auto_study(database, tmp_path, TELLS)
    other = StudyRecord(open_database(tmp_path), record.name)
    said: list[str] = []
    threads = [
        threading.Thread(target=learn_own_lr, args=(each, threading.Event(), said.append))
        for each in (record, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    other.database.close()
    assert record.attributes["own_lr"] == 0.25
    assert record.spec.space["lr"] == {"low": 2.5e-05, "high": 2500.0, "log": True, "start": 0.25}
    assert said == [
        "starting the script once to learn the lr of its optimizer",
        "the script's own lr is 0.25; the search starts from there",
    ]
    [arguments] = starts(tmp_path)
    total_steps, weight_decay = arguments.split()
    assert total_steps == "100"
    assert 0.1 <= float(weight_decay) <= 0.2
    assert Leases(database.engine, record.study_id, "nobody").all() == {}


def test_a_study_that_knows_it_starts_nothing(database: Database, tmp_path: Path) -> None:
    record = auto_study(database, tmp_path, TELLS)
    record.keep_own_lr(0.5)
    assert learn_own_lr(record, threading.Event(), pytest.fail)
    assert learn_own_lr(make_study(database, name="declared"), threading.Event(), pytest.fail)
    assert starts(tmp_path) == []


def test_one_whose_worker_is_gone_is_taken_over(database: Database, tmp_path: Path) -> None:
    record = auto_study(database, tmp_path, TELLS)
    Leases(database.engine, record.study_id, "another machine|1|0.0").take(OWN_LR, attempts=1)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert not learn_own_lr(record, stop, pytest.fail), "the other is at it"
    Leases(database.engine, record.study_id, "another machine|1|0.0").give_up(OWN_LR, attempts=1)
    assert learn_own_lr(record, threading.Event(), print)
    assert len(starts(tmp_path)) == 1


def test_who_could_not_renew_in_an_outage_goes_on_learning_it(database: Database, tmp_path: Path) -> None:
    record = auto_study(database, tmp_path, TELLS)
    elsewhere = Leases(database.engine, record.study_id, "another machine|1|0.0")
    elsewhere.take(OWN_LR, attempts=1)
    elsewhere.give_up(OWN_LR, attempts=1)  # a long outage
    database.patience = Patience(say=lambda _: None)
    away = iter([LockHeldError("another process keeps the lock")])

    def ask() -> None:
        for error in away:
            raise error

    database.patiently(ask)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert not learn_own_lr(record, stop, pytest.fail), "the other is at it"
    assert starts(tmp_path) == []


def test_after_a_failure_the_next_may_try(database: Database, tmp_path: Path) -> None:
    record = auto_study(database, tmp_path, SCRIPT + "raise SystemExit('no data here')")
    with pytest.raises(RunError, match=r"exit code 1: no data here\."):
        learn_own_lr(record, threading.Event(), print)
    assert record.spec.lr_is_auto
    (tmp_path / "train.py").write_text(TELLS)
    assert learn_own_lr(record, threading.Event(), print)
    assert record.attributes["own_lr"] == 0.25


def test_a_worker_that_is_told_to_end_ends_the_script(database: Database, tmp_path: Path) -> None:
    record = auto_study(database, tmp_path, SCRIPT + "time.sleep(120)")
    stop, began = threading.Event(), time.monotonic()
    thread = threading.Thread(target=lambda: ends.append(learn_own_lr(record, stop, print)))
    ends: list[bool] = []
    thread.start()
    while not starts(tmp_path):
        assert time.monotonic() - began < PATIENCE_SECONDS
        time.sleep(0.05)
    stop.set()
    thread.join(PATIENCE_SECONDS)
    assert ends == [False]
    assert record.spec.lr_is_auto
