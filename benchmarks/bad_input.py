"""What becomes of wrong input: every kind of file, name and value that somebody may hand over by mistake.

    python benchmarks/bad_input.py [--only "study file"]

Each input goes to the real command in a fresh folder. It counts as told where the exit code is that of a
mistake (2) or of a failed run (1), no traceback is shown, the message has the words that name what is wrong,
and no study was stored by a mistake. Inputs stand in `bad_study_files.py` and `bad_commands.py`. Writes
`benchmarks/records/bad_input.json`: a row for each input with what it got.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import describe_machine

sys.path.insert(0, str(Path(__file__).parents[1]))
from bad_commands import COMMANDS, EXPORTS, SCHEDULES, SCRIPTS, Typed
from bad_study_files import CHANGES, FILES, STUDY

from tests.search_tests.commands.workplace import Workplace

RECORD = Path(__file__).parent / "records" / "bad_input.json"
OWN_STUDY = """name = "mine"
proxy = { command = "python train.py", time_limit = "20s" }
total_steps = 100
n_trials = 2
objective = "val_loss"
[space]
lr = 0.1
"""


@dataclass(frozen=True)
class Case:
    """One input: how it is handed over, and what is to be told."""

    family: str
    name: str
    hand_over: Callable[[Workplace], subprocess.CompletedProcess[str]]
    exit_code: int
    says: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="one family of inputs; writes no record")
    arguments = parser.parse_args()
    rows = [judged(case) for case in cases() if arguments.only in (None, case.family)]
    wrong = [row for row in rows if not row["told"]]
    record = {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "inputs": len(rows),
        "told": len(rows) - len(wrong),
        "by family": dict(Counter(row["family"] for row in rows)),
        "rows": rows,
    }
    if arguments.only is None:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(wrong, indent=1))
    print(f"{record['told']} of {record['inputs']} told")


def cases() -> Iterator[Case]:
    changed = {name: (change(STUDY), says) for name, (change, says) in CHANGES.items()}
    for name, (content, says) in [*changed.items(), *FILES.items()]:
        launched = _with_files({"mine.toml": content}, "launch", "mine.toml")
        yield Case("study file", name, launched, 2, says)
    for name, (document, says) in SCHEDULES.items():
        previewed = _with_files({"mine.json": document}, "preview", "mine.json")
        yield Case("schedule file", name, previewed, 2, says)
    for typed in COMMANDS:
        yield Case("command line", " ".join(typed.words), _type(typed), typed.exit_code, typed.says)
    for typed in EXPORTS:
        yield Case(
            "a finished study", " ".join(typed.words), _type(typed, done=True), typed.exit_code, typed.says
        )
    for name, (script, says) in SCRIPTS.items():
        files = {"train.py": script, "mine.toml": OWN_STUDY}
        words = ("launch", "mine.toml", "--workers", "1")
        yield Case("training script", name, _with_files(files, *words), 1, says)


def _with_files(
    files: Mapping[str, str | bytes], *words: str
) -> Callable[[Workplace], subprocess.CompletedProcess[str]]:
    """Type `words` in a folder with these files."""

    def hand_over(workplace: Workplace) -> subprocess.CompletedProcess[str]:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            Path(workplace.folder, name).write_bytes(data)
        return _finished(workplace, *words)

    return hand_over


def _type(typed: Typed, *, done: bool = False) -> Callable[[Workplace], subprocess.CompletedProcess[str]]:
    def hand_over(workplace: Workplace) -> subprocess.CompletedProcess[str]:
        workplace.write_study(n_trials=4)
        Path(workplace.folder, "no_database.db").write_text("not a database, but some text", encoding="utf-8")
        if done:
            workplace.run("launch", "small.toml", "--workers", "1")
        return _finished(workplace, *typed.words)

    return hand_over


def _finished(workplace: Workplace, *words: str) -> subprocess.CompletedProcess[str]:
    return workplace.begin(*words).result(timeout_seconds=120)


def judged(case: Case) -> dict[str, Any]:
    """Hand one input over, and what it got."""
    with tempfile.TemporaryDirectory() as folder:
        workplace = Workplace(Path(folder))
        begin = time.perf_counter()
        done = case.hand_over(workplace)
        seconds = time.perf_counter() - begin
        stored = _n_studies(Path(folder, "studies.db"))
        message = done.stderr.strip().replace(folder, "FOLDER")
    may_store = case.family in ("a finished study", "training script")
    told = (
        done.returncode == case.exit_code
        and "Traceback (most recent call last)" not in message.partition("warmboot:")[2]
        and "unexpected " not in message
        and case.says in message
        and (may_store or not stored)
    )
    row = {
        "family": case.family,
        "input": case.name,
        "told": told,
        "exit": done.returncode,
        "says": message.splitlines()[-6:],
        "seconds": round(seconds, 1),
    }
    if not told:
        print(
            json.dumps(row | {"wanted": case.says, "stored": stored}, indent=1), file=sys.stderr, flush=True
        )
    return row


def _n_studies(path: Path) -> int:
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(path) as connection:
            return int(connection.execute("select count(*) from studies").fetchone()[0])
    except sqlite3.DatabaseError:
        return 0


if __name__ == "__main__":
    main()
