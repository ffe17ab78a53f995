"""Nothing lost: studies whose workers are killed, paused and left without a database, beside plain Optuna.

    python benchmarks/reliability.py [--kills 300] [--pauses 15] [--crashes 15] [--seed 20] [--no-record]

On SQLite and on PostgreSQL, study after study, until so many SIGKILLs have *hit a running trial*; besides,
workers are paused for longer than a lease, PostgreSQL is crashed and restarted, and is away for 30 s. Of each
study the hash is held against that of an unbroken one. The control is plain Optuna by its book, under the
same loop: heartbeats, a callback that tries stale trials again. A training is a wait of 0.4 s; leases and
heartbeats are shortened to 3 s.
Writes its rows into `benchmarks/records/reliability.json`; exits with 1 where anything of ours was lost.
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from machine import describe_machine
from optuna.trial import TrialState
from reliability_chaos import Body, Crew, Happened, Plan
from reliability_journal import Entry, Journal, Loss, loss, lost, told_twice
from reliability_places import Files, Place, Server, place
from reliability_workers import (
    N_JOBS,
    SAMPLED,
    SEARCHED,
    STUDY,
    import_all,
    our_worker,
    plain_storage,
    plain_worker,
    short_leases,
)
from sqlalchemy.engine import make_url

from search.launch.engine import LaunchOptions
from search.launch.launch import register
from search.results.status import read_status
from search.storage.address import parse_address
from search.storage.database import open_for_reading
from search.storage.study_record import StudyRecord

RECORD = Path(__file__).parent / "records" / "reliability.json"
N_TRIALS, N_SEARCHED = N_JOBS, 40
SEARCHED_EACH = 5
"""One study in so many is of the default search."""
ABSENCE_SECONDS = 30.0
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Found:
    """What one disturbed study has come to."""

    entries: Sequence[Entry]
    happened: Happened
    loss: Loss
    stored: dict[int, float | None]
    """Trial or job -> value, of those that have ended well."""
    running: int
    total: int
    size: int
    """Trials or jobs that were asked for."""
    told_twice: int
    problems: Sequence[str]
    hash: str | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--kills", type=int, default=300, help="that hit a running trial, on each kind of database"
    )
    parser.add_argument("--pauses", type=int, default=15)
    parser.add_argument("--crashes", type=int, default=15, help="of PostgreSQL")
    parser.add_argument("--absences", type=int, default=1, help="of PostgreSQL, 30 s each")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=25.0, help="for each kind of database, at most")
    parser.add_argument(
        "--backends", nargs="*", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"]
    )
    parser.add_argument("--no-control", action="store_true")
    parser.add_argument("--no-record", action="store_true")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr)
    short_leases()
    import_all()
    rows: dict[str, dict[str, Any]] = {}
    for backend in arguments.backends:
        with place(backend) as where:
            rows[f"warmboot, {backend}"] = disturbed("ours", where, arguments)
            if not arguments.no_control:
                rows[f"plain Optuna, {backend}"] = disturbed("plain", where, arguments)
    before = json.loads(RECORD.read_text(encoding="utf-8"))["rows"] if RECORD.exists() else {}
    record = {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "seed": arguments.seed,
        "trials_of_a_study": {"sampled": N_TRIALS, "searched": N_SEARCHED},
        "rows": {**before, **rows},
    }
    print(json.dumps(record, indent=1))
    if not arguments.no_record:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    failed = [name for name, row in rows.items() if name.startswith("warmboot") and not row["nothing lost"]]
    sys.exit(f"not whole: {', '.join(failed)}" if failed else 0)


def disturbed(whose: str, where: Files | Server, arguments: argparse.Namespace) -> dict[str, Any]:
    """Studies on one kind of database until enough has happened to them; a row of the record."""
    server = where if isinstance(where, Server) else None
    found, began = list[Found](), time.monotonic()
    crashes, absences = (arguments.crashes, arguments.absences) if server is not None else (0, 0)
    plan = Plan(
        kills=10 * arguments.kills,  # ended by how many have hit
        pauses=arguments.pauses,
        crashes=crashes,
        absences_seconds=[ABSENCE_SECONDS] * absences,
        moments=random.Random(arguments.seed),
    )
    share = 0.65 if whose == "ours" else 0.35
    while True:
        seed = len(found)
        study = our_study(where, server, plan, seed) if whose == "ours" else plain_study(where, server, plan)
        found.append(study)
        row = summary(found)
        print(whose, where.name, json.dumps(row), file=sys.stderr, flush=True)
        late = time.monotonic() - began > 60.0 * arguments.minutes * share
        if row["kills that hit a running trial"] >= arguments.kills:
            plan.kills = 0
        if late or plan.is_over:
            break
    return row | {"seconds": round(time.monotonic() - began), "seed": arguments.seed}


def our_study(where: Place, server: Server | None, plan: Plan, seed: int) -> Found:
    """One of ours, disturbed; its hash is held against an unbroken one."""
    crew, address, entries = _crew_of(our_worker, made(where.new(), seed), plan, server)
    database = open_for_reading(parse_address(address))
    record = StudyRecord(database, "reliability")
    trials = record.load().get_trials(deepcopy=False)
    database.close()
    return Found(
        entries=entries,
        happened=crew.happened,
        loss=loss(entries, crew.happened.kills),
        stored={t.number: t.value for t in trials if t.state in ENDED[:2]},
        running=sum(t.state == TrialState.RUNNING for t in trials),
        total=len(trials),
        size=size_of(seed),
        told_twice=told_twice(entries),
        problems=where.problems(address),
        hash="equal" if _hash_of(address) == unbroken(seed) else "another",
    )


@functools.cache
def unbroken(seed: int) -> str:
    """The hash of a study that nothing happens to, on SQLite whatever the disturbed one is on."""
    with place(Files.name) as where:
        _, address, _ = _crew_of(our_worker, made(where.new(), seed), quiet(), None)
        found = _hash_of(address)
    assert found is not None, "an unbroken study is done"
    return found


def plain_study(where: Place, server: Server | None, plan: Plan) -> Found:
    """Plain Optuna's, disturbed; a job is a trial that was enqueued."""
    address = where.new()
    study = optuna.create_study(study_name="plain", storage=plain_storage(address))
    for job in range(N_TRIALS):
        study.enqueue_trial({"job": job})
    crew, address, entries = _crew_of(plain_worker, address, plan, server)
    trials = optuna.load_study(study_name="plain", storage=plain_storage(address)).get_trials(deepcopy=False)
    done = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    jobs = [trial.params["job"] for trial in done]
    return Found(
        entries=entries,
        happened=crew.happened,
        loss=loss(entries, crew.happened.kills),
        stored={trial.params["job"]: trial.value for trial in done},
        running=sum(t.state == TrialState.RUNNING for t in trials),
        total=N_TRIALS,  # each job is a trial, and each try again another
        size=N_TRIALS,
        told_twice=len(jobs) - len(set(jobs)),
        problems=where.problems(address),
    )


def made(address: str, seed: int) -> str:
    """A study of ours at an address."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "reliability.toml")
        rest = SEARCHED if is_searched(seed) else SAMPLED
        file.write_text(STUDY.format(n_trials=size_of(seed), seed=seed, rest=rest), encoding="utf-8")
        register(str(file), LaunchOptions(storage=parse_address(address)))
    return address


def is_searched(seed: int) -> bool:
    """Whether it is a study of the default search."""
    return seed % SEARCHED_EACH == SEARCHED_EACH - 1


def size_of(seed: int) -> int:
    """Trials of a study of ours."""
    return N_SEARCHED if is_searched(seed) else N_TRIALS


def quiet() -> Plan:
    """Nothing happens."""
    return Plan(kills=0, pauses=0, crashes=0, absences_seconds=[], moments=random.Random(0))


def _crew_of(
    body: Body, address: str, plan: Plan, server: Server | None
) -> tuple[Crew, str, Sequence[Entry]]:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder, "journal"))
        crew = Crew(body, address, journal, plan, server)
        crew.work()
        return crew, address, journal.entries()


def _hash_of(address: str) -> str | None:
    database = open_for_reading(make_url(address) if address.startswith("sqlite") else parse_address(address))
    record = StudyRecord(database, "reliability")
    status = read_status(record, record.reader())
    database.close()
    return status.hash if status.done else None


def summary(found: Sequence[Found]) -> dict[str, Any]:
    """What all studies of a row have come to."""
    hits = sum(each.loss.hits for each in found)
    recoveries = [seconds for each in found for seconds in each.loss.recovery_seconds]
    absences = list(_back_to_work(found))
    losses = {
        "acknowledged results lost": sum(lost(each.entries, each.stored) for each in found),
        "never completed": sum(each.size - len(each.stored) for each in found),
        "completed twice": sum(each.told_twice for each in found),
        "running at the end": sum(each.running for each in found),
        "totals that are wrong": sum(each.total != each.size for each in found),
        "hashes that differ": sum(each.hash == "another" for each in found),
        "workers that ended by themselves": sum(len(each.happened.died) for each in found),
        "checks of the database failed": sum(len(each.problems) for each in found),
    }
    bound = round(3 / hits, 4) if hits else None
    away = [absence for each in found for absence in each.happened.absences]
    redone, trained = (sum(seconds) for seconds in zip(*map(_seconds, found), strict=True))
    return {
        "studies": len(found),
        "kills that hit a running trial": hits,
        "kills": sum(len(each.happened.kills) for each in found),
        "pauses longer than a lease": sum(each.happened.pauses for each in found),
        "crashes of the database": sum(each.happened.crashes for each in found),
        "seconds that it was away": [round(end - begin, 1) for begin, end in away],
        **losses,
        "nothing lost": not any(losses.values()),
        "bound of the rate of losses a kill, 3/n": bound if not any(losses.values()) else None,
        "share of work redone": round(redone / trained, 3) if trained else 0.0,
        "seconds until a hit trial trains again": _spread(recoveries),
        "seconds from its return to the first result": _spread(absences),
        "why workers ended": sorted({text for each in found for text in each.happened.died})[:5],
    }


def _seconds(found: Found) -> tuple[float, float]:
    return found.loss.redone_seconds, found.loss.trained_seconds


def _back_to_work(found: Sequence[Found]) -> Iterator[float]:
    for each in found:
        for _, end in each.happened.absences:
            after = [entry.at - end for entry in each.entries if entry.what == "told" and entry.at >= end]
            yield from after[:1]


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {"median": round(statistics.median(seconds), 2), "most": round(max(seconds), 2)}


if __name__ == "__main__":
    main()
