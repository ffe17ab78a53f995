"""The engine that a launch asks for by its name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

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
        UsageError: an option is not one of this engine, or Ray is not installed.
    """
    if name == "ray":
        from search.cluster.ray_engine import RayEngine

        with RayEngine(options, address, ship) as engine:
            yield engine
        return
    for option, given in (("--address", address), ("--ship", ship)):
        if given is not None:
            raise UsageError(f"{option}: is of a Ray cluster; add --engine ray, or leave it out.")
    with SpareWorkers(n_spares(options.workers, options.gpus)) as spares:
        yield LocalEngine(options, spares)
