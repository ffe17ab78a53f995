"""A schedule inside your own Optuna study: warmboot.suggest_schedule in an objective of yours."""

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
print(f"best {study.best_value:.3f} with {study.best_params}")
