"""Many short trainings on one GPU beside plain modules and JAX: one command, one record, under nine minutes.

    python benchmarks/gpu.py [--minutes 8.6] [--parts throughput:char_lm_mlp ...]
    python benchmarks/gpu.py --device cpu --rehearse

Each part is a process with a time of its own (`gpu_parts.py`), told as it is measured: what comes late is
ended, what came stands. `benchmarks/records/gpu.json` is written after every part, whatever happens later.
`--rehearse` runs all of it tiny, to find mistakes before a GPU is paid for.

The parts, the most telling first:

- `floors`: what nothing on this card passes: gap between nodes of a graph, launches from Python, bandwidth.
- `equality:PROXY`: runs in permuted slots and beside one that diverges, equal bit for bit; how far from a
  population of one and from a plain loop after 20 steps, beside what one last bit of the weights makes of it.
- `throughput:PROXY`: model-steps a second of populations of 1 to 512, an eager loop, a loop compiled and
  captured, and JAX `vmap` in `jit`; the part of each K that the floors explain.
- `study:STUDY`: a whole study beside the same number of full trainings by `plain_optuna.py`.
- `waves`: runs of unequal lengths, each slot refilled at once, beside waves that wait for the longest.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from machine import describe_machine

RECORD = Path(__file__).parent / "records" / "gpu.json"
PROXIES = ("char_lm_mlp", "char_gpt", "mnist1d_cnn", "fashion_resnet", "code_gpt")
PARTS: dict[str, float] = {
    "floors": 25,
    **{f"throughput:{name}": 55 for name in PROXIES},
    **{f"equality:{name}": 25 for name in PROXIES},
    "study:char_lm": 90,
    "study:fashion": 120,
    "waves": 30,
}
"""Part -> the most seconds it may take; what one leaves is there for those that follow."""
GRACE_SECONDS = 5
"""Between the end of all measuring and that of this command."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8.6, help="that all of it may take")
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--rehearse", action="store_true", help="all of it, tiny; writes no record by default"
    )
    parser.add_argument("--parts", nargs="*", choices=[*PARTS], default=[*PARTS], metavar="PART")
    parser.add_argument("--record", type=Path, help="default: benchmarks/records/gpu.json")
    arguments = parser.parse_args()
    target = arguments.record or (None if arguments.rehearse else RECORD)
    record = {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "device": device_facts(arguments.device),
        "rehearsal": arguments.rehearse,
        "parts": {},
    }
    ends = time.monotonic() + 60 * arguments.minutes - GRACE_SECONDS
    for part in arguments.parts:
        record["parts"][part] = run_part(part, arguments, ends)
        print(part, json.dumps(record["parts"][part]), file=sys.stderr, flush=True)
        if target is not None:
            target.parent.mkdir(exist_ok=True)
            target.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))
    failed = [part for part, found in record["parts"].items() if "ended" in found]
    if failed:
        sys.exit(f"not whole: {', '.join(failed)}")


def run_part(part: str, arguments: argparse.Namespace, ends: float) -> dict[str, Any]:
    """What a part told until it was done, or its time was up; `ended` says why where it is not whole."""
    seconds = min(PARTS[part] * (20 if arguments.rehearse else 1), ends - time.monotonic())
    if seconds < GRACE_SECONDS:
        return {"ended": "no time was left"}
    command = [sys.executable, str(Path(__file__).with_name("gpu_parts.py")), part, arguments.device]
    command += [str(seconds), *(["--rehearse"] if arguments.rehearse else [])]
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, err = process.communicate(timeout=seconds)
        why = f"exit code {process.returncode}: {err.strip()[-400:]}" if process.returncode else ""
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # of the part and all that it started
        out, err = process.communicate()
        why = f"its {seconds:.0f} seconds were up"
    found: dict[str, Any] = {}
    for line in out.splitlines():
        name, _, value = line.partition("\t")
        if value:
            found[name] = json.loads(value)
    found["seconds"] = round(time.monotonic() - began, 1)
    return found | ({"ended": why} if why else {})


def device_facts(device: str) -> dict[str, Any]:
    """The card, its driver and its clocks."""
    if not device.startswith("cuda"):
        return {"name": device}
    query = "name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit"
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return {"name": device, "problem": str(error)}
    return dict(
        zip(query.split(","), (part.strip() for part in told.splitlines()[0].split(",")), strict=True)
    )


if __name__ == "__main__":
    main()
