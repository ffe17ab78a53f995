"""What a command imports: what it uses, so that it is there at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.search_tests.studies import LINEAR, fill, make_study, open_database

HEAVY = (
    "torch",
    "optuna",
    "sqlalchemy",
    "scipy",
    "numpy",
    "pydantic",
    "rich",
    "matplotlib",
    "plotly",
    "alembic",
)
_COMMAND = f"""
import sys
from warmboot.command import main
sys.argv[0] = "warmboot"
try:
    main()
finally:
    print("imported:", *(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)
"""


def imported_by(*arguments: str, folder: Path) -> set[str]:
    """Which of the heavy packages a command has imported in a Python of its own."""
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "WARMBOOT_STORAGE": f"sqlite:///{folder}/studies.db", "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert done.stdout
    return set(done.stderr.partition("imported:")[2].split())


def test_a_help_page_needs_nothing(tmp_path: Path) -> None:
    assert imported_by("--help", folder=tmp_path) == set()


def test_a_look_at_studies_reads_tables_and_no_more(tmp_path: Path) -> None:
    """Neither where a study has results, nor where its answer is known."""
    database = open_database(tmp_path)
    record = make_study(database, name="searched")
    keys = fill(record, [(LINEAR, 2.0), ({**LINEAR, "lr": 0.2}, 1.9)])
    assert imported_by("status", folder=tmp_path) == {"numpy", "pydantic", "sqlalchemy"}
    kept = {"leader": keys[1], "baseline": None, "gain": 0.1, "probability": 0.9, "noise_sd": 0.1}
    record.set_attribute("expected", {"complete": 2, "searched": {}, "final": {}, "lead": kept})
    assert imported_by("status", "searched", folder=tmp_path) == {"numpy", "pydantic", "sqlalchemy"}
