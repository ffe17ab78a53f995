"""`warmboot.launch` and `warmboot.open_study`, where the service is installed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import URL

from search.cluster.engines import ENGINES, engine_of, hand_in, refuse_handed, refuse_options_of_others
from search.errors import RunError, UsageError
from search.launch.checks import WantedStudy
from search.launch.engine import LaunchOptions
from search.launch.launch import LaunchView, launch
from search.results.failed_trials import failed_trials
from search.scripts.handed_function import MUCH_BYTES, HandedFunction, hand_over, reference_of
from search.session.described import Described, described
from search.session.interrupted import interrupted
from search.session.progress import launch_view
from search.session.study import Study
from search.spec.permission import Permission, is_handed
from search.spec.proxy import ProxySpec
from search.storage.address import storage_address
from search.storage.database import open_for_reading
from search.storage.patience import HOLDING_SECONDS, Patience
from search.storage.study_record import StudyRecord, find_study, study_for_work


def launched(
    training: object,
    entries: Mapping[str, Any],
    *,
    storage: str | None,
    workers: int | None,
    device: str,
    gpus: Sequence[int | str] | None,
    engine: str,
    address: str | None,
    ship: bool | None,
    accept_change: bool,
    progress: bool,
) -> Study:
    """See `warmboot.launch`."""
    if engine not in ENGINES:
        raise UsageError(f"engine: got {engine!r}; accepted are {', '.join(ENGINES)}.")
    refuse_options_of_others(engine, address=address, ship=ship, slurm=None)
    wanted = described(training, entries)
    refuse_handed(engine, wanted.study)
    options = LaunchOptions(
        storage=storage_address(storage),
        workers=_checked_workers(workers),
        device=device,
        gpus=None if gpus is None else tuple(str(gpu) for gpu in gpus),
        accept_change=accept_change,
    )
    view = launch_view(progress)
    _tell_size(wanted, view.note)
    try:
        record = _launched(wanted.study, options, view, engine, address, ship)
    except KeyboardInterrupt:
        raise interrupted(wanted.study.spec.name, storage) from None
    except UsageError as error:
        raise UsageError(str(error)) from None  # which frame found it says nothing
    except RunError as error:
        raise _with_last_output(error, wanted.study.spec.name, options.storage) from None
    return Study(
        record,
        permission=_permission_for(wanted.study.spec.proxy),
        function=wanted.function,
        device=device,
        progress=progress,
    )


def _launched(
    study: WantedStudy,
    options: LaunchOptions,
    view: LaunchView,
    engine: str,
    address: str | None,
    ship: bool | None,
) -> StudyRecord:
    """Launch where the engine has its workers; to SLURM they are handed in, and nobody waits."""
    if engine == "slurm":
        return hand_in(study, options, (), view.note).record
    with engine_of(engine, options, address, ship, may_fork=False) as workers_from:
        return launch(study, options, view, workers_from)[0]


def opened(
    name: str,
    *,
    train: Callable[..., object] | None,
    storage: str | None,
    allow_import: Sequence[str],
    allow_commands: bool,
    device: str,
    progress: bool,
) -> Study:
    """See `warmboot.open_study`."""
    record = study_for_work(storage_address(storage), name)
    record.database.patience = Patience(HOLDING_SECONDS, launch_view(progress).note)
    permission = Permission(imports=tuple(allow_import), commands=allow_commands)
    function = None
    if train is not None:
        function = _function_of(record.spec.proxy, train, name)
        permission = _permission_for(record.spec.proxy)
    return Study(record, permission=permission, function=function, device=device, progress=progress)


def _with_last_output(error: RunError, name: str, storage: URL) -> RunError:
    """The error as the command line words it, with what the failed function printed."""
    told = RunError(str(error))
    with contextlib.suppress(UsageError, RunError):  # no study was made, or its storage is away
        failed = failed_trials(find_study(open_for_reading(storage), name))
        if failed:
            told.add_note(f"The last output of trial {failed[-1].number}:\n{failed[-1].text}")
    return told


def _function_of(proxy: ProxySpec, train: Callable[..., object], name: str) -> HandedFunction | None:
    known, reference = getattr(proxy, "train", None), reference_of(train)
    function = hand_over(train) if reference is None else None
    given = reference if function is None else function.name
    if given != known:
        raise UsageError(
            f"train: study {name!r} was searched with {known or proxy.name}, and this is {given}; open it "
            "with the function that it was launched with."
        )
    return function


def _permission_for(proxy: ProxySpec) -> Permission:
    """Who named what is trained has consented to it; it may be nothing else."""
    reference = getattr(proxy, "train", None) or proxy.name
    if is_handed(reference):
        return Permission(handed=True)
    if getattr(proxy, "command", None) is not None:
        return Permission(commands=True)
    module, colon, _ = reference.partition(":")
    return Permission(imports=(module,) if colon else ())


def _checked_workers(workers: int | None) -> int | None:
    if workers is not None and not 1 <= workers <= 512:
        raise UsageError(f"workers: got {workers}; accepted is a whole number from 1 to 512.")
    return workers


def _tell_size(wanted: Described, say: Callable[[str], None]) -> None:
    if wanted.function is not None and wanted.function.size_bytes > MUCH_BYTES:
        size = wanted.function.size_bytes / 1e6
        say(
            f"the function takes {size:.0f} MB of your data along into each process; load it inside the "
            "function to start sooner"
        )
