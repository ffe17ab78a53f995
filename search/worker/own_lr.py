"""What a worker does before the first trial of a study that starts from the lr of the user's own script.

One worker at a time starts the script to learn that lr, the others wait for it. Whoever waits takes over
from one that fails or is gone; a study that knows the lr never asks again.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np

from search.messages import Say
from search.runs.seeds import run_seed
from search.scripts.leftovers import end_leftovers
from search.scripts.own_lr_probe import OwnLrProbe
from search.scripts.run_folder import run_folder
from search.scripts.script_run import ScriptRun
from search.scripts.script_trainer import LOOK_SECONDS
from search.spec.proxy import CommandProxy
from search.spec.study import StudySpec
from search.storage.job_claims import claim_job
from search.storage.leases import OWN_LR, RENEW_SECONDS, Leases, this_owner
from search.storage.study_record import StudyRecord
from search.strategy.candidates import UniformTrial
from search.training.trainers import command_launcher, limits_of
from search.worker.training_here import spec_here
from search.worker.trial_runs import report_steps
from warmboot.schedule import WarmbootSchedule

WAIT_SECONDS = 0.5
"""How often a worker looks whether another has learnt the lr."""


def learn_own_lr(record: StudyRecord, stop: threading.Event, say: Say) -> bool:
    """Return once the study knows the lr that it starts from; at once where it does.

    Args:
        record: the study.
        stop: ends the waiting, and a script that was started.
        say: told what is going on, where this worker starts the script.

    Returns:
        False where `stop` was set before the lr was known.

    Raises:
        RunError: the script does not tell its lr; the message says why, with the end of its output.
    """
    leases = Leases(record.database.engine, record.study_id, this_owner())
    while record.spec.lr_is_auto:
        if stop.is_set():
            return False
        if claim_job(record.database, leases, OWN_LR, lambda: record.spec.lr_is_auto):
            try:
                _start_once(record, leases, stop, say)
            finally:
                record.database.patiently(lambda: leases.release(OWN_LR))
        else:
            stop.wait(WAIT_SECONDS)
    return True


def _start_once(record: StudyRecord, leases: Leases, stop: threading.Event, say: Say) -> None:
    say("starting the script once to learn the lr of its optimizer")
    end_leftovers()
    with run_folder() as folder:
        own_lr = _own_lr(record, folder, leases, stop)
    if own_lr is not None:
        record.keep_own_lr(own_lr)
        say(f"the script's own lr is {own_lr:g}; the search starts from there")


def _own_lr(record: StudyRecord, folder: Path, leases: Leases, stop: threading.Event) -> float | None:
    """The lr that the script tells; None where `stop` was set before."""
    spec = spec_here(record)
    assert isinstance(spec.proxy, CommandProxy), "only a command has an lr of its own"
    launcher, limits = command_launcher(spec.proxy), limits_of(spec.proxy)
    renew_at = time.monotonic() + RENEW_SECONDS
    with OwnLrProbe(launcher, _run(spec), folder, objective=spec.objective, limits=limits) as probe:
        while not stop.wait(LOOK_SECONDS):
            own_lr = probe.look()
            if own_lr is not None:
                return own_lr
            if time.monotonic() >= renew_at:
                record.database.patiently(leases.renew)
                renew_at = time.monotonic() + RENEW_SECONDS
    return None


def _run(spec: StudySpec) -> ScriptRun:
    """What a first trial would be, but for its schedule, which is not trained."""
    return ScriptRun(
        key="own lr",
        study=spec.name,
        trial=0,
        schedule=WarmbootSchedule(curve="constant"),
        total_steps=spec.horizon_steps,
        seed=run_seed(spec.seed, 0),
        params=spec.parsed_params.sample(UniformTrial(np.random.default_rng(spec.seed))),
        report_steps=report_steps(spec.horizon_steps),
    )
