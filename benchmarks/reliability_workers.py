"""The workers of `reliability.py`, ours and plain Optuna's, as bodies of forked processes.

Both train nothing: a training is a wait, cut into pieces, after which there is a number. So what is measured
is what becomes of trials and not how fast this machine trains. Both note in the journal what begins and what
was acknowledged.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import random
import sys
import time
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import optuna
from alembic.script import ScriptDirectory
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState
from reliability_journal import Journal

import search
from search.population import Measurement, Population
from search.report.board import BoardKeeper
from search.storage import database, leases
from search.storage.told_trials import ToldTrials
from search.worker import storage_thread
from search.worker.jobs import TrialJob
from search.worker.process import WorkerTask, run_worker

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.search_tests.migrations import reading_once

LEASE_SECONDS = 3.0
"""Of ours, and the grace of Optuna's heartbeat, in place of a minute: a pause has to be longer than that."""
N_JOBS, MOST_JOBS = 200, 10**9
PIECES, PIECE_SECONDS = 5, 0.08
"""A training."""
STUDY = f"""
name = "reliability"
proxy = "noisy_quadratic"
total_steps = {40 * PIECES}
n_trials = {{n_trials}}
seed = {{seed}}

[space]
lr = {{{{ low = 1e-2, high = 3.0, log = true }}}}
warmup = {{{{ low = 0.0, high = 0.2 }}}}
n_restarts = {{{{ low = 0, high = 3 }}}}
step_scale = {{{{ low = 0.4, high = 1.0 }}}}
curve = ["cosine", "linear"]

[population]
slots = 4

[early_stopping]
plateau = false

{{rest}}
"""
SAMPLED = '[sampler]\nname = "random"\n\n[confirmation]\nleaders = 0'
"""Proposals that cost nothing; each fifth study is one of the default search, with model and confirmation."""
SEARCHED = "[confirmation]\nleaders = 2"


def our_worker(address: str, journal: Journal, connection: Connection) -> None:
    """The product's worker process, as a launch starts it; tells how it ended."""
    short_leases()
    _draw_nothing()
    _train_slowly()
    _note_what_begins(journal)
    _note_what_is_told(journal)
    run_worker(WorkerTask(address, "reliability", "cpu"), connection)


def short_leases() -> None:
    """Leases of this process, and of those it forks, that lapse within seconds."""
    leases.LEASE_SECONDS = LEASE_SECONDS
    for module in (leases, storage_thread, database):
        module.RENEW_SECONDS = LEASE_SECONDS / 4  # type: ignore[attr-defined]


def import_all() -> None:
    """Import what workers need, so that those that are forked have it, and start at once."""
    for module in pkgutil.walk_packages(search.__path__, "search."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("alembic.command", "scipy.optimize", "sqlalchemy.dialects.sqlite", "torch"):
        importlib.import_module(name)
    ScriptDirectory.from_config = reading_once()  # type: ignore[method-assign, assignment]
    gc.collect()
    gc.freeze()


def _train_slowly() -> None:
    """Take as long as a training, without using the processor."""
    advance = Population.advance

    def slowly(self: Population, max_steps: int | None = None) -> list[Measurement]:
        time.sleep(PIECE_SECONDS)
        return advance(self, max_steps)

    Population.advance = slowly  # type: ignore[method-assign]


def _draw_nothing() -> None:
    """Leave out what only the dashboard shows, which takes longer than these trainings."""
    for name in ("look", "refresh", "last_look"):
        setattr(BoardKeeper, name, lambda _self: None)


def _note_what_begins(journal: Journal) -> None:
    began = TrialJob.began

    def noted(self: TrialJob, untrained: Any) -> None:
        journal.note("begun", self.trial.number)
        began(self, untrained)

    TrialJob.began = noted  # type: ignore[method-assign]


def _note_what_is_told(journal: Journal) -> None:
    flush = ToldTrials.flush

    def noted(self: ToldTrials, *, reports_wait: bool = False) -> list[int]:
        values = {trial.number: trial.value for trial in self._ends if trial.state != TrialState.FAIL}
        told = flush(self, reports_wait=reports_wait)
        for number in told:
            if number in values:
                journal.note("told", number, values[number])
        return told

    ToldTrials.flush = noted  # type: ignore[method-assign]


def plain_worker(address: str, journal: Journal, connection: Connection) -> None:
    """Optuna by its book: heartbeats, and what is stale is tried again."""
    storage = plain_storage(address)
    study = optuna.load_study(
        study_name="plain", storage=storage, sampler=optuna.samplers.RandomSampler(seed=os.getpid())
    )

    def objective(trial: optuna.Trial) -> float:
        job = trial.suggest_int("job", 0, MOST_JOBS)
        if job >= N_JOBS:  # the last that waited was taken by another meanwhile, and this one is made up
            raise optuna.TrialPruned
        journal.note("begun", job)
        for piece in range(PIECES):
            time.sleep(PIECE_SECONDS)
            if piece % 2:
                trial.report(float(piece), piece)
        return float(job)

    def tell(study: optuna.Study, trial: FrozenTrial) -> None:
        if trial.state == TrialState.COMPLETE:
            journal.note("told", trial.params["job"], trial.value)
        if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            study.stop()

    try:
        while True:
            if study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                study.optimize(objective, callbacks=[tell])
            elif study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                optuna.storages.fail_stale_trials(study)
                time.sleep(0.2)
                if _nobody_beats(study, storage):
                    break
            else:
                break
    except BaseException as error:
        connection.send(
            {"kind": "end", "outcome": "failed", "message": f"{type(error).__name__}: {error}"[:200]}
        )
        sys.exit(1)
    connection.send({"kind": "end", "outcome": "done"})


def _nobody_beats(study: optuna.Study, storage: RDBStorage) -> bool:
    """Whether all that runs has been left by its worker, and is not taken up any more: nothing changes for
    three times the grace."""
    before = {t.number for t in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}
    time.sleep(random.uniform(1.0, 1.2) * 3 * LEASE_SECONDS)
    optuna.storages.fail_stale_trials(study)
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    after = {t.number for t in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}
    return not waiting and before == after


def plain_storage(address: str) -> RDBStorage:
    """Optuna's, with its heartbeat and its callback for trials that are stale."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    address = address.replace("postgresql://", "postgresql+psycopg://")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RDBStorage(
            address,
            heartbeat_interval=1,
            grace_period=int(LEASE_SECONDS),
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
            engine_kwargs={"connect_args": {"timeout": 60}} if address.startswith("sqlite") else None,
        )
