"""The engine that a launch asks for by its name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from search.errors import UsageError
from search.launch.engine import Engine, LaunchOptions, LocalEngine
from search.launch.spare_workers import SpareWorkers, n_spares


@contextlib.contextmanager
def engine_of(
    name: str, options: LaunchOptions, address: str | None = None, ship: bool | None = None
) -> Iterator[Engine]:
    """An engine, made ready at once and closed at the end. This process must still be no more than its
    imports, so that workers of this machine can be forks of it.

    Args:
        name: `local` or `ray`.
        options: of the launch.
        address: of a Ray cluster.
        ship: whether code is sent to its nodes; None: where they do not see it.

    Raises:
        UsageError: Ray is not installed, or an option is of this machine.
    """
    if name == "ray":
        from search.cluster.ray_engine import RayEngine

        with RayEngine(options, address, ship) as engine:
            yield engine
        return
    with SpareWorkers(n_spares(options.workers, options.gpus)) as spares:
        yield LocalEngine(options, spares)


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
