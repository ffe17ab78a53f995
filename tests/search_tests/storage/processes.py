"""Worker processes for the tests: they ask and tell, or take a trial and never come back.

They are forked from a server that has imported all they need, so that each starts in milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

from search.runs.schedule_key import schedule_key
from search.storage.address import parse_address
from search.storage.database import open_for_work
from search.storage.planned_trial import RunningTrial
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.studies import standards_plan, trial_queue

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def claim(queue: TrialQueue, record: StudyRecord, trial: RunningTrial) -> int:
    """Sample the trial's schedule and claim its seed, as a worker does."""
    spec = record.spec
    table = spec.parsed_space.sample(trial).lr_table(spec.horizon_steps)
    return queue.claim_seed(trial, schedule_key(table))


def ask_and_tell(address: str, study: str, seed: int, ready: Barrier, answers: Connection) -> None:
    """Work until there is no trial left to begin; answer the numbers of those told."""
    record = StudyRecord(open_for_work(parse_address(address)), study)
    spec = record.spec
    queue = trial_queue(record, standards_plan(spec, spec.n_trials), seed)
    told = []
    ready.wait(PATIENCE_SECONDS)
    while (trial := queue.next()) is not None:
        value = seed + claim(queue, record, trial) / 100
        queue.report(trial, 50, value)
        time.sleep(0.01)  # a training, during which others have their turn
        if queue.complete(trial, value, {}):
            told.append(trial.number)
    answers.send(told)


def ask_once(address: str, studies: list[str], seed: int, ready: Barrier, answers: Connection) -> None:
    """Ask each study once, at the same moment as all others; answer the numbers, None where refused."""
    database = open_for_work(parse_address(address))
    records = [StudyRecord(database, study) for study in studies]
    queues = [trial_queue(record, standards_plan(record.spec, 8), seed) for record in records]
    numbers = []
    for queue in queues:
        ready.wait(PATIENCE_SECONDS)
        trial = queue.next()
        numbers.append(None if trial is None else trial.number)
    ready.wait(PATIENCE_SECONDS)  # or the trials of who ends first are handed out again
    answers.send(numbers)


def take_and_wait(address: str, study: str, answers: Connection) -> None:
    """Begin one trial, answer `(number, params, seed)`, and train for ever."""
    record = StudyRecord(open_for_work(parse_address(address)), study)
    queue = trial_queue(record, seed=os.getpid())
    trial = queue.next()
    assert trial is not None
    seed = claim(queue, record, trial)
    queue.report(trial, 20, 0.5)
    answers.send((trial.number, dict(trial.params), seed))
    while True:
        time.sleep(1.0)


def claim_confirmation(address: str, study: str, answers: Connection) -> None:
    """Claim the confirmation, answer whether it was to be had, and work on it for ever."""
    record = StudyRecord(open_for_work(parse_address(address)), study)
    answers.send(trial_queue(record).claim_confirmation())
    while True:
        time.sleep(1.0)


def hold_the_lock(address: str, study: str, answers: Connection) -> None:
    """Take the database's lock, say so, and never let it go."""
    with StudyRecord(open_for_work(parse_address(address)), study).database.lock():
        answers.send("locked")
        while True:
            time.sleep(1.0)


def open_at_once(address: str, _number: int, ready: Barrier, answers: Connection) -> None:
    """Open a database for work at the same moment as all others."""
    ready.wait(PATIENCE_SECONDS)
    open_for_work(parse_address(address)).close()
    answers.send("opened")


@contextmanager
def running(target: Any, record: StudyRecord) -> Iterator[tuple[Any, int]]:
    """A process that has answered: its answer and its id. It is killed at the end, if not before."""
    ours, theirs = CONTEXT.Pipe(duplex=False)
    address = record.database.url.render_as_string()
    process = CONTEXT.Process(target=target, args=(address, record.name, theirs), daemon=True)
    process.start()
    theirs.close()
    assert process.pid is not None
    try:
        assert ours.poll(PATIENCE_SECONDS), "the process has nothing to say"
        yield ours.recv(), process.pid
    finally:
        process.kill()
        process.join()
        ours.close()


def kill(process_id: int) -> None:
    """`kill -9`, and wait until the system has noticed."""
    os.kill(process_id, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while os.path.exists(f"/proc/{process_id}"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def race(target: Any, where: StudyRecord | str, count: int, *arguments: Any) -> list[Any]:
    """`count` processes at once on one database, given by its address or a study; what each answers."""
    ready = CONTEXT.Barrier(count)
    address = where if isinstance(where, str) else where.database.url.render_as_string()
    pipes = [CONTEXT.Pipe(duplex=False) for _ in range(count)]
    processes = [
        CONTEXT.Process(target=target, args=(address, *arguments, i, ready, theirs), daemon=True)
        for i, (_, theirs) in enumerate(pipes)
    ]
    for process in processes:
        process.start()
    answers = []
    for ours, _ in pipes:
        assert ours.poll(PATIENCE_SECONDS), "a process has nothing to say"
        answers.append(ours.recv())
    for process in processes:
        process.join()
    return answers
