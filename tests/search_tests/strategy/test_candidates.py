"""Drawn trials: inside what is asked, and the same for the same generator in every version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search.spec.params import ParamSpace
from search.strategy.candidates import LocalTrial, PriorTrial, StandInTrial, UniformTrial
from warmboot.space import Space

SPACE = Space.from_dict(
    {
        "lr": {"low": 0.01, "high": 1.0, "log": True},
        "warmup": {"low": 0.0, "high": 0.3},
        "n_restarts": {"low": 0, "high": 2},
        "step_scale": {"low": 0.5, "high": 1.0},
        "hold": {"low": 0.0, "high": 0.8},
        "eta_min": {"low": 0.0, "high": 0.2},
        "curve": ["cosine", "polynomial"],
        "power": {"low": 0.5, "high": 3.0},
    }
)
PARAMS = ParamSpace.from_dict(
    {
        "wd": {"low": 1e-5, "high": 0.1, "log": True},
        "width": {"low": 16, "high": 64, "step": 16},
        "depth": {"low": 2, "high": 32, "log": True},
        "drop": {"low": 0.0, "high": 0.3, "step": 0.1},
        "act": ["relu", "gelu", "tanh"],
    }
)
KNOWN: Mapping[str, Any] = {"lr": 0.2, "warmup": 0.1, "n_restarts": 0, "curve": "polynomial", "power": 1.5}
KNOWN = {
    **KNOWN,
    "hold": 0.1,
    "eta_min": 0.05,
    "wd": 0.01,
    "width": 32,
    "depth": 8,
    "drop": 0.1,
    "act": "gelu",
}
KINDS: Mapping[str, Callable[[np.random.Generator], StandInTrial]] = {
    "uniform": UniformTrial,
    "prior": PriorTrial,
    "local": lambda rng: LocalTrial(rng, KNOWN),
}
# Drawn by the first version that had these classes: a study is searched alike in every version.
FIRST: Mapping[str, Mapping[str, Any]] = {
    "uniform": {
        "lr": 0.18789852661499495,
        "warmup": 0.08093601412916109,
        "n_restarts": 0,
        "hold": 0.013222108422823276,
        "eta_min": 0.1626540478400545,
        "curve": "polynomial",
        "power": 2.0165894394179498,
        "wd": 0.008279159394670355,
        "width": 48,
        "depth": 27,
        "drop": 0.2,
        "act": "tanh",
    },
    "prior": {
        "lr": 0.18789852661499495,
        "warmup": 0.0,
        "n_restarts": 0,
        "hold": 0.0,
        "eta_min": 0.04628457415955043,
        "curve": "polynomial",
        "power": 0.6841169193029489,
        "wd": 0.018340628601973476,
        "width": 16,
        "depth": 21,
        "drop": 0.0,
        "act": "gelu",
    },
    "local": {
        "lr": 0.28492557394112744,
        "warmup": 0.1,
        "n_restarts": 0,
        "hold": 0.1,
        "eta_min": 0.0006636919433334129,
        "curve": "polynomial",
        "power": 1.5,
        "wd": 0.03165238337879782,
        "width": 32,
        "depth": 8,
        "drop": 0.1,
        "act": "gelu",
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_gives_what_it_always_gave(kind: str) -> None:
    trial = KINDS[kind](np.random.default_rng(0))
    SPACE.sample(trial)
    PARAMS.sample(trial)
    assert list(trial.taken) == list(FIRST[kind])
    for name, value in FIRST[kind].items():
        assert trial.taken[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-12))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_lies_inside_what_was_asked(kind: str) -> None:
    trial = KINDS[kind](np.random.default_rng(1))
    for _ in range(100):
        trial.begin()
        schedule = SPACE.sample(trial)
        PARAMS.sample(trial)
        assert all(
            asked._contains(asked.to_internal_repr(trial.taken[n])) for n, asked in trial.asked.items()
        )
        assert schedule.lr == trial.taken["lr"]


def test_what_was_asked_is_kept_in_optunas_words() -> None:
    trial = UniformTrial(np.random.default_rng(0))
    PARAMS.sample(trial)
    assert trial.asked["wd"] == FloatDistribution(1e-5, 0.1, log=True)
    assert trial.asked["width"] == IntDistribution(16, 64, step=16)
    assert trial.asked["act"] == CategoricalDistribution(("relu", "gelu", "tanh"))
    trial.begin()
    assert (trial.asked, trial.taken) == ({}, {})
