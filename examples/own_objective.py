"""A schedule inside your own Optuna study: warmboot.suggest_schedule in an objective of yours.

The best trial's schedule goes into a file, which WARMBOOT_SCHEDULE or warmboot.read takes, and
`warmboot preview` draws.
"""

import sys

import optuna

import warmboot

SPACE = {
    "lr": {"low": 0.01, "high": 1.0, "log": True},
    "warmup": {"low": 0.0, "high": 0.2},
    "curve": "linear",
}


def objective(trial: optuna.Trial) -> float:
    lrs = warmboot.suggest_schedule(trial, SPACE).lr_table(100)
    return abs(float(lrs.sum()) - 10.0)  # your training goes here


study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
study.optimize(objective, n_trials=30)
warmboot.write_best(study, SPACE, sys.argv[1] if len(sys.argv) > 1 else "schedule.json", total_steps=100)
print(f"best {study.best_value:.3f} with {study.best_params}")
