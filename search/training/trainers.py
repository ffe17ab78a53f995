"""Which trainer a study's proxy needs: a population, or one process at a time."""

from __future__ import annotations

import functools
import queue
import threading
from typing import Any, Protocol

from search.checkpoints.study_folder import StudyCheckpoints
from search.errors import UsageError
from search.scripts.launcher import CommandLauncher
from search.scripts.script_run import Limits
from search.spec.handed import HandedOver
from search.spec.made_of import MadeOf
from search.spec.proxy import CommandProxy, DeclaredProxy, FreeProxy
from search.spec.study import StudySpec
from search.training.pulse import Pulse


class TrainsRuns(Protocol):
    """The main thread's work: take runs from a queue, send events, until told to stop."""

    def train(self) -> None: ...


def slots_for(spec: StudySpec, device: str) -> int:
    """How many runs train at once in one process.

    What is not declared trains one by one.
    """
    return 1 if spec.proxy_kind != "declared" else spec.population.slots_on(device)


def make_trainer(
    spec: StudySpec,
    *,
    device: str,
    ready: queue.SimpleQueue[Any],
    events: queue.SimpleQueue[Any],
    stop: threading.Event,
    handed: HandedOver | None = None,
    checkpoints: StudyCheckpoints | None = None,
    pulse: Pulse | None = None,
) -> tuple[TrainsRuns, MadeOf]:
    """The trainer of a study, and what its proxy is made of here.

    Args:
        spec: the study.
        device: of torch.
        ready: runs to train.
        events: what becomes of them.
        stop: ends the training.
        handed: the study's function, where a Python session has handed it over.
        checkpoints: where runs keep what outlives this process; None: nowhere.
        pulse: of a training in this process; one in a process of its own has a limit of silence.
    """
    if isinstance(spec.proxy, DeclaredProxy):
        return _population_trainer(spec, spec.proxy, device, ready, events, stop, checkpoints, pulse)
    return _script_trainer(spec, spec.proxy, device, ready, events, stop, handed, checkpoints)


def _population_trainer(
    spec: StudySpec,
    declared: DeclaredProxy,
    device: str,
    ready: queue.SimpleQueue[Any],
    events: queue.SimpleQueue[Any],
    stop: threading.Event,
    checkpoints: StudyCheckpoints | None,
    pulse: Pulse | None,
) -> tuple[TrainsRuns, MadeOf]:
    import torch  # a worker that only watches a script does without

    from search.population.chain import UnsupportedLayerError
    from search.population.make import make_population
    from search.population.saved_runs import SavedRuns, bits_belong_to
    from search.population.vmapped import UnsupportedModelError
    from search.proxies.precision import precision_problem
    from search.proxies.proxy import Proxy
    from search.proxies.registry import declared_made_of, declared_proxy
    from search.training.population_trainer import PopulationTrainer

    torch.set_num_threads(1)
    try:
        proxy = declared_proxy(declared.name, declared.arguments, device=device)
    except (ValueError, ModuleNotFoundError) as error:
        raise UsageError(f"study {spec.name!r} can't be trained here: {error}") from error
    if isinstance(proxy, Proxy) and (why := precision_problem(proxy.precision, device)):
        raise UsageError(f"study {spec.name!r} can't be trained here: {why}.")
    way = spec.population.way
    make = functools.partial(make_population, proxy, device=device, way=way)
    made_of = declared_made_of(proxy)
    saved = None
    if checkpoints is not None:
        belong_to = bits_belong_to(made_of.fingerprint, way=way, device=torch.device(device))
        saved = SavedRuns(checkpoints, belong_to, last=spec.checkpoints.keep == "best")
    try:
        trainer = PopulationTrainer(make, slots_for(spec, device), ready, events, stop, saved, pulse)
    except (UnsupportedLayerError, UnsupportedModelError) as error:
        raise UsageError(
            f"study {spec.name!r} trains its runs in the way {way!r}, which can't be done here: {error}"
        ) from error
    return trainer, made_of


def _script_trainer(
    spec: StudySpec,
    proxy: CommandProxy | FreeProxy,
    device: str,
    ready: Any,
    events: Any,
    stop: threading.Event,
    handed: HandedOver | None,
    checkpoints: StudyCheckpoints | None,
) -> tuple[TrainsRuns, MadeOf]:
    from search.scripts.fingerprints import one_by_one_made_of
    from search.scripts.function_process import FunctionLauncher
    from search.scripts.launcher import Launcher
    from search.scripts.script_trainer import ScriptTrainer

    launcher: Launcher
    if isinstance(proxy, CommandProxy):
        launcher = command_launcher(proxy)
    else:
        pickled = None if handed is None else handed.path
        launcher = FunctionLauncher(proxy.train, device=device, pickled=pickled)
    made_of = one_by_one_made_of(proxy, handed)
    trainer = ScriptTrainer(
        launcher,
        ready,
        events,
        stop,
        objective=spec.objective,
        limits=limits_of(proxy),
        checkpoints=checkpoints,
    )
    return trainer, made_of


def command_launcher(proxy: CommandProxy) -> CommandLauncher:
    """The launcher for the script of a command."""
    return CommandLauncher(proxy.command, working_directory=proxy.folder)


def limits_of(proxy: CommandProxy | FreeProxy) -> Limits:
    """How long one run of the user's own training may take."""
    return Limits(
        time_limit_seconds=proxy.time_limit,
        silence_limit_seconds=proxy.silence_limit,
        stop_grace_seconds=proxy.stop_grace,
    )
