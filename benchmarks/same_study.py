"""One study file, a dozen ways to run it: is it the same study, bit for bit?

    python benchmarks/same_study.py [--study char_lm] [--stopped-by median] [--kills 20]

One, two and four processes; SQLite and PostgreSQL; stopped and resumed; killed at random moments, again and
again; two launches at once; a machine that is busy besides. Of each, the hash of its trials, the values of
its confirmation and its answer. With `--stopped-by` one of Optuna's pruners ends its trials early.
Writes `benchmarks/records/same_study.json`, or `same_study_median.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import describe_machine

sys.path.insert(0, str(Path(__file__).parents[1]))
from search.spec.packaged import packaged_studies
from tests.search_tests.postgres_server import running_server

RECORDS = Path(__file__).parent / "records"
LONGEST_SECONDS = 6.0
"""A launch that is to be killed lives no longer than this, and at least until its workers have begun."""
SHORTEST_SECONDS = 2.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="char_lm")
    parser.add_argument("--stopped-by", choices=("median", "percentile", "halving", "hyperband"))
    parser.add_argument("--kills", type=int, default=20)
    arguments = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        file = study_file(arguments.study, arguments.stopped_by, Path(folder))
        for name, way in ways(arguments.kills).items():
            on_postgres = name.endswith("PostgreSQL")
            number = len(rows)
            storage = f"sqlite:///{folder}/{number}.db"
            if on_postgres:
                storage = server.new_database().render_as_string(hide_password=False)
            began = time.perf_counter()
            way(Study(file, storage))
            rows[name] = found(arguments.study, storage) | {"seconds": round(time.perf_counter() - began)}
            print(name, rows[name], file=sys.stderr, flush=True)
    same = {
        json.dumps({k: v for k, v in row.items() if k != "seconds"}, sort_keys=True) for row in rows.values()
    }
    record = {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "ways": len(rows),
        "different_studies": len(same),
        "rows": rows,
    }
    name = "same_study" if arguments.stopped_by is None else f"same_study_{arguments.stopped_by}"
    (RECORDS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


def study_file(name: str, stopped_by: str | None, folder: Path) -> str:
    """What `launch` is given: the packaged study, or a file of it with one of Optuna's pruners."""
    if stopped_by is None:
        return name
    arguments = "percentile = 50.0\n" if stopped_by == "percentile" else ""
    text = packaged_studies()[name].read_text(encoding="utf-8")
    path = folder / f"{name}.toml"
    path.write_text(f'{text}\n[early_stopping]\nname = "{stopped_by}"\n{arguments}', encoding="utf-8")
    return str(path)


class Study:
    """One study in one storage; `file` is its file, or the name of a packaged one."""

    def __init__(self, file: str, storage: str) -> None:
        self._file, self._storage = file, storage

    def begin(self, workers: int = 2) -> subprocess.Popen[bytes]:
        """A launch in a session of its own, so that all of it can be killed."""
        command = [sys.executable, "-m", "search", "launch", self._file, "--storage", self._storage]
        return subprocess.Popen(
            [*command, "--workers", str(workers)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def launch(self, workers: int = 2) -> None:
        """A launch to its end."""
        process = self.begin(workers)
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()

    def end_again_and_again(self, number: int, times: int, *, whole: bool) -> None:
        """Launches that are ended at random moments, and one to the end; `whole`: all processes at once."""
        moments = random.Random(times)
        for _ in range(times):
            process = self.begin(moments.choice((1, 2)))
            time.sleep(moments.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))
            if process.poll() is None:
                (os.killpg if whole else os.kill)(process.pid, number)
            process.communicate()
        self.launch()


def ways(kills: int) -> dict[str, Callable[[Study], None]]:
    """What is compared."""
    return {
        "one process": lambda study: study.launch(1),
        "two processes": lambda study: study.launch(2),
        "four processes": lambda study: study.launch(4),
        "again, two processes": lambda study: study.launch(2),
        "two processes, PostgreSQL": lambda study: study.launch(2),
        "four processes, PostgreSQL": lambda study: study.launch(4),
        "stopped with Ctrl-C three times": lambda s: s.end_again_and_again(signal.SIGINT, 3, whole=False),
        "told to end three times": lambda s: s.end_again_and_again(signal.SIGTERM, 3, whole=False),
        f"killed {kills} times": lambda s: s.end_again_and_again(signal.SIGKILL, kills, whole=True),
        f"killed {kills} times, PostgreSQL": lambda s: s.end_again_and_again(
            signal.SIGKILL, kills, whole=True
        ),
        "two launches at once": _two_at_once,
        "beside a busy machine": _beside_others,
    }


def _two_at_once(study: Study) -> None:
    first, second = study.begin(2), study.begin(1)
    for process in (first, second):
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()


def _beside_others(study: Study) -> None:
    with _busy():
        study.launch(2)


@contextmanager
def _busy() -> Iterator[None]:
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        yield
    finally:
        for process in others:
            process.kill()
            process.wait()


def found(name: str, storage: str) -> dict[str, Any]:
    """What the study has come to."""
    command = [sys.executable, "-m", "search", "status", name, "--storage", storage, "--json"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (status,) = json.loads(text)
    best = status["best"]
    return {
        "hash": status["hash"],
        "trials": sum(status["trials"].values()),
        "schedule": best["schedule"],
        "confirmed": best["confirmed"],
    }


if __name__ == "__main__":
    main()
