"""The engine that a launch asks for by its name, on the command line and from Python."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from search.errors import UsageError
from search.launch.checks import RegisteredStudy, WantedStudy
from search.launch.engine import Engine, LaunchOptions, LocalEngine
from search.launch.launch import register
from search.launch.spare_workers import SpareWorkers, n_spares
from search.messages import Say

ENGINES = ("local", "ray", "slurm")


@contextlib.contextmanager
def engine_of(
    name: str,
    options: LaunchOptions,
    address: str | None = None,
    ship: bool | None = None,
    *,
    may_fork: bool = True,
) -> Iterator[Engine]:
    """An engine, made ready at once and closed at the end.

    Args:
        name: `local` or `ray`.
        options: of the launch.
        address: of a Ray cluster.
        ship: whether code is sent to its nodes; None: where they do not see it.
        may_fork: whether this process is still no more than its imports, so that workers of this machine can
            be forks of it.

    Raises:
        UsageError: Ray is not installed, or an option is of this machine.
    """
    if name == "ray":
        from search.cluster.ray_engine import RayEngine

        with RayEngine(options, address, ship) as engine:
            yield engine
        return
    if not may_fork:
        yield LocalEngine(options)
        return
    with SpareWorkers(n_spares(options.workers, options.gpus)) as spares:
        yield LocalEngine(options, spares)


def hand_in(
    study: str | WantedStudy, options: LaunchOptions, flags: Sequence[str], say: Say
) -> RegisteredStudy:
    """Register a study and hand in its workers to SLURM; nobody waits for them.

    Args:
        study: a packaged name or a path, or what a Python session wants.
        options: of the launch.
        flags: options of sbatch before those of the study, each `KEY=VALUE`.
        say: told what is said of the study, and how to watch and end the job.

    Raises:
        UsageError: it can't be handed in; nothing was.
        RunError: SLURM refuses the job.
    """
    from search.cluster.slurm import options_of, refuse_storage, submit

    refuse_storage(options)
    registered = register(study, options, say)
    spec = registered.record.spec
    for line in submit(spec, options, options_of(spec.slurm, flags)).lines(spec, options):
        say(line)
    return registered


def refuse_handed(engine: str, want: WantedStudy) -> None:
    """Refuse a function that exists in this Python alone where others are to train it.

    Raises:
        UsageError: with the way out.
    """
    if engine != "local" and want.handed is not None:
        raise UsageError(
            f"engine: with {engine!r} others train, and {want.spec.proxy.name} is only in this Python; put "
            "it into a module that every node has, with @warmboot.function_proxy above it."
        )


def refuse_options_of_others(
    engine: str, *, address: str | None, ship: bool | None, slurm: Sequence[str] | None
) -> None:
    """Refuse options that an engine does not read.

    Raises:
        UsageError: one was given; names the engine whose it is.
    """
    given = {"--address": ("ray", address), "--ship": ("ray", ship), "--slurm": ("slurm", slurm or None)}
    for option, (whose, value) in given.items():
        if value is not None and whose != engine:
            raise UsageError(f"{option} is read with --engine {whose} only; add that, or leave it out.")
