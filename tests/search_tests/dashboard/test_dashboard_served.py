"""The real dashboard behind the guard: over HTTP, as a process, and in a real browser."""

import http.client
import json
import math
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import optuna
import pytest
from optuna.storages import RDBStorage

from search.dashboard import AddressError, DashboardServer, open_server
from search.errors import UsageError
from search.report.board import refresh_board

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from tests.search_tests.browser import screenshots_module
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.studies import LINEAR, fill, make_study, open_database

ROOT = Path(__file__).parents[3]
N_COMPLETE = 6


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RDBStorage]:
    """A study with a trial of every kind that a running search leaves, and an empty one."""
    storage = RDBStorage(f"sqlite:///{tmp_path_factory.mktemp('db')}/study.db")
    study = optuna.create_study(storage=storage, study_name="char_lm")
    for k in range(N_COMPLETE):
        trial = study.ask()
        lr = trial.suggest_float("lr", 0.01, 3.0, log=True)
        trial.suggest_categorical("curve", ["cosine", "linear"])
        trial.report(math.nan if k == 0 else 2.0 + lr, step=100)
        trial.set_user_attr("schedule", "linear to 0, peak lr 0.31")
        trial.set_user_attr("last_value", math.nan)
        study.tell(trial, 2.0 + lr)
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    study.ask().suggest_float("lr", 0.01, 3.0, log=True)
    study.enqueue_trial({"lr": 0.3, "curve": "linear"})
    optuna.create_study(storage=storage, study_name="still empty")
    yield storage
    storage.engine.dispose()


class Log:
    """A layer that writes down each request and the code of its answer."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self.rows: list[tuple[str, str, int]] = []

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: Any, exc_info: Any = None, /) -> Any:
            row = (environ["REQUEST_METHOD"], environ["PATH_INFO"], int(status[:3]))
            self.rows.append(row)
            return start_response(status, headers, exc_info)

        return self._app(environ, start)


@contextmanager
def serving(server: DashboardServer) -> Iterator[DashboardServer]:
    """In a thread, until the end of the block."""
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def server(storage: RDBStorage) -> Iterator[DashboardServer]:
    with serving(open_server(storage, port=0)) as server:
        yield server


def request(
    server: DashboardServer, method: str, path: str, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_the_real_dashboard_answers(server: DashboardServer) -> None:
    code, headers, body = request(server, "GET", "/dashboard")
    assert (code, headers["x-frame-options"]) == (200, "DENY")
    assert b"Optuna Dashboard" in body
    studies = json.loads(request(server, "GET", "/api/studies")[2])["study_summaries"]
    assert [study["study_name"] for study in studies] == ["char_lm", "still empty"]
    assert request(server, "HEAD", "/dashboard")[2] == b""


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/studies/1"),
        ("POST", "/api/studies"),
        ("POST", "/api/studies/1/rename"),
        ("PUT", "/api/studies/1/note"),
        ("POST", "/api/trials/8/tell"),
        ("POST", "/incompatible-rdb-schema"),
    ],
)
def test_nothing_can_be_changed_over_http(
    server: DashboardServer, storage: RDBStorage, method: str, path: str
) -> None:
    before = [(study.study_name, study.system_attrs) for study in storage.get_all_studies()]
    assert request(server, method, path)[0] == 405
    assert before == [(study.study_name, study.system_attrs) for study in storage.get_all_studies()]


def test_a_result_sent_in_pieces_is_looked_at_as_any_other(tmp_path: Path) -> None:
    """The server puts the pieces together before the guard looks at them."""
    storage = RDBStorage(f"sqlite:///{tmp_path}/study.db")
    study = optuna.create_study(storage=storage, study_name="open")
    study.ask()
    with serving(open_server(storage, port=0, allow_edit=True)) as server:
        address = urlsplit(server.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=PATIENCE_SECONDS)
        pieces = iter([b'{"state": "Complete", ', b'"values": [NaN]}'])
        connection.request("POST", "/api/trials/1/tell", body=pieces, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, b"finite numbers" in answer.read()) == (400, True)
        connection.close()
    assert study.get_trials()[0].state == optuna.trial.TrialState.RUNNING
    storage.engine.dispose()


def test_a_rebound_name_reads_nothing(server: DashboardServer) -> None:
    code, _, body = request(server, "GET", "/api/studies", Host="evil.example:8080")
    assert code == 403
    assert b"char_lm" not in body


def test_behind_a_name_of_its_own_it_can_be_edited(tmp_path: Path) -> None:
    storage = RDBStorage(f"sqlite:///{tmp_path}/study.db")
    optuna.create_study(storage=storage, study_name="old")
    with serving(open_server(storage, port=0, allow_edit=True, allow_hosts=["hpo.lab.example"])) as server:
        assert request(server, "GET", "/dashboard", Host="hpo.lab.example")[0] == 200
        assert request(server, "DELETE", "/api/studies/1", Origin="https://hpo.lab.example")[0] == 204
    storage.engine.dispose()


def test_allow_edit_deletes_for_real(tmp_path: Path) -> None:
    storage = RDBStorage(f"sqlite:///{tmp_path}/study.db")
    optuna.create_study(storage=storage, study_name="old")
    with serving(open_server(storage, port=0, allow_edit=True)) as server:
        assert request(server, "DELETE", "/api/studies/1")[0] == 204
    assert storage.get_all_studies() == []
    storage.engine.dispose()


def test_a_taken_port_is_named_with_the_way_out(storage: RDBStorage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=rf"Port {port} .* in use .*--port 0"):
            open_server(storage, port=port)


def test_an_impossible_address_is_named(storage: RDBStorage, tmp_path: Path) -> None:
    with pytest.raises(AddressError, match=r"port must lie in \[0, 65535\] but got 70000"):
        open_server(storage, port=70000)
    password_file = tmp_path / "password"
    password_file.write_text("ada:secret\n")
    password_file.chmod(0o600)
    with pytest.raises(AddressError, match=r"can't listen on 192\.0\.2\.1, port 8080"):
        open_server(storage, host="192.0.2.1", password_file=password_file)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gpu7.example", ""])
def test_a_host_open_to_others_needs_a_password_file(storage: RDBStorage, host: str) -> None:
    with pytest.raises(UsageError, match=r"needs --password-file"):
        open_server(storage, host=host)


def test_an_open_host_with_a_password_file_asks_for_it(storage: RDBStorage, tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    password_file.write_text("ada:secret\n")
    password_file.chmod(0o600)
    with serving(open_server(storage, host="0.0.0.0", port=0, password_file=password_file)) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE_SECONDS)
        connection.request("GET", "/api/studies")
        answer = connection.getresponse()
        assert (answer.status, b"char_lm" in answer.read()) == (401, False)
        connection.close()


def test_a_storage_that_is_no_url_is_refused() -> None:
    with pytest.raises(UsageError, match=r"needs a database URL .* but got 'study\.log'"):
        open_server("study.log")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_its_address_and_ends_cleanly(storage: RDBStorage, number: signal.Signals) -> None:
    program = (
        "from search.dashboard import serve\n"
        f"serve({storage.url!r}, port=0, on_ready=lambda url: print(url, flush=True))\n"
        "print('ended')"
    )
    with subprocess.Popen(
        # as a shell starts what it puts into the background
        ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        try:
            assert process.stdout is not None
            url = urlsplit(process.stdout.readline().decode().strip())
            connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=PATIENCE_SECONDS)
            connection.request("GET", "/api/studies")
            assert connection.getresponse().status == 200
            connection.close()
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()  # leaving the block waits for it
    assert (process.returncode, out, err) == (0, b"ended\n", b"")


def test_every_page_works_read_only_in_a_real_browser(server: DashboardServer) -> None:
    screenshots = screenshots_module()
    server.app = log = Log(server.app)
    with screenshots.open_browser() as browser:
        screenshots.open_study(browser, server.url, "char_lm")
        for landmark in ("char_lm", "Hyperparameter Importance"):
            screenshots.wait_for_text(browser, landmark)
        for page, landmark in [
            ("dashboard/studies/1/trials", f"{N_COMPLETE + 3} Trials"),
            ("dashboard/studies/1/analytics", "Hyperparameter Relationships"),
            ("dashboard/studies/1/note", "Note"),
            ("dashboard/studies/2", "still empty"),
            ("dashboard", "char_lm"),
        ]:
            browser.get(server.url + page)
            screenshots.wait_for_text(browser, landmark)
        assert [row for row in browser.get_log("browser") if row["level"] == "SEVERE"] == []
    assert {method for method, _, _ in log.rows} == {"GET"}
    assert [row for row in log.rows if row[2] >= 400] == []


def test_a_study_of_warmboot_explains_itself_in_a_real_browser(tmp_path: Path) -> None:
    """Its note, its plots, and the note of a trial, through the guard and read-only."""
    screenshots = screenshots_module()
    database = open_database(tmp_path)
    record = make_study(database)
    keys = fill(record, [({**LINEAR, "lr": lr}, 1.0 + lr) for lr in (0.1, 0.3)], standard="linear")
    assert len(keys) == 2
    assert refresh_board(record, print)
    with serving(open_server(database.rdb, port=0)) as server, screenshots.open_browser() as browser:
        paths = screenshots.page_paths(server.url.rstrip("/"), record.name)
        for page, landmarks in [
            ("study", ["Schedules that lead", "Value by peak lr", "What the training has bought", "answer"]),
            ("note", ["Linear: linear to 0, peak lr 0.1.", "└ step 0 ... step 99", "warmboot export small"]),
            ("trial", ["The answer so far.", "Drawn by the sampler."]),
        ]:
            browser.get(paths[page])
            for landmark in landmarks:
                screenshots.wait_for_text(browser, landmark)
        assert [row for row in browser.get_log("browser") if row["level"] == "SEVERE"] == []
    database.close()
