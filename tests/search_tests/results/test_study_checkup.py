"""`warmboot doctor`: what is wrong with a storage and its studies, and what to do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import typer

from search.cli import doctor
from search.errors import UsageError
from search.processes.identity import process_name
from search.results.study_checkup import check_studies
from search.storage.address import parse_address, sqlite_path
from search.storage.checkup import Finding, check_database
from search.storage.database import Database, open_for_work
from search.storage.leases import LEASE_TABLE, Leases
from tests.search_tests.postgres_server import PostgresServer
from tests.search_tests.studies import LINEAR, fill, make_study, trial_queue


def wrong(database: Database) -> list[Finding]:
    """What a look at it finds wrong."""
    found, again = check_database(database.url)
    if again is not None:
        found += check_studies(again)
        again.close()
    assert all(finding.ok or finding.text for finding in found)
    return [finding for finding in found if not finding.ok]


def test_nothing_is_wrong_with_a_study_in_training(database: Database) -> None:
    record = make_study(database)
    fill(record, [(LINEAR, 1.0)])
    assert trial_queue(record).next() is not None
    assert wrong(database) == []


def test_a_trial_whose_worker_is_gone_is_named_with_what_takes_it_up(database: Database) -> None:
    record = make_study(database)
    trial = trial_queue(record).next()
    assert trial is not None
    Leases(database.engine, record.study_id, f"{process_name(os.getpid())}0").take(trial.number, 1)
    (found,) = wrong(database)
    assert found.about == "small"
    assert found.text == "1 trial of workers that are gone"
    assert "run the same warmboot launch to resume" in found.do


def test_crashes_of_workers_are_told(database: Database) -> None:
    record = make_study(database)
    record.note_crash("worker", "SIGSEGV")
    found = list(check_studies(database))
    assert [(each.ok, each.text.partition(";")[0]) for each in found] == [
        (True, "1 of its workers crashed or hung (SIGSEGV)")
    ]


def test_tables_that_are_missing_are_named_with_the_command_that_makes_them(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {LEASE_TABLE}")
    (found,) = wrong(database)
    assert found.text == "Warmboot's own tables are missing"
    assert found.do.startswith("make them with: warmboot migrate --storage sqlite:////")


def test_a_file_that_is_damaged_is_found(database: Database) -> None:
    fill(make_study(database), [(LINEAR, 1.0)])
    path = sqlite_path(database.url)
    database.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"x" * (size // 2))
    found = wrong(database)
    assert any("damaged" in each.text or "malformed" in each.text for each in found)
    assert any("restore it from a backup" in each.text + each.do for each in found)


def test_a_disk_without_room_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.storage.checkup.LEAST_FREE_BYTES", 2**80)
    (found,) = wrong(database)
    assert found.about == "disk"
    assert "GB are free in" in found.text


def test_a_server_that_can_only_be_read_and_a_clock_that_is_off_are_told(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_for_work(postgres.new_database())
    assert wrong(database) == []
    database.close()
    monkeypatch.setattr("search.storage.checkup.LARGEST_CLOCK_DIFFERENCE_SECONDS", -1.0)
    name = database.url.database
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    rights, clock = wrong(database)
    assert (rights.text, rights.do) == ("the database can only be read", "name the primary server")
    assert "the server's; leases go by the server's" in clock.text


def test_a_server_that_can_not_be_reached_is_told_with_host_and_port() -> None:
    found, database = check_database(parse_address("postgresql://ada@127.0.0.1:1/none"))
    assert database is None
    assert [finding.ok for finding in found] == [False]
    assert "is a server running at 127.0.0.1, port 1?" in found[0].text


def test_the_command_prints_a_line_for_each_and_its_exit_code_tells(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(database)
    address = database.url.render_as_string()
    doctor.command(address)
    assert capsys.readouterr().out.splitlines()[-1] == "all is well."
    with pytest.raises(typer.Exit) as end:
        doctor.command(storage=f"sqlite:///{tmp_path}/none.db", as_json=True)
    assert end.value.exit_code == 1
    found = json.loads(capsys.readouterr().out)
    assert not found[0]["ok"]
    assert "does not exist" in found[0]["text"]
    with pytest.raises(UsageError, match="name two places"):
        doctor.command(address, storage="sqlite:///other.db")
