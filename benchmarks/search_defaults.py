"""Writes down the numbers the search runs with, once they were chosen.

    python benchmarks/search_defaults.py            compares the code with the record
    python benchmarks/search_defaults.py --freeze   writes the record, with today's date

They were chosen on `char_lm_mlp` and `mnist1d_mlp` alone (`search_quality.py`). The other tasks there were
measured once, after the record was written; it shows whether a number has been changed since.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import pkgutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import search.strategy
from search.early_stopping import rung_rule
from search.spec.confirmation import confirmation_size
from search.spec.rounds import chosen_rounds
from search.spec.study import SamplerSpec

RECORD = Path(__file__).parent / "records" / "search_defaults.json"
CHOSEN_ON = ("char_lm_mlp", "mnist1d_mlp")
BUDGETS = (8, 16, 24, 64)


def defaults() -> dict[str, Any]:
    """Every number of the strategy by module and name, and how much is confirmed at which budget."""
    numbers: dict[str, Any] = {}
    for found in pkgutil.iter_modules(search.strategy.__path__):
        module = importlib.import_module(f"search.strategy.{found.name}")
        own = {
            name: value
            for name, value in vars(module).items()
            if name.isupper() and not name.startswith("_") and isinstance(value, int | float)
        }
        numbers |= {f"{found.name}.{name}": value for name, value in sorted(own.items())}
    confirmed = {
        str(n): confirmation_size(declared=True, leaders=None, seeds=None, n_runs=n).most_runs
        for n in BUDGETS
    }
    return {
        "sampler": SamplerSpec().name,
        "early_stopping": "none, ended at a plateau",
        "rounds": {str(n): asdict(chosen_rounds(n)) for n in BUDGETS},
        "rung_factor": rung_rule.FACTOR,
        "runs_confirmed_of": confirmed,
        "numbers": numbers,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--freeze", action="store_true")
    if parser.parse_args().freeze:
        record = {
            "frozen_on": datetime.date.today().isoformat(),
            "chosen_on": CHOSEN_ON,
            "defaults": defaults(),
        }
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        return
    stored = json.loads(RECORD.read_text(encoding="utf-8"))
    changed = [
        key for key, value in defaults()["numbers"].items() if stored["defaults"]["numbers"].get(key) != value
    ]
    print(f"frozen on {stored['frozen_on']}; changed since: {', '.join(changed) or 'nothing'}")


if __name__ == "__main__":
    main()
