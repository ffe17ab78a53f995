"""`warmboot launch`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import (
    AcceptChangeOption,
    AddressOption,
    BudgetOption,
    DeviceOption,
    EngineOption,
    GpusOption,
    JsonOption,
    NRunsOption,
    NTrialsOption,
    ShipOption,
    SlurmOption,
    StorageOption,
    StudyArgument,
    WorkersOption,
    address,
    gpu_list,
    talk,
)
from search.cli.terminal import tell
from search.errors import RunError

if TYPE_CHECKING:
    from rich.console import Console

    from search.results.status import StudyStatus

NAME = "launch"


def command(
    study: StudyArgument,
    n_trials: NTrialsOption = None,
    n_runs: NRunsOption = None,
    budget: BudgetOption = None,
    storage: StorageOption = None,
    workers: WorkersOption = None,
    device: DeviceOption = "auto",
    gpus: GpusOption = None,
    engine: EngineOption = "local",
    ray_address: AddressOption = None,
    ship: ShipOption = None,
    slurm: SlurmOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Only register the study; `warmboot worker` trains it.")
    ] = False,
    accept_change: AcceptChangeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a study here: create it, or resume it.

    Example: warmboot launch char_lm
    """
    # torch and Optuna take seconds to import; --help and other commands should not
    from search.cli.launch_views import view_for
    from search.cli.snapshots import snapshot_json, summary_lines
    from search.cluster.engines import engine_of, hand_in, refuse_options_of_others
    from search.launch.asked_limit import asked_limit
    from search.launch.engine import LaunchOptions
    from search.launch.launch import launch, register
    from search.results.status import read_status
    from search.spec.permission import option_for
    from search.storage.address import storage_option

    console = talk()
    options = LaunchOptions(
        storage=address(storage),
        limit=asked_limit(n_trials=n_trials, n_runs=n_runs, budget=budget),
        workers=workers,
        device=device,
        gpus=gpu_list(gpus),
        accept_change=accept_change,
    )
    refuse_options_of_others(engine, address=ray_address, ship=ship, slurm=slurm)
    if detach:
        record = register(study, options, lambda text: tell(console, text)).record
        snapshot = read_status(record, record.reader())
    elif engine == "slurm":
        record = hand_in(study, options, slurm or (), lambda text: tell(console, text)).record
        snapshot = read_status(record, record.reader())
    else:
        with engine_of(engine, options, ray_address, ship) as workers_from:
            snapshot = _watched(lambda: launch(study, options, view_for(console), workers_from)[1], console)
    if as_json:
        print(json.dumps(snapshot_json(snapshot)))
    if engine == "slurm" and not detach:
        return
    if detach:
        words = [*storage_option(address(storage)), *option_for(snapshot.spec.proxy).split()]
        command_line = shlex.join(["warmboot", "worker", *words])
        tell(console, f"{snapshot.spec.name}: registered; work on it with: {command_line}")
        return
    for line in summary_lines(snapshot, storage_option(address(storage))):
        tell(console, line)
    if snapshot.best is None and snapshot.failures:
        raise RunError(f"no trial of {snapshot.spec.name} was completed.")
    if snapshot.mostly_failed:
        failed = snapshot.used - snapshot.results
        raise RunError(f"{failed} of {snapshot.used} trials of {snapshot.spec.name} failed; see above.")


def _watched(launch: Callable[[], StudyStatus], console: Console) -> StudyStatus:
    """Launch; if Ctrl-C or another signal ends it, say what becomes of the study."""
    try:
        return launch()
    except Exception:
        raise
    except BaseException:
        tell(console, "interrupted: trials in training were handed back; run the same launch to resume")
        raise
