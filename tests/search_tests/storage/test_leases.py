"""When a lease is dead: its time is over, or its owner was a process of this machine that is gone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from search.processes.identity import boot_id, process_name
from search.storage import leases
from search.storage.database import Database
from search.storage.leases import PLANNING, Lease, Leases, this_owner
from tests.search_tests.storage.conftest import new_file

ELSEWHERE = "another-machine/1|1|0.00"
"""As older versions wrote it, too."""


def lease_of(owner: str, *, expired: bool = False) -> Lease:
    return Lease(number=0, owner=owner, expired=expired, attempts=1)


@pytest.fixture
def mine(database: Database) -> Leases:
    return Leases(database.engine, 1, this_owner())


def test_a_running_process_keeps_its_lease(mine: Leases) -> None:
    mine.take(3, attempts=1)
    assert mine.all()[3] == Lease(number=3, owner=this_owner(), expired=False, attempts=1)
    assert mine.all()[3].live


def test_the_lease_of_a_process_that_ended_is_dead_at_once() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lease = lease_of(process_name(process.pid))
    assert lease.live
    process.kill()
    process.communicate()
    assert not lease.live


def test_the_lease_of_a_process_that_nobody_has_buried_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lease = lease_of(process_name(process.pid))
    process.kill()
    deadline = time.monotonic() + 30
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not lease.live
    process.communicate()


def test_a_process_of_another_machine_is_believed_until_its_time_is_over() -> None:
    assert lease_of(ELSEWHERE).live
    assert not lease_of(ELSEWHERE, expired=True).live


@pytest.mark.parametrize("set_by_seconds", [-7200.0, 7200.0])
def test_a_clock_that_is_set_ends_no_lease_and_keeps_none_alive(
    mine: Leases, monkeypatch: pytest.MonkeyPatch, set_by_seconds: float
) -> None:
    mine.take(0, attempts=1)
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.0)
    mine.take(1, attempts=1)
    told = time.time
    monkeypatch.setattr(time, "time", lambda: told() + set_by_seconds)
    assert [lease.live for _, lease in sorted(mine.all().items())] == [True, False]


def test_of_an_owner_before_the_machine_was_started_again_nothing_but_the_time_of_day_is_known(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, pid, started = this_owner().rsplit("|", 2)
    before = Leases(database.engine, 1, f"{machine.replace(boot_id(), boot_id()[::-1])}|{pid}|{started}")
    before.take(0, attempts=1)
    Leases(database.engine, 1, ELSEWHERE).take(1, attempts=1)
    assert all(lease.live for lease in before.all().values())
    if database.engine.dialect.name == "sqlite":
        told = time.time
        monkeypatch.setattr(time, "time", lambda: told() + 61.0)
        assert not any(lease.live for lease in before.all().values())


def test_the_clock_of_a_file_begins_once_since_the_start_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = new_file(tmp_path)
    Leases(first.engine, 1, this_owner()).take(0, attempts=1)
    told = time.time
    monkeypatch.setattr(time, "time", lambda: told() + 7200.0)
    second = new_file(tmp_path)
    assert Leases(second.engine, 1, this_owner()).all()[0].live
    with second.engine.begin() as connection:
        rows = connection.execute(text("SELECT owner FROM warmboot_leases WHERE study_id = 0")).all()
        (ends_at,) = connection.execute(
            text("SELECT expires_at FROM warmboot_leases WHERE study_id = 1")
        ).one()
    assert [row.owner for row in rows] == [boot_id()]
    assert 0 < ends_at - told() <= leases.LEASE_SECONDS
    for database in (first, second):
        database.close()


def test_a_lease_ends_with_its_time_unless_it_is_renewed(
    mine: Leases, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = Leases(database.engine, 1, f"{this_owner()}0")  # a start that no process of this number has had
    monkeypatch.setattr("search.storage.leases.is_gone", lambda _: False)
    for number in (0, 1):
        mine.take(number, attempts=1)
    theirs.take(2, attempts=1)
    assert all(lease.live for lease in mine.all().values())
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.0)
    mine.renew()
    theirs.renew()
    assert not any(lease.live for lease in mine.all().values())
    monkeypatch.setattr(leases, "LEASE_SECONDS", 60.0)
    mine.renew()
    assert [lease.live for _, lease in sorted(mine.all().items())] == [True, True, False]


def test_a_lease_that_was_given_up_is_dead_and_keeps_its_count(mine: Leases) -> None:
    mine.take(0, attempts=2)
    mine.give_up(0, attempts=1)
    lease = mine.all()[0]
    assert not lease.live
    assert lease.attempts == 1


def test_taking_a_lease_again_replaces_it(mine: Leases, database: Database) -> None:
    Leases(database.engine, 1, ELSEWHERE).take(0, attempts=1)
    mine.take(0, attempts=2)
    assert mine.all() == {0: Lease(number=0, owner=this_owner(), expired=False, attempts=2)}


def test_what_one_does_for_all_is_claimed_once_and_given_back_by_who_has_it(
    mine: Leases, database: Database
) -> None:
    theirs = Leases(database.engine, 1, ELSEWHERE)
    assert theirs.claim(PLANNING, forgiving=False)
    assert not mine.claim(PLANNING, forgiving=False)
    mine.release(PLANNING)
    assert mine.all()[PLANNING].owner == ELSEWHERE
    theirs.give_up(PLANNING, attempts=1)
    assert not mine.claim(PLANNING, forgiving=True), "it could not renew"
    assert mine.claim(PLANNING, forgiving=False)
    assert not mine.claim(PLANNING, forgiving=False)
    mine.release(PLANNING)
    assert mine.all() == {}


def test_studies_do_not_share_leases(mine: Leases, database: Database) -> None:
    other = Leases(database.engine, 2, this_owner())
    mine.take(0, attempts=1)
    other.take(0, attempts=3)
    other.release(0)
    assert mine.all()[0].attempts == 1
    other.take(0, attempts=3)
    mine.forget_all()
    assert mine.all() == {}
    assert other.all()[0].attempts == 3
