"""Optuna's samplers by the names of a study file, with every option that matters set explicitly.

Optuna's defaults have changed between releases; a study file that names none should mean the same next year.
The name `warmboot` stands for the strategy of this package (`search.strategy`), which proposes whole trials;
Optuna's sampler has nothing left to draw then.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, QMCSampler, RandomSampler, TPESampler

from search.errors import UsageError, nearest, problems_text
from search.spec.study import LAW, SamplerSpec

EARLIER = "earlier"
"""Option of the sampler `warmboot`: names of studies in the storage whose best shapes are tried first."""
_CLASSES: Mapping[str, type[BaseSampler]] = {
    "warmboot": RandomSampler,
    "tpe": TPESampler,
    "gp": GPSampler,
    "random": RandomSampler,
    "qmc": QMCSampler,
}
DRAW_ONE_SEQUENCE = ("qmc",)
"""Samplers whose draws hang on those before them and not on results: another seed, another sequence."""
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "warmboot": {},
    # `group` lets parameters that exist only with others (the power of a polynomial) be modelled together;
    # `constant_liar` keeps the many trials that are in flight from being proposed the same point.
    "tpe": {"multivariate": True, "group": True, "constant_liar": True, "n_startup_trials": 10},
    "gp": {"n_startup_trials": 10, "deterministic_objective": False},
    "random": {},
    "qmc": {"qmc_type": "sobol", "scramble": True},
}


def build_sampler(spec: SamplerSpec, seed: int) -> BaseSampler:
    """The sampler a study asks for, seeded for one process.

    Raises:
        UsageError: an argument that this sampler does not take, or with a value it refuses.
    """
    sampler_class = _CLASSES[spec.name]
    problems = sampler_problems(spec)
    if problems:
        raise UsageError(problems_text("[sampler]", problems))
    own = {} if spec.name == "warmboot" else spec.arguments
    arguments = {**_DEFAULTS[spec.name], **own, "seed": seed}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return sampler_class(**arguments)
    except (TypeError, ValueError) as error:
        raise UsageError(f"[sampler] {spec.name}: {error}") from error


def sampler_problems(spec: SamplerSpec) -> list[str]:
    """One line for each argument that the sampler does not take."""
    if spec.name == "warmboot":
        return _own_problems(spec.arguments)
    known = set(inspect.signature(_CLASSES[spec.name].__init__).parameters) - {"self", "seed"}
    unknown = [key for key in spec.arguments if key not in known]
    return [
        f"sampler.{key}: not an argument of {_CLASSES[spec.name].__name__}; {nearest(key, known)}"
        for key in unknown
    ]


def _own_problems(arguments: Mapping[str, Any]) -> list[str]:
    problems = [
        f"sampler.{key}: not an argument of the sampler warmboot; {nearest(key, [EARLIER, LAW])}"
        for key in arguments
        if key not in (EARLIER, LAW)
    ]
    names = arguments.get(EARLIER, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        problems.append(f"sampler.{EARLIER}: got {names!r}; accepted is a list of names of studies.")
    law = arguments.get(LAW, False)
    if not isinstance(law, bool):
        problems.append(f"sampler.{LAW}: got {law!r}; accepted are true and false.")
    return problems
