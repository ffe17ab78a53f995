"""A worker process from start to end: open the study, check the proxy, run the two threads."""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url
from threadpoolctl import threadpool_limits

from search.early_stopping.pruners import build_pruner
from search.errors import RunError, UsageError
from search.processes.ending_signals import ending_signals, held_back
from search.runs import seeds
from search.runs.events import Event
from search.scripts.command_look import look_problems
from search.scripts.worker_number import VARIABLE, worker_number
from search.spec.handed import HandedOver
from search.spec.permission import Named, Permission, option_for, permitted
from search.spec.proxy import CommandProxy, ProxySpec
from search.spec.study import StudySpec
from search.storage.database import open_for_work
from search.storage.leases import this_owner
from search.storage.patience import HOLDING_SECONDS, Patience
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import MAX_ATTEMPTS, TrialQueue
from search.strategy.optuna_samplers import build_sampler
from search.training.pulse import Pulse
from search.training.study_checkpoints import checkpoints_of, kept_trials_of
from search.training.trainers import make_trainer, slots_for
from search.worker.own_lr import learn_own_lr
from search.worker.planner import make_plan
from search.worker.run_files import RunFiles
from search.worker.storage_thread import StorageLoop
from search.worker.telling import listen, notify, send, tell_outage, tell_pulse
from search.worker.training_here import check_made_of, spec_here
from search.worker.two_threads import StorageThread, train
from warmboot.extras import extra_of, missing_text

# Python hands the interpreter to a waiting thread this often. With the default of 5 ms the training thread,
# which needs it every few microseconds for a moment, would wait for the storage thread most of the time.
SWITCH_INTERVAL_SECONDS = 2e-4


@dataclass(frozen=True)
class WorkerTask:
    """What a worker is told; the address may hold a password, so it travels by pipe, not by command line."""

    storage_address: str
    study_name: str
    device: str
    visible_gpus: str | None = None
    """CUDA_VISIBLE_DEVICES of the worker and all it starts; None leaves it as it is."""
    permission: Permission | None = None
    """What its proxy may run; None: anything, as for a study whose file a person has named."""
    patience_seconds: float = HOLDING_SECONDS
    """How long it waits for a storage that is away; trainings go on meanwhile."""
    handed: HandedOver | None = None
    """The study's function, where a Python session has handed it over."""
    elsewhere: bool = False
    """Whether it may be on another machine than its launch, which has not looked at its command there."""
    shipped: bool = False
    """Whether the folder of its code was sent along, and it starts in the copy."""


@contextlib.contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """A worker that is started inside is deaf to Ctrl-C until `run_worker` says what it means there: its
    imports take seconds, and a traceback of each would tear the screen."""
    resource_tracker.ensure_running()  # its start, with the first worker's, would let Ctrl-C through again
    with held_back({signal.SIGINT}):
        yield


def run_worker(task: WorkerTask, connection: Connection) -> None:
    """Work on a study until it is done; the entry point of the process.

    The last message sent is `{"kind": "end", "outcome": ...}`, with `message` and `traceback` where it
    failed. When the other end of the connection says "stop" or is gone, the worker hands its trials back
    and ends; told "finish", it ends when its trials have.
    """
    # Ctrl-C reaches the whole group of processes; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    stop, finish = threading.Event(), threading.Event()
    for number in ending_signals():
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=listen, args=(connection, stop, finish), daemon=True).start()
    send(connection, {"kind": "begins", "owner": this_owner()})
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    if task.visible_gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = task.visible_gpus  # read when CUDA is first used
    os.environ[VARIABLE] = str(worker_number())
    threadpool_limits(1)  # the model of the search: the cores are for training, and its bits stay the same
    end: dict[str, Any] = {"kind": "end"}
    try:
        end["outcome"] = _work(task, connection, stop, finish)
    except (UsageError, RunError) as error:
        end |= {"outcome": "failed", "message": str(error), "traceback": traceback.format_exc()}
    except Exception as error:
        message = f"a worker failed with {type(error).__name__}: {error}"
        if isinstance(error, ImportError) and extra_of(error) is not None:
            message = missing_text(error, "a worker")
        end |= {"outcome": "failed", "message": message, "traceback": traceback.format_exc()}
    send(connection, end)


def _work(task: WorkerTask, connection: Connection, stop: threading.Event, finish: threading.Event) -> str:
    patience = Patience(task.patience_seconds, functools.partial(tell_outage, connection), stop)
    database = open_for_work(make_url(task.storage_address), patience)
    try:
        return _work_on(StudyRecord(database, task.study_name), task, connection, stop, finish)
    finally:
        database.close()


def _work_on(
    record: StudyRecord,
    task: WorkerTask,
    connection: Connection,
    stop: threading.Event,
    finish: threading.Event,
) -> str:
    spec, tell = spec_here(record, shipped=task.shipped), functools.partial(notify, connection)
    if task.permission is not None:
        task.permission.require(spec.proxy)  # of what is run now, whatever it was when it was chosen
    if task.permission is not None or task.elsewhere:
        _look(spec.proxy)
    with _tracked(spec, task, tell) as (ready, events):
        return _work_with(record, spec, task, ready, events, stop, finish, tell, _pulse(connection, stop))


def _work_with(
    record: StudyRecord,
    spec: StudySpec,
    task: WorkerTask,
    ready: queue.SimpleQueue[Any],
    events: queue.SimpleQueue[Event],
    stop: threading.Event,
    finish: threading.Event,
    tell: Callable[[dict[str, Any]], None],
    pulse: Pulse,
) -> str:
    device, handed, checkpoints = task.device, task.handed, checkpoints_of(record)
    trainer, made_of = make_trainer(
        spec,
        device=device,
        ready=ready,
        events=events,
        stop=stop,
        handed=handed,
        checkpoints=checkpoints,
        pulse=pulse,
    )
    check_made_of(record, made_of)
    if not learn_own_lr(record, stop, lambda text: tell({"kind": "note", "text": text})):
        return "handed back"
    trials = _trial_queue(record)
    record.database.patience.meanwhile = trials.renew
    over = threading.Event()
    loop = StorageLoop(
        record,
        trials,
        slots=slots_for(spec, device),
        ready=ready,
        events=events,
        stop=stop,
        finish=finish,
        notify=tell,
        files=RunFiles(checkpoints, kept_trials_of(record)),
        training_over=over,
    )
    return train(trainer, StorageThread(loop, stop, ready), stop, over)


def _pulse(connection: Connection, stop: threading.Event) -> Pulse:
    """What the training thread moves, and another tells the parent."""
    pulse = Pulse()
    threading.Thread(target=tell_pulse, args=(connection, pulse, stop), name="pulse", daemon=True).start()
    return pulse


@contextlib.contextmanager
def _tracked(
    spec: StudySpec, task: WorkerTask, tell: Callable[[dict[str, Any]], None]
) -> Iterator[tuple[queue.SimpleQueue[Any], queue.SimpleQueue[Any]]]:
    """The queues to and from the trainer; what passes goes to the study's trackers too."""

    def say(text: str) -> None:
        tell({"kind": "note", "text": text})

    names = list(spec.report.to)
    if task.permission is not None:
        for name in spec.report.functions:
            if not permitted(Named(name), task.permission.imports):
                names.remove(name)
                say(f"report.to: {name} is code and not called here; allow it with {option_for(Named(name))}")
    if not names:
        yield queue.SimpleQueue(), queue.SimpleQueue()
        return
    from search.trackers.sending import Sending, Tapped

    sending = Sending(spec.name, names, Path(spec.report.folder), say)
    try:
        yield Tapped(sending), Tapped(sending)
    finally:
        sending.close()


def _look(proxy: ProxySpec) -> None:
    """Refuse a command that can't run here; a launch has looked before it made the study."""
    problems = look_problems(proxy.command, proxy.folder) if isinstance(proxy, CommandProxy) else []
    if problems:
        raise UsageError(f"proxy.command: {problems[0]}.")


def _trial_queue(record: StudyRecord) -> TrialQueue:
    spec = record.spec
    sampler_seed = seeds.sampler_seed(spec.seed, record.next_worker_index())
    sampler, pruner = build_sampler(spec.sampler, sampler_seed), build_pruner(spec.early_stopping)
    return TrialQueue(record, sampler, make_plan(record), pruner, most_attempts=most_attempts(spec))


def most_attempts(spec: StudySpec) -> int:
    """How often a trial is begun before it is given up. A script may be what ends its worker; runs that train
    together share the fate of their process, which says nothing of any of them."""
    return MAX_ATTEMPTS * (10 if spec.proxy_kind == "declared" else 1)
