"""From what was typed to a study ready to be worked on; all is checked before anything is stored."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import URL

from search.errors import UsageError, nearest, problems_text
from search.population.population import Population
from search.proxies.proxy import Proxy
from search.proxies.registry import build_proxy
from search.samplers import sampler_problems
from search.storage.database import Database, open_for_work
from search.storage.study_record import StudyRecord, create_or_resume
from search.study_file import find_study_file, read_study_file
from search.study_spec import StudySpec


@dataclass(frozen=True)
class Prepared:
    """A study in its database, and whether this launch has made it."""

    database: Database
    record: StudyRecord
    created: bool


def prepare(study: str, storage: URL, n_trials: int | None) -> Prepared:
    """Read and check a study file, then create its study or open it for more.

    Args:
        study: a packaged name or a path.
        storage: where studies are kept.
        n_trials: instead of the file's; a total over all launches.

    Raises:
        UsageError: the file, the proxy or the storage has problems, or the name is taken by another search.
    """
    path = find_study_file(study)
    spec = read_study_file(path)
    if n_trials is not None:
        spec = spec.model_copy(update={"n_trials": n_trials})
    proxy = _proxy(spec, str(path))
    spec = spec.resolve_epochs(proxy.steps_per_epoch)
    problems = [*_objective_problems(spec, proxy), *_horizon_problems(spec)]
    problems += sampler_problems(spec.sampler)
    if problems:
        raise UsageError(problems_text(str(path), problems))
    database = open_for_work(storage)
    record, created = create_or_resume(database, spec, proxy_facts(proxy))
    return Prepared(database, record, created)


def resolve_device(device: str) -> str:
    """The device to train on: what was asked for, or CUDA, else MPS, else the CPU.

    Raises:
        UsageError: torch does not know it, or this machine does not have it.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.zeros(1, device=device)
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"--device: {device!r} can't be used here ({reason})") from error
    return device


def default_workers(device: str) -> int:
    """One process a core on a CPU, one a device otherwise."""
    if device != "cpu":
        return 1
    # A container or a batch system may grant fewer cores than the machine has; only Linux tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def proxy_facts(proxy: Proxy) -> dict[str, Any]:
    """What a study keeps of its proxy, and an exported schedule tells."""
    return {
        "name": proxy.name,
        "fingerprint": proxy.fingerprint,
        "note": "a built-in task stands in for your model: the shape is a suggestion",
        "optimizer": proxy.optimizer.name,
        "momentum": proxy.optimizer.momentum,
        "weight_decay": proxy.optimizer.weight_decay,
        "batch_size": proxy.batch_size,
        "parameters": proxy.parameter_count,
    }


def _proxy(spec: StudySpec, place: str) -> Proxy:
    try:
        proxy = build_proxy(spec.proxy.name, spec.proxy.arguments)
    except (ValueError, ModuleNotFoundError) as error:
        raise UsageError(problems_text(place, [str(error)])) from error
    try:
        Population(proxy, slots=1)
    except Exception as error:  # whatever the user's own model raises
        reason = f"its model can't be trained here: {type(error).__name__}: {error}"
        raise UsageError(problems_text(place, [f"proxy {proxy.name}: {reason}"])) from error
    return proxy


def _objective_problems(spec: StudySpec, proxy: Proxy) -> list[str]:
    if spec.objective not in proxy.metrics:
        hint = nearest(spec.objective, proxy.metrics)
        return [f"objective: got {spec.objective!r}, which {proxy.name} does not measure; {hint}"]
    direction = proxy.metrics[spec.objective]
    if spec.direction != direction:
        return [f"direction: got {spec.direction!r}; {spec.objective} is one to {direction}."]
    return []


def _horizon_problems(spec: StudySpec) -> list[str]:
    least = spec.parsed_space.min_total_steps
    if spec.horizon_steps < least:
        return [
            f"total_steps: got {spec.horizon_steps}; the shortest cycle of [space] needs a horizon of "
            f"{least} steps or more."
        ]
    return []
