"""What a practitioner writes without Warmboot: Optuna's TPE, a plain loop, one training at a time.

    python benchmarks/plain_optuna.py STUDY STORAGE N_TRIALS

Run by `study_speed.py`, two processes on one SQLite file. Model, data, horizon, batches, space and
validations are the study's.
"""

from __future__ import annotations

import sys

import optuna
import torch
from torch import nn

from search.population.stream import BatchStream
from search.proxies import build_proxy
from search.proxies.proxy import SGD, Proxy, Split
from search.runs.seeds import run_generators
from search.spec.study import StudySpec
from search.spec.study_file import find_study_file, read_study_file
from search.worker.trial_runs import report_steps


def main() -> None:
    name, storage, n_trials = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spec = read_study_file(find_study_file(name))
    proxy = build_proxy(spec.proxy.name, {})
    spec = spec.resolve_epochs(proxy.steps_per_epoch)
    study = optuna.create_study(study_name=name, storage=storage, load_if_exists=True)
    study.optimize(lambda trial: trained(trial, spec, proxy), n_trials=n_trials)


def trained(trial: optuna.Trial, spec: StudySpec, proxy: Proxy) -> float:
    """One training under a schedule that the trial suggests."""
    lrs = spec.parsed_space.sample(trial).lr_table(spec.horizon_steps)
    generators = run_generators((0, 1, 0))
    model = proxy.build_model(generators.weights_seed)
    settings = proxy.optimizer
    assert isinstance(settings, SGD)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=lrs[0], momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    stream, value = BatchStream(proxy, generators.order), float("nan")
    reports = report_steps(spec.horizon_steps)
    for step, batch in enumerate(stream.take(spec.horizon_steps)):
        optimizer.param_groups[0]["lr"] = float(lrs[step])
        loss = nn.functional.cross_entropy(model(proxy.train.inputs[batch]), proxy.train.targets[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step + 1 in reports:
            value = validated(model, proxy.validation)
            trial.report(value, step + 1)
    return value if value == value else 1e9


@torch.no_grad()
def validated(model: nn.Module, split: Split) -> float:
    """Mean cross entropy."""
    return float(nn.functional.cross_entropy(model(split.inputs), split.targets))


if __name__ == "__main__":
    main()
