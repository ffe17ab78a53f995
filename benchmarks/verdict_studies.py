"""Packaged studies as their user runs them: launch, then verdict with all standards."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

WARMBOOT = Path(sys.executable).parent / "warmboot"
STUDIES = ("char_lm", "mnist1d", "digits", "char_gpt")


def measure_studies(keep: Callable[[Mapping[str, Any]], None]) -> None:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in STUDIES:
            found[name] = study(name, f"sqlite:///{folder}/studies.db")
            keep(found)


def study(name: str, storage: str) -> dict[str, Any]:
    """What the verdict says, and how long launch and verdict took."""
    start = time.perf_counter()
    command("launch", name, "--storage", storage)
    launched = time.perf_counter()
    verdict = json.loads(command("verdict", name, "--all", "--json", "--storage", storage))
    judged = time.perf_counter()
    status = json.loads(command("status", name, "--json", "--storage", storage))[0]
    return {
        "trials": status["trials"],
        "exported": command("export", name, "--without-lr", "--storage", storage),
        "launch_seconds": round(launched - start, 1),
        "verdict_seconds": round(judged - launched, 1),
        "verdict_trainings": verdict["trained"],
        "outcome": verdict["outcome"],
        "sentence": verdict["sentence"],
        "lines": verdict["lines"],
        "pairs": len(verdict["candidate_values"]),
        "gain_in_seed_sds": None
        if not verdict["looks"]
        else round(verdict["looks"][-1]["mean"] / verdict["seed_sd"], 3),
        "others": verdict["others"],
        "tuned": [
            {key: each[key] for key in ("name", "peak_lr")} | {"runs": len(each["values"])}
            for each in verdict["tuned"]
        ],
    }


def command(*arguments: str) -> str:
    done = subprocess.run([WARMBOOT, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"warmboot {' '.join(arguments)}: {done.stderr}")
    return done.stdout
