"""What a practitioner writes without Warmboot: Optuna's TPE, a plain loop, one training at a time.

    python benchmarks/plain_optuna.py STUDY STORAGE N_TRIALS [DEVICE]

Run by `study_speed.py`, two processes on one SQLite file, and by `gpu.py`. Model, data, horizon, batches,
space and validations are the study's.
"""

from __future__ import annotations

import sys

import optuna
import torch
from plain_training import PlainTraining

from search.population.on_device import on_device
from search.proxies import build_proxy
from search.proxies.proxy import Proxy, Split
from search.spec.proxy import DeclaredProxy
from search.spec.study import StudySpec
from search.spec.study_file import find_study_file, read_study_file
from search.worker.trial_runs import report_steps


def main() -> None:
    name, storage, n_trials = sys.argv[1], sys.argv[2], int(sys.argv[3])
    device = sys.argv[4] if len(sys.argv) > 4 else "cpu"
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spec = read_study_file(find_study_file(name))
    assert isinstance(spec.proxy, DeclaredProxy)
    proxy = build_proxy(spec.proxy.name, spec.proxy.arguments)
    spec = spec.resolve_epochs(proxy.steps_per_epoch)
    validation = on_device(proxy.validation, device)
    study = optuna.create_study(study_name=spec.name, storage=storage, load_if_exists=True)
    study.optimize(lambda trial: trained(trial, spec, proxy, validation, device), n_trials=n_trials)


def trained(
    trial: optuna.Trial, spec: StudySpec, proxy: Proxy, validation: Split, device: str = "cpu"
) -> float:
    """One training under a schedule that the trial suggests; mean cross entropy on `validation`."""
    lrs = spec.parsed_space.sample(trial).lr_table(spec.horizon_steps)
    training, value = PlainTraining(proxy, (0, 1, 0), device), float("nan")
    reports = report_steps(spec.horizon_steps)
    for step, batch in enumerate(training.batches.take(spec.horizon_steps).to(device)):
        training.step(batch, float(lrs[step]))
        if step + 1 in reports:
            value = training.judged(validation)
            trial.report(value, step + 1)
    return value if value == value else 1e9


if __name__ == "__main__":
    main()
