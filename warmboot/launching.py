"""`launch` and `open_study`: the service from Python, found by its place when it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from warmboot.service import service_module

if TYPE_CHECKING:
    from search.session.study import Study


def launch(
    training: Callable[..., object] | Mapping[str, Any] | str | PathLike[str],
    *,
    name: str | None = None,
    space: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    total_steps: int | None = None,
    objective: str | None = None,
    direction: str | None = None,
    n_runs: int | None = None,
    n_trials: int | None = None,
    budget: str | float | None = None,
    seed: int | None = None,
    storage: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    gpus: Sequence[int | str] | None = None,
    engine: str = "local",
    address: str | None = None,
    ship: bool | None = None,
    accept_change: bool = False,
    progress: bool = True,
    **entries: Any,
) -> Study:
    """Run a study here and wait for it: create it, or resume it.

    A function is called as `train(schedule, context)`, as often as there are trainings: it trains
    `context.total_steps` steps with `schedule.lr_table(context.total_steps)`, reports by
    `context.report(step, val=...)`, and lets `warmboot.StopTraining` pass. It runs in a process of its own:

    - one of a module, marked with `warmboot.function_proxy`, goes by name; every command can train it;
    - any other, of a notebook or script for example, goes by value with what it uses of there; only this
      Python can train it, `verdict` and `transfer` included.

    Args:
        training: such a function; the entries of a study file as a dict, whose `proxy` may be such a
            function; or a packaged name or the path of a study file.
        name: of the study in its storage; by default that of the function, or of the file.
        space: `[space]` of a study file: what is searched of the schedule.
        params: `[params]`: other hyperparameters that are searched; they come as `context.params`.
        total_steps: the horizon, in optimizer steps.
        objective: the metric to go by; by default `val`.
        direction: `minimize` or `maximize`.
        n_runs: the search costs as much as so many full trainings; for a function 24 by default.
        n_trials: or: how many trials.
        budget: or: how long, as "8h" or in seconds.
        seed: of the study.
        storage: as `sqlite:///FILE.db`; by default `$WARMBOOT_STORAGE`, else a file in your data folder.
        workers: processes that train; by default one for a function, one a core for a built-in proxy.
        device: cpu, cuda, cuda:1, mps; by default the best there is. A function finds it as `context.device`.
        gpus: GPUs to train on, one worker each.
        engine: `local`, processes of this machine; `ray`, workers in a Ray cluster; `slurm`, an array job of
            `workers` workers, which is handed in: the call returns at once. For the last two a function has
            to lie in a module that every node has.
        address: with `ray`: of the cluster, as "HOST:6379"; by default the one this machine is part of.
        ship: with `ray`: send the folder of your code to the nodes; by default where they do not see it.
        accept_change: continue although the function has changed since the study's results.
        progress: show how it goes, in place in a notebook or terminal, in lines elsewhere, on stderr.
        entries: further entries of a study file: `early_stopping`, `sampler`, `verdict`, `time_limit`, ...

    Returns:
        The study: `best`, `status`, `verdict()`, `transfer()`, `export()`, `report()`, `optuna`.

    Raises:
        ValueError: (`UsageError`) the request can't be carried out as given; the message lists what is wrong.
        RuntimeError: (`RunError`) the work failed; what was finished is kept, the same call resumes it.
        KeyboardInterrupt: it was interrupted; what was finished is kept, the same call resumes it.
        ModuleNotFoundError: `warmboot[search]` is not installed.

    >>> launch("chr_lm", n_runs=8)
    Traceback (most recent call last):
    search.errors.UsageError: 'chr_lm' is neither a packaged study nor a file; did you mean char_lm?
    """
    given = {
        "name": name,
        "space": space,
        "params": params,
        "total_steps": total_steps,
        "objective": objective,
        "direction": direction,
        "n_runs": n_runs,
        "n_trials": n_trials,
        "budget": budget,
        "seed": seed,
        **entries,
    }
    study: Study = service_module("search.session.launching", "warmboot.launch").launched(
        training,
        given,
        storage=storage,
        workers=workers,
        device=device,
        gpus=gpus,
        engine=engine,
        address=address,
        ship=ship,
        accept_change=accept_change,
        progress=progress,
    )
    return study


def open_study(
    name: str,
    *,
    train: Callable[..., object] | None = None,
    storage: str | None = None,
    allow_import: Sequence[str] = (),
    allow_commands: bool = False,
    device: str = "auto",
    progress: bool = True,
) -> Study:
    """Come back to a study that is in its storage, whoever launched it.

    Args:
        name: of the study.
        train: the function that it was launched with; needed for `verdict` and `transfer` of a function that
            goes by value, and consent to run it for any other.
        storage: as for `launch`.
        allow_import: packages whose code `verdict` and `transfer` may run; see `warmboot verdict`.
        allow_commands: whether they may run the study's command.
        device: as for `launch`.
        progress: as for `launch`.

    Raises:
        ValueError: (`UsageError`) there is no such study or storage, or it has another function.
        RuntimeError: (`RunError`) the storage can't be reached.
        ModuleNotFoundError: `warmboot[search]` is not installed.
    """
    study: Study = service_module("search.session.launching", "warmboot.open_study").opened(
        name,
        train=train,
        storage=storage,
        allow_import=allow_import,
        allow_commands=allow_commands,
        device=device,
        progress=progress,
    )
    return study
