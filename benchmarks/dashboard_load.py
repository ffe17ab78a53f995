"""How long a study of thousands of trials takes to appear in the dashboard, and what each poll sends.

    python benchmarks/dashboard_load.py --trials 5000

Makes one study by the bulk writers, twice: as versions before 0.2 kept it, everything among the user
attributes, and as it is kept now, with its notes and plots. Chromium opens the first page of each in turn,
until its plots are drawn. Needs Debian's packages `chromium` and `chromium-driver`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from optuna.trial import FixedTrial, TrialState
from screenshots import open_browser, open_study

from search.dashboard import open_server
from search.report.board import refresh_board
from search.runs.schedule_words import described
from search.runs.trial_attributes import (
    BASELINE,
    HORIZON_STEPS,
    KNOWN_BELOW,
    LEFT_TO_GAIN,
    PROPOSAL,
    PURPOSE,
    RUNS,
    SCHEDULE_KEY,
    SEED_INDEX,
    WHY,
    in_sight,
    out_of_sight,
)
from search.spec.study_file import find_study_file, read_study_file
from search.storage.address import parse_address
from search.storage.database import Database, open_for_work
from search.storage.optuna_rows import EndedTrial, add_trials, end_trials, start_trials
from search.storage.plans import NextTrial
from search.storage.study_making import create_or_resume
from search.storage.study_record import StudyRecord

STEPS = (120, 240, 360, 480, 600)
ROUNDS = 3
SHAPE: dict[str, Any] = {
    "warmup": 0.05,
    "n_restarts": 1,
    "u1": 0.4,
    "step_scale": 0.8,
    "hold": 0.1,
    "eta_min": 0.05,
    "curve": "linear",
}


def made(database: Database, n_trials: int, *, earlier: bool) -> StudyRecord:
    """The study; `earlier`: as earlier versions kept it."""
    spec = read_study_file(find_study_file("char_lm")).model_copy(update={"n_trials": n_trials})
    record, _ = create_or_resume(database, spec, {"name": "char_lm_mlp"})
    rng, space = np.random.default_rng(0), spec.parsed_space
    new, ends = [], []
    for number in range(n_trials):
        params: dict[str, Any] = {**SHAPE, "lr": float(rng.uniform(0.05, 1.0))}
        drawn = FixedTrial(params)
        schedule = space.sample(drawn)
        attributes = {
            PROPOSAL: params,
            PURPOSE: "shape",
            HORIZON_STEPS: 600,
            WHY: "the model expects it to be as good as the leader, or better",
            LEFT_TO_GAIN: 0.003,
            SCHEDULE_KEY: f"{number:064x}",
            SEED_INDEX: 0,
            KNOWN_BELOW: max(0, number - 20),
            **described(schedule, 600),
            **({BASELINE: "linear"} if number % 10 == 0 else {}),
        }
        curve = [float(value) for value in 2.0 + 2.0 * np.exp(-np.array(STEPS) / 200) + rng.normal(0, 0.02)]
        runs = {RUNS: [{"seed": 0, "step": list(STEPS), "val_loss": curve, "train_loss": curve}]}
        seen = (lambda some: dict(some)) if earlier else in_sight
        unseen = (lambda _some: {}) if earlier else out_of_sight
        new.append(NextTrial(params, seen(attributes), drawn.distributions, unseen(attributes)))
        ends.append(
            EndedTrial(
                number=number,
                state=TrialState.COMPLETE,
                value=curve[-1],
                user_attrs=seen(runs),
                system_attrs=unseen(runs),
                reports=dict(zip(STEPS, curve, strict=True)),
            )
        )
    with database.engine.begin() as connection:
        add_trials(connection, record.study_id, 0, new)
        start_trials(connection, record.study_id, range(n_trials))
        end_trials(connection, record.study_id, ends)
    if earlier:
        study = record.load()
        for key, value in dict(record.attributes).items():
            study.set_user_attr(f"warmboot:{key}", value)
    else:
        assert refresh_board(record, print)
    return record


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=5000)
    n_trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        servers, seconds, polls = {}, dict[str, list[float]](), dict[str, list[float]]()
        for name in ("before", "now"):
            database = open_for_work(parse_address(f"sqlite:///{Path(folder, name)}.db"))
            made(database, n_trials, earlier=name == "before")
            servers[name] = open_server(database.rdb, port=0)
            threading.Thread(target=servers[name].serve_forever, daemon=True).start()
        for _ in range(ROUNDS):
            for name, server in servers.items():
                began = time.perf_counter()
                with urllib.request.urlopen(f"{server.url}api/studies/1") as answer:
                    text = answer.read()
                polls.setdefault(name, []).append(time.perf_counter() - began)
                plots = sum(len(each["graph_object"]) for each in json.loads(text)["plotly_graph_objects"])
                with open_browser() as browser:
                    began = time.perf_counter()
                    open_study(browser, server.url, "char_lm")
                    seconds.setdefault(name, []).append(time.perf_counter() - began)
                print(
                    f"{name}: page {seconds[name][-1]:.2f} s, poll {polls[name][-1]:.2f} s, "
                    f"{len(text) / 1e6:.2f} MB, {plots / 1e3:.0f} kB of it plots",
                    flush=True,
                )
        for server in servers.values():
            server.shutdown()
    page = {name: statistics.median(some) for name, some in seconds.items()}
    print(f"median page: before {page['before']:.2f} s, now {page['now']:.2f} s")


if __name__ == "__main__":
    main()
