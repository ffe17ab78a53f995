"""How good is the answer for the training spent: this search beside other projects' tuners.

    python benchmarks/search_peers.py --task char_lm_mlp --registry optunahub-registry [--peers SMAC3 Ax]

The same space, the same number of model-steps, answers trained on the same fresh seeds and judged on test
data, as in `search_quality.py`; `quality_peers.py` has how each is asked. A peer that is not installed is
skipped, and the record says why:

    pip install -e . smac ax-platform optunahub cmaes
    git clone https://github.com/optuna/optunahub-registry

What a peer answers at a smaller budget is read off its longest search, but for SMAC3, whose initial design
depends on the budget. Search by search, Warmboot is compared with each by a paired t test on the fresh seeds.
A run with `--peers` keeps what the record has of the others.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from law_searches import gain
from machine import describe_machine
from optuna.exceptions import ExperimentalWarning
from quality_methods import Budgeted, Plain, Task, Warmboot
from quality_peers import BUDGETS, PACKAGES, Make, Peer, make, unavailable, versions
from quality_pool import run_searches
from quality_tasks import TASKS, load_task
from search_quality import FIRST_SEARCH, SLOTS, judged, seed_sd, summary

from search.population.make import make_population
from search.proxies.registry import AnyProxy
from warmboot.schedule import WarmbootSchedule

RECORDS = Path(__file__).parent / "records"
OURS = "warmboot"
REGISTRY = "optunahub-registry"
"""What a record calls the checkout, wherever it lies."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=sorted(TASKS), required=True)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=6, help="fresh seeds that judge an answer")
    parser.add_argument("--peers", nargs="*", choices=(OURS, *PACKAGES), default=(OURS, *PACKAGES))
    parser.add_argument("--budgets", type=int, nargs="*", choices=BUDGETS, default=BUDGETS)
    parser.add_argument("--registry", type=Path, help="checkout of github.com/optuna/optunahub-registry")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", ExperimentalWarning)
    path = RECORDS / f"search_peers_{arguments.task}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}
    skipped = {}
    for peer in arguments.peers:
        reason = None if peer == OURS else unavailable(peer, arguments.registry)
        if reason is not None:
            skipped[peer] = reason
            print(f"{peer} is skipped: {reason}", file=sys.stderr)
            continue
        for key, row in measured(arguments, peer):
            rows[key] = row
            record = record_of(arguments.task, rows, skipped)
            path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"skipped": skipped, **compared(rows)}, indent=1))


def measured(arguments: argparse.Namespace, peer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A row of the record for each budget; after each longer search, so that hours are not lost."""
    proxy, task, _ = load_task(arguments.task)
    one_search_for_all = peer not in (OURS, "SMAC3")
    budgets = sorted(arguments.budgets)
    for budget in budgets[-1:] if one_search_for_all else budgets:
        start = time.perf_counter()
        begin = Warmboot if peer == OURS else make(peer, arguments.registry)
        methods = searched(proxy, task, begin, budget, arguments.searches)
        seconds = round(time.perf_counter() - start)
        for spent in budgets if one_search_for_all else (budget,):
            found = [answer_after(method, spent) for method in methods]
            losses = judged(proxy, task, found, arguments.pairs)
            print(f"{peer} @ {spent}: median {np.median(losses.mean(1)):.4f}, {seconds} s", flush=True)
            yield (
                f"{peer} @ {spent}",
                {
                    "command": " ".join(["python", *sys.argv]).replace(str(arguments.registry), REGISTRY),
                    **describe_machine(),
                    "peer": {} if peer == OURS else versions(peer),
                    "searches": arguments.searches,
                    "seconds": seconds,
                    **summary(losses.mean(1)),
                    "losses": np.round(losses, 5).tolist(),
                },
            )


def searched(
    proxy: AnyProxy, task: Task, begin: Make | type[Warmboot], budget: int, n_searches: int
) -> list[Budgeted]:
    """Many searches, each to its end."""
    methods: list[Budgeted] = [
        begin(task, budget, np.random.default_rng([i, budget])) for i in range(n_searches)
    ]
    run_searches(
        make_population(proxy, slots=SLOTS), [(FIRST_SEARCH + i, each) for i, each in enumerate(methods)]
    )
    return methods


def answer_after(method: Budgeted, runs: int) -> WarmbootSchedule:
    """What it would have answered after so many full runs."""
    if isinstance(method, Plain):
        return method.answer_after(runs)
    return method.answers[runs] if isinstance(method, Peer) else method.answer()


def record_of(task: str, rows: Mapping[str, Mapping[str, Any]], skipped: Mapping[str, str]) -> dict[str, Any]:
    """What is written."""
    return {"task": task, "skipped": dict(skipped), "against": compared(rows), "rows": dict(rows)}


def compared(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Warmboot against each peer at each budget: gains in seed sds with a 95% bootstrap interval over the
    searches, better is positive."""
    losses = {key: np.array(row["losses"]) for key, row in rows.items()}
    found: dict[str, Any] = {}
    for key, theirs in losses.items():
        peer, budget = key.rsplit(" @ ", 1)
        ours = losses.get(f"{OURS} @ {budget}")
        if peer != OURS and ours is not None:
            n = min(len(ours), len(theirs))
            found[key] = gain(ours[:n], theirs[:n], seed_sd(losses))
    return found


if __name__ == "__main__":
    main()
