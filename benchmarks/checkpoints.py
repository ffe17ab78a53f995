"""What killed workers cost a script that saves every 10 steps in `warmboot.checkpoint_dir()`.

One study of a small script is searched three times: undisturbed; with its launch, workers and script killed
(SIGKILL) at random moments of training and launched again; and so with a script that saves nothing. The
script writes down each step it trains, so what is redone is counted, not estimated. Told are the steps redone
for each kill, and whether trials, reports and the study's hash are those of the undisturbed search.

    python benchmarks/checkpoints.py            # writes records/checkpoints.json
    python benchmarks/checkpoints.py --kills 4 --seed 7 -o out.json
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from machine import describe_machine

from search.results.study_hash import study_hash
from search.runs.trial_attributes import RUNS, kept
from search.storage.address import parse_address
from search.storage.database import open_for_reading
from search.storage.study_record import find_study

RECORD = Path(__file__).parent / "records" / "checkpoints.json"
SAVE_EVERY, STEPS, TRIALS = 10, 400, 4
SECONDS_A_STEP = 0.01
LONGEST_PAUSE_SECONDS = 3.0
"""Between the first new step after a launch and the next kill, at most."""
SCRIPT = """
import json, os, sys, time, warmboot
steps, seed, saves = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "saves"
lr = warmboot.lr(0.1, steps)
folder = warmboot.checkpoint_dir() if saves else None
saved = folder / "state.json" if folder else None
step, weight = json.loads(saved.read_text()) if saved and saved.exists() else (0, 1.0 + seed % 97 / 97)
trial = json.load(open(os.environ["WARMBOOT_TRIAL"]))["trial"]
if step == 0:
    warmboot.report(0, val=weight * weight)
with open(sys.argv[4], "a", buffering=1) as log:
    while step < steps:
        noise = ((step * 7919 + seed) % 101 - 50) / 500
        weight -= lr(step) * (weight + noise)
        step += 1
        time.sleep({pause})
        print(trial, step, file=log)
        if step % {every} == 0:
            warmboot.report(step, val=weight * weight)
            if saved:
                saved.with_name("part").write_text(json.dumps((step, weight)))
                os.replace(saved.with_name("part"), saved)
"""
STUDY = """
name = "study"
proxy = {{ command = "{python} script.py {{total_steps}} {{seed}} {saves} {log}" }}
total_steps = {steps}
n_trials = {trials}
confirmation = {{ leaders = 0 }}
population = {{ reproducible = true }}
checkpoints = {{ folder = "{folder}/checkpoints" }}
[space]
lr = {{ low = 1e-3, high = 1.0, log = true }}
warmup = {{ low = 0.0, high = 0.2 }}
curve = ["cosine", "linear"]
"""


@dataclass
class Search:
    """One study in a folder of its own; `saves`: whether its script saves anything."""

    folder: Path
    saves: bool
    kills: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.log = self.folder / "steps.log"
        self.log.touch()
        script = SCRIPT.replace("{pause}", str(SECONDS_A_STEP)).replace("{every}", str(SAVE_EVERY))
        (self.folder / "script.py").write_text(script)
        words = "saves" if self.saves else "forgets"
        names = {"python": sys.executable, "saves": words, "log": self.log, "folder": self.folder}
        (self.folder / "study.toml").write_text(STUDY.format(**names, steps=STEPS, trials=TRIALS))
        self._url = f"sqlite:///{self.folder}/study.db"

    def run(self, n_kills: int, moments: random.Random) -> None:
        """Search to the end, killed so many times before."""
        began = time.monotonic()
        for _ in range(n_kills):
            process, before = self._launch(), self._n_steps()
            while process.poll() is None and self._n_steps() == before:
                time.sleep(0.02)
            time.sleep(moments.uniform(0.0, LONGEST_PAUSE_SECONDS))
            if process.poll() is not None:
                break
            self.kills.append({"after_steps": self._n_steps()})
            kill_tree(process)
        assert self._launch().wait() == 0, "the last launch failed"
        self.seconds = time.monotonic() - began

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "warmboot", "launch", "study.toml", "--storage", self._url]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([*command, "--workers", "1"], cwd=self.folder, **quiet)  # type: ignore[call-overload, no-any-return]

    def _n_steps(self) -> int:
        return self.log.read_bytes().count(b"\n")

    def found(self) -> dict[str, Any]:
        """What the study has in the end."""
        trials = find_study(open_for_reading(parse_address(self._url)), "study").load().get_trials()
        return {
            "hash": study_hash(trials),
            "states": dict(Counter(trial.state.name for trial in trials)),
            "reports": [dict(trial.intermediate_values) for trial in trials],
            "curves": [kept(trial, RUNS) for trial in trials],
        }

    @property
    def redone(self) -> int:
        """Steps that were trained more than once, each time but one."""
        lines = self.log.read_text().split("\n")[:-1]
        return len(lines) - len(set(lines))


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a launch and all that came of it, but for the process that tidies up after workers."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        try:
            if "search.scripts.guardian" not in " ".join(member.cmdline()):
                member.kill()
        except psutil.NoSuchProcess:
            pass
    process.wait()


def told(search: Search, unbroken: dict[str, Any]) -> dict[str, Any]:
    """The row of a search that was killed."""
    found, kills = search.found(), len(search.kills)
    return {
        "kills": kills,
        "steps_needed": TRIALS * STEPS,
        "steps_redone": search.redone,
        "redone_for_each_kill": round(search.redone / max(1, kills), 1),
        "states": found["states"],
        "hash_is_that_of_the_undisturbed": found["hash"] == unbroken["hash"],
        "reports_are": found["reports"] == unbroken["reports"],
        "curves_are": found["curves"] == unbroken["curves"],
        "seconds": round(search.seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=8, help="of each search that is killed")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("-o", "--output", type=Path, default=RECORD)
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    print(
        f"seed {seed}: kills at random moments, a checkpoint every {SAVE_EVERY} of {STEPS} steps", flush=True
    )
    with tempfile.TemporaryDirectory() as name:
        unbroken = Search(Path(name) / "undisturbed", saves=True)
        unbroken.run(0, random.Random(seed))
        rows = {}
        for word, saves in (("saves", True), ("saves nothing", False)):
            search = Search(Path(name) / word.replace(" ", "-"), saves=saves)
            search.run(arguments.kills, random.Random(seed))
            rows[word] = told(search, unbroken.found())
            print(f"{word}: {rows[word]}", flush=True)
        left = list((Path(name) / "saves" / "checkpoints").rglob("*"))
    record = {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "seed": seed,
        "save_every_steps": SAVE_EVERY,
        "steps": STEPS,
        "trials": TRIALS,
        "undisturbed_seconds": round(unbroken.seconds, 1),
        "rows": rows,
        "files_left": len(left),
    }
    arguments.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    os.environ.pop("WARMBOOT_CHECKPOINTS", None)
    main()
