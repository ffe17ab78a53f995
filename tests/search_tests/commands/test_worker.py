"""`warmboot worker`: serves every open study of a storage, SQLite's or PostgreSQL's, until it is stopped."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from optuna.trial import TrialState

from search.launch.engine import LaunchOptions
from search.launch.launch import register
from search.storage.address import parse_address
from search.storage.database import open_for_reading
from search.storage.study_record import find_study
from tests.search_tests.commands import watching
from tests.search_tests.commands.watching import wait_until
from tests.search_tests.commands.workplace import STUDY, Workplace
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.postgres_server import PostgresServer


@dataclass(frozen=True)
class SharedWorkplace(Workplace):
    """A workplace whose database is on a server."""

    address: str

    @property
    def storage(self) -> str:
        return self.address


def states(workplace: Workplace, name: str = "small") -> Counter[TrialState]:
    database = open_for_reading(parse_address(workplace.storage))
    try:
        return Counter(trial.state for trial in find_study(database, name).load().get_trials())
    finally:
        database.close()


def write_study(workplace: Workplace, name: str, proxy: str = "char_lm_mlp", n_trials: int = 4) -> str:
    text = STUDY.format(proxy=proxy, n_trials=n_trials, total_steps=40, leaders=0)
    text = text.replace('"small"', f'"{name}"')
    (workplace.folder / f"{name}.toml").write_text(text)
    return f"{name}.toml"


def register_here(workplace: Workplace, study: str) -> None:
    """What `launch --detach` does, in this process, which has torch at hand."""
    options = LaunchOptions(storage=parse_address(workplace.storage))
    register(str(workplace.folder / study), options).database.close()


def test_two_workers_on_a_server_share_a_study_that_was_only_registered(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    url = postgres.new_database(tables=False)
    workplace = SharedWorkplace(tmp_path, url.render_as_string())
    workplace.write_study(n_trials=16)
    registered = workplace.run("launch", "small.toml", "--detach")
    assert registered.stderr == "small: registered; work on it with: warmboot worker\n"
    assert states(workplace) == {}
    workers = [workplace.begin("worker", "--until-done", "--workers", "1") for _ in range(2)]
    for worker in workers:
        assert "small: started" in workplace.finish(worker).stderr
    assert states(workplace) == {TrialState.COMPLETE: 16}
    assert "done" in workplace.run("status", "small").stdout


def test_a_worker_waits_for_studies_and_hands_back_when_it_is_told_to_end(workplace: Workplace) -> None:
    health = workplace.folder / "health.json"
    worker = workplace.begin("worker", "--workers", "1", "--log-format", "json", "--health-file", str(health))
    wait_until(lambda: "waiting for a study" in worker.said(), worker)
    assert json.loads(health.read_text())["pid"] == worker.process_id
    workplace.write_study(n_trials=500, total_steps=2000)
    register_here(workplace, "small.toml")
    wait_until(lambda: TrialState.RUNNING in watching.states(workplace), worker)
    children = psutil.Process(worker.process_id).children(recursive=True)
    os.kill(worker.process_id, signal.SIGTERM)
    lines = [json.loads(line) for line in workplace.finish(worker, expect=143).stderr.splitlines()]
    assert [line["study"] for line in lines if line["message"].startswith("started")] == ["small"]
    assert not health.exists(), "it is gone with the worker"
    assert states(workplace)[TrialState.RUNNING] == 0
    assert states(workplace)[TrialState.WAITING] > 0
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_SECONDS)
    assert alive == []


def test_open_studies_share_the_machine_and_the_last_gets_all_of_it(workplace: Workplace) -> None:
    for name, n_trials in (("first", 8), ("second", 24)):
        register_here(workplace, write_study(workplace, name, n_trials=n_trials))
    err = workplace.run("worker", "--until-done", "--workers", "2").stderr
    told = [line for line in err.splitlines() if ": " in line]
    assert [line.partition(",")[0] for line in told[:2]] == ["first: started", "second: started"]
    assert "first: nothing is left to do" in told
    assert told[-1] == "second: nothing is left to do"
    assert states(workplace, "first") == {TrialState.COMPLETE: 8}
    assert states(workplace, "second") == {TrialState.COMPLETE: 24}


def test_the_study_of_the_highest_priority_comes_first(workplace: Workplace) -> None:
    for name in ("first", "urgent"):
        register_here(workplace, write_study(workplace, name))
    assert workplace.run("priority", "urgent", "1").stderr == "urgent: priority 1\n"
    err = workplace.run("worker", "--until-done", "--workers", "1").stderr
    assert err.index("urgent: nothing is left to do") < err.index("first: started")


def test_studies_that_may_not_or_can_not_be_trained_do_not_hold_up_the_rest(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = workplace.folder / "mylab.py"
    module.write_text(
        "from search.proxies.char_lm import char_lm_mlp\ndef small(device): return char_lm_mlp()\n"
    )
    monkeypatch.syspath_prepend(str(workplace.folder))
    for name, proxy in (("code", "mylab:small"), ("plain", "char_lm_mlp")):
        register_here(workplace, write_study(workplace, name, proxy))
    err = workplace.run("worker", "--until-done", "--workers", "1").stderr
    assert err.count("code: skipped: its proxy is code, mylab:small; allow it with --allow-import mylab") == 1
    assert states(workplace, "plain") == {TrialState.COMPLETE: 4}
    assert states(workplace, "code") == {}

    module.write_text("def small(device): raise OSError('the data is not here')\n")
    serve = ("worker", "--until-done", "--workers", "1", "--allow-import", "mylab")
    err = workplace.run(*serve, expect=1).stderr
    assert "the factory raised OSError: the data is not here.\ncode: set aside for 30 s." in err
    assert err.endswith("warmboot: failed: code; see above.\n")
