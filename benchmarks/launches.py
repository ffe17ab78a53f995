"""Thirty launches of `char_lm` with different seeds, each with its verdict: do first and last words agree?

    python benchmarks/launches.py [--studies 30] [--first 0] [--pairs 20] [--jobs 2]

For each study: what the last screen of `warmboot launch` names and how sure it is, what `warmboot verdict`
says of it, and what is exported before and after. Every schedule exported before its verdict is trained on
fresh seeds, beside linear at the best of 16 peak lrs, as in `main_job.py`. First and last words disagree
where the last screen says "better" and the verdict is *lose* or *equivalent*, where it says "ahead" by little
and the verdict is *lose*, and where it names a plain schedule and the verdict on the leader is *win*.
`another_answer` counts besides how often the verdict changed what is exported. Writes
`benchmarks/records/launches.json`; with `--first 16` the record's first 16 launches are kept and the
others are added.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from machine import describe_machine
from main_job import compared, summary, swept, trained

import warmboot
from search.proxies import build_proxy
from search.spec.study_file import find_study_file, read_study_file

RECORD = Path(__file__).parent / "records" / "launches.json"
EVERY = 2
"""Studies after which the record is written."""
UNSAYS: Mapping[str, Sequence[str]] = {
    "better": ("lose", "equivalent"),
    "a little better": ("lose",),
    "not shown": ("win",),
}
"""Claim of the last screen -> the verdicts that unsay it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=30, help="an even number")
    parser.add_argument("--first", type=int, default=0, help="launches of the record that are kept")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2, help="studies at once, one worker process each")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    kept = recorded(arguments.first)
    studies: list[dict[str, Any]] = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for study in pool.map(studied, range(arguments.first, arguments.studies)):
            studies.append(study)
            record = judged(kept, studies, arguments.pairs) if len(studies) % EVERY == 0 else {}
            if record:  # so that an hour is not lost with the last one
                RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record["summary"], indent=1))


def recorded(first: int) -> dict[str, list[dict[str, Any]]]:
    """The record's launches of the seeds below `first`, and how their answers compared."""
    if not first:
        return {"studies": [], "comparisons": []}
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    studies = [study for study in record["studies"] if study["seed"] < first]
    if len(studies) < first:
        raise SystemExit(f"--first: the record holds {len(studies)} of the first {first} launches")
    arms = {f"study {study['seed']}" for study in studies}
    return {"studies": studies, "comparisons": [row for row in record["comparisons"] if row["arm"] in arms]}


def studied(seed: int) -> dict[str, Any]:
    """One launch and its verdict, as a user runs them."""
    with tempfile.TemporaryDirectory() as folder:
        text = find_study_file("char_lm").read_text(encoding="utf-8").replace("seed = 0", f"seed = {seed}")
        study = Path(folder, "char_lm.toml")
        study.write_text(text, encoding="utf-8")
        environment = {**os.environ, "WARMBOOT_STORAGE": f"sqlite:///{folder}/warmboot.db"}
        start = time.perf_counter()
        _command(environment, "launch", str(study), "--workers", "1")
        launched = time.perf_counter()
        status = json.loads(_command(environment, "status", "char_lm", "--json"))[0]
        before = _command(environment, "export", "char_lm", "--with-lr")
        verdict = json.loads(_command(environment, "verdict", "char_lm", "--json"))
        seconds = time.perf_counter() - launched
        after = _command(environment, "export", "char_lm", "--with-lr")
    best = status["best"]
    found = {
        "seed": seed,
        "launch_seconds": round(launched - start, 1),
        "verdict_seconds": round(seconds, 1),
        "trials": status["trials"],
        "names": best["answer"],
        "claim": best.get("expected", {}).get("claim", "not shown"),
        "expected": best.get("expected"),
        "confirming_seeds": len(best["confirmed"]),
        "schedule": best["schedule"],
        "file": json.loads(before),
        "outcome": verdict["outcome"],
        "gain_in_seed_sds": _gain(verdict),
        "pairs": len(verdict["candidate_values"]),
        "exported_after": json.loads(after)["origin"]["schedule"],
        "exported_after_is_baseline": json.loads(after)["origin"]["evidence"]["answer"] == "baseline",
    }
    found["disagree"] = found["outcome"] in UNSAYS[found["claim"]]
    print(
        f"{seed}: {found['names']}, {found['claim']}, {found['expected']}; "
        f"{found['outcome']} {found['gain_in_seed_sds']}; "
        f"{found['launch_seconds']} s, {found['verdict_seconds']} s",
        file=sys.stderr,
        flush=True,
    )
    return found


def judged(
    kept: Mapping[str, Sequence[Mapping[str, Any]]], studies: Sequence[Mapping[str, Any]], n_pairs: int
) -> dict[str, Any]:
    """Every answer on fresh seeds, beside tuned linear, after those that were kept."""
    spec = read_study_file(find_study_file("char_lm"))
    proxy = build_proxy(spec.proxy.name, {})
    linear = swept(proxy, "linear", spec.horizon_steps)
    arms = {f"study {s['seed']}": warmboot.reads(json.dumps(s["file"])).schedule for s in studies}
    losses = trained(proxy, {**arms, "linear": linear["schedule"]}, spec.horizon_steps, n_pairs)
    rows = [*kept["comparisons"], *(compared(name, "linear", losses) for name in arms)]
    studies = [
        *kept["studies"],
        *({key: value for key, value in s.items() if key != "file"} for s in studies),
    ]
    return {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "summary": {
            "studies": len(studies),
            "disagree": sum(s["disagree"] for s in studies),
            "claims": {c: sum(s["claim"] == c for s in studies) for c in UNSAYS},
            "another_answer": sum(
                (s["names"] == "baseline") != s["exported_after_is_baseline"] for s in studies
            ),
            "searched_is_answer": sum(s["names"] == "leader" for s in studies),
            "outcomes": {
                o: sum(s["outcome"] == o for s in studies) for o in sorted({s["outcome"] for s in studies})
            },
            "worse_than_tuned_linear_at_5_percent": sum(row["interval_95"][0] > 0 for row in rows),
            "better_than_tuned_linear_at_5_percent": sum(row["interval_95"][1] < 0 for row in rows),
            "median_difference_in_seed_sds": sorted(r["in_seed_standard_deviations"] for r in rows)[
                len(rows) // 2
            ],
        },
        "studies": studies,
        "linear": linear["record"],
        "test_loss_of_linear": summary(losses["linear"]),
        "comparisons": rows,
    }


def _gain(verdict: Mapping[str, Any]) -> float | None:
    looks = verdict["looks"]
    return round(looks[-1]["mean"] / verdict["seed_sd"], 3) if looks else None


def _command(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "search", *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"warmboot {' '.join(arguments)}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
