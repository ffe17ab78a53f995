"""Workers as a job of SLURM, through submitit: each task of an array runs `warmboot worker` for one study.

Nobody has to watch: a task ends when nothing is left to train, hands its trials back when its time is over or
its node is taken from it, and is queued again. SLURM knows how many there are, the study's leases know the
rest.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from search.cluster.reachable import storage_everywhere
from search.errors import RunError, UsageError
from search.launch.engine import LaunchOptions
from search.messages import next_command
from search.spec.permission import is_handed, only_there, option_for
from search.spec.slurm import TIME, SlurmOption, checked_options, minutes_of
from search.spec.study import StudySpec
from search.storage.address import (
    PASSWORD_FILE_VARIABLE,
    default_folder,
    is_sqlite,
    make_folder,
    shown,
    sqlite_path,
    storage_option,
    variable,
    without_password,
)
from warmboot.extras import missing_text
from warmboot.service_process import HANDING_BACK_SECONDS, HeldCommand

MOST_REQUEUES = 1000
"""After the end of a task's time: a study may take many times the longest time that a partition allows."""
NODES_OF_SLURM = "the nodes of SLURM"


@dataclass(frozen=True)
class Submission:
    """An array job that was handed in.

    Attributes:
        job: its number.
        tasks: how many workers.
        logs: the folder of what they say, a file each.
        jobs: submitit's, one a task.
    """

    job: str
    tasks: int
    logs: Path
    jobs: Sequence[Any] = field(default=(), repr=False)

    def lines(self, spec: StudySpec, options: LaunchOptions) -> list[str]:
        """What a person needs to know of it."""
        workers = "1 worker" if self.tasks == 1 else f"{self.tasks} workers"
        storage = storage_option(options.storage)
        return [
            f"{spec.name}: {workers} handed in as job {self.job} of SLURM",
            f"watch it with: {next_command('status', spec.name, *storage)}",
            f"end it with: {next_command('stop', spec.name, *storage)} (or at once: scancel {self.job})",
            f"what the workers say: {self.logs}/{self.job}*",
        ]


def options_of(table: Mapping[str, SlurmOption], flags: Sequence[str]) -> dict[str, SlurmOption]:
    """The sbatch options of a study file and, before them, those of the command line.

    Args:
        table: `[slurm]`.
        flags: each `KEY=VALUE`, or `KEY` for one without a value.

    Raises:
        UsageError: one of the flags is no option.

    >>> options_of({"partition": "cpu", "mem": "4G"}, ["partition=gpu", "exclusive"])
    {'partition': 'gpu', 'mem': '4G', 'exclusive': True}
    """
    given: dict[str, SlurmOption] = {}
    for flag in flags:
        key, equals, value = flag.partition("=")
        given[key] = value if equals else True
    try:
        return {**table, **checked_options(given)}
    except ValueError as error:
        raise UsageError(f"--slurm: {error}.") from None


def refuse_storage(options: LaunchOptions, executor: str = "slurm") -> None:
    """Refuse a storage that the nodes can't reach, or whose password would have to stand in the job's script.

    Raises:
        UsageError: with the way out.
    """
    storage = options.storage
    if executor == "slurm":
        storage_everywhere(storage, {NODES_OF_SLURM})
    if storage.password is not None and variable(PASSWORD_FILE_VARIABLE) is None:
        raise UsageError(
            f"--storage: the password of {shown(storage)} would stand in the job's script; write it into a "
            f"file that the nodes see, name that in ${PASSWORD_FILE_VARIABLE}, and leave it out of the "
            "address."
        )


def worker_command(spec: StudySpec, options: LaunchOptions) -> list[str]:
    """What each task runs; no password is in it."""
    storage = without_password(options.storage)
    if is_sqlite(storage):
        storage = storage.set(database=str(sqlite_path(storage).absolute()))
    device = [] if options.device == "auto" else ["--device", options.device]
    words = [*("--study", spec.name), "--until-done", *("--storage", shown(storage)), *device]
    command = [sys.executable, "-P", "-m", "warmboot.__main__", "worker"]
    return [*command, *words, *option_for(spec.proxy).split()]


def submit(
    spec: StudySpec,
    options: LaunchOptions,
    sbatch: Mapping[str, SlurmOption],
    *,
    executor: Literal["slurm", "local"] = "slurm",
    logs: Path | None = None,
) -> Submission:
    """Hand in an array of `options.workers` tasks, one where that is None, for a study that is registered.

    Args:
        spec: the study.
        options: of the launch.
        sbatch: as `options_of` gives them.
        executor: submitit's; `local` runs the same job as processes of this machine.
        logs: where submitit keeps the job and what it says; None: in the user's data folder.

    Raises:
        UsageError: submitit is not installed, this is no machine of SLURM's, or the function lives in a
            notebook.
        RunError: SLURM refuses the job, in its own words.
    """
    if is_handed(getattr(spec.proxy, "train", None)):
        raise UsageError(only_there(spec.proxy))
    folder = logs or default_folder() / "slurm" / spec.name.replace(" ", "_")
    make_folder(folder)
    try:
        from submitit.core.utils import DelayedSubmission, FailedJobError, FailedSubmissionError
        from submitit.helpers import clean_env
    except ImportError as error:
        raise UsageError(missing_text(error, "--engine slurm")) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the file descriptors of a local executor
        submitting = _executor(executor, folder, spec.name, sbatch)
        command = HeldCommand(worker_command(spec, options), DelayedSubmission)
        tasks = options.workers or 1
        try:
            with clean_env(), submitting.batch():
                jobs = [submitting.submit(command) for _ in range(tasks)]
        except (FailedJobError, FailedSubmissionError) as error:
            raise RunError(f"SLURM refused the job: {_last_words(error)}") from error
    return Submission(str(jobs[0].job_id).partition("_")[0], tasks, folder, jobs)


def _executor(name: str, folder: Path, study: str, sbatch: Mapping[str, SlurmOption]) -> Any:
    import submitit

    minutes = minutes_of(sbatch)
    if name == "local":
        local = submitit.LocalExecutor(folder, max_num_timeout=MOST_REQUEUES)
        local.update_parameters(timeout_min=minutes)
        return local
    try:
        slurm = submitit.SlurmExecutor(folder, max_num_timeout=MOST_REQUEUES)
    except RuntimeError as error:
        raise UsageError(
            f"--engine slurm: this is no machine of SLURM's ({error}); launch where sbatch and srun are."
        ) from None
    slurm.update_parameters(
        job_name=f"warmboot-{study.replace(' ', '_')}",
        time=minutes,
        signal_delay_s=int(HANDING_BACK_SECONDS) + 50,
        additional_parameters={
            "requeue": True,
            **{key: value for key, value in sbatch.items() if key != TIME},
        },
    )
    return slurm


def _last_words(error: Exception) -> str:
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
