"""Whether a verdict can be believed, and what it says.

    python benchmarks/verdict.py [--parts null power studies transfer carried]

Each part is written to `benchmarks/records/verdict.json` as it ends; the others stay as they were.

- `null`: verdicts between a schedule and itself, on independent seeds.
- `power`: how often a real difference is settled, and with how many pairs; how often the interval is right.
- `studies`: packaged studies, launched and judged by the commands a user types, with their times.
- `transfer`: peak lr and gain foretold at 3 and 9 times the longest horizon that was trained.
- `carried`: the shape that `char_lm` found, on `char_gpt`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from machine import describe_machine
from verdict_statistics import measure_null, measure_power
from verdict_studies import measure_studies
from verdict_transfer import measure_carried, measure_transfer

RECORD = Path(__file__).parent / "records" / "verdict.json"
Keep = Callable[[Mapping[str, Any]], None]
PARTS: Mapping[str, Callable[[Keep], None]] = {
    "null": measure_null,
    "power": measure_power,
    "studies": measure_studies,
    "transfer": measure_transfer,
    "carried": measure_carried,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for part in arguments.parts:
        PARTS[part](lambda found, part=part: keep(part, found))  # type: ignore[misc]


def keep(part: str, found: Mapping[str, Any]) -> None:
    """Write what a part has found so far."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    record[part] = {"command": f"python {sys.argv[0]} --parts {part}", **describe_machine(), **found}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"{part}: {json.dumps(found)}", flush=True)


if __name__ == "__main__":
    main()
