"""Workers as a job of SLURM: what is asked of it, and the same job run by submitit on this machine."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from search.cluster.slurm import options_of, refuse_storage, submit, worker_command
from search.errors import RunError, UsageError
from search.launch.checks import prepare
from search.launch.engine import LaunchOptions
from search.results.status import read_status
from search.storage.address import parse_address
from tests.search_tests.patience import wait_until
from tests.search_tests.studies import study_spec

submitit = pytest.importorskip("submitit", reason="submitit is not installed: pip install 'warmboot[slurm]'")

SERVER = LaunchOptions(storage=parse_address("postgresql://ada@db.example/warmboot"), workers=3)
N_TRIALS = 30
STUDY = f"""
name = "q"
proxy = "noisy_quadratic"
total_steps = 600
n_trials = {N_TRIALS}
[space]
lr = {{ low = 1e-2, high = 3.0, log = true }}
[confirmation]
leaders = 0
"""
SBATCH = '#!/bin/sh\ncp "$1" "$(dirname "$0")/handed_in.sh"\necho Submitted batch job 4711\n'
REFUSES = "#!/bin/sh\necho 'sbatch: error: invalid partition specified: gpu' >&2\nexit 1\n"


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the commands of SLURM, where `sbatch` keeps what it is given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    for name, text in {"sbatch": SBATCH, "srun": "#!/bin/sh\n"}.items():
        program(folder / name, text)
    return folder


@pytest.fixture
def one_core() -> Iterator[None]:
    """What is started meanwhile has one core, and so one process that trains."""
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_of_them)})
    yield
    os.sched_setaffinity(0, all_of_them)


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_the_script_asks_for_what_file_and_command_line_say(slurm: Path, tmp_path: Path) -> None:
    spec = study_spec(name="my study", slurm={"partition": "cpu", "gpus_per_node": 1, "time": "90m"})
    sbatch = options_of(spec.slurm, ["partition=gpu", "exclusive"])
    job = submit(spec, SERVER, sbatch, logs=tmp_path / "logs")
    assert (job.job, job.tasks) == ("4711", 3)
    lines = (slurm / "handed_in.sh").read_text().splitlines()
    asked = {line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")}
    assert {
        "array=0-2%3",
        "exclusive",
        "gpus-per-node=1",
        "job-name=warmboot-my_study",
        "open-mode=append",
        "partition=gpu",
        "requeue",
        "signal=USR2@90",
        "time=90",
    } <= asked
    assert [line for line in job.lines(spec, SERVER) if "scancel 4711" in line]


def test_a_task_works_on_its_study_alone_with_no_more_than_that_needs() -> None:
    spec = study_spec(proxy={"command": "python train.py"}, objective="val")
    words = worker_command(spec, SERVER)[4:]
    address = "postgresql+psycopg://ada@db.example/warmboot"
    assert words[:2] == ["worker", "--study"]
    assert words[2:] == ["small", "--until-done", "--storage", address, "--allow-commands"]


def test_what_slurm_refuses_is_told_in_its_words(slurm: Path, tmp_path: Path) -> None:
    program(slurm / "sbatch", REFUSES)
    with pytest.raises(RunError, match=r"SLURM refused the job: .*invalid partition specified: gpu"):
        submit(study_spec(), SERVER, {}, logs=tmp_path / "logs")


def test_where_slurm_is_not_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no machine of SLURM's"):
        submit(study_spec(), SERVER, {}, logs=tmp_path / "logs")


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ("sqlite:///studies.db", "is a file, and workers on the nodes of SLURM can't share it"),
        ("postgresql://ada@localhost/warmboot", "give the server's name in the network"),
        ("postgresql://ada:secret@db.example/warmboot", r"postgresql\+psycopg://ada:\*\*\*@.*would stand in"),
    ],
)
def test_a_storage_that_the_nodes_do_not_reach_is_refused(storage: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        refuse_storage(LaunchOptions(storage=parse_address(storage)))


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("array=0-9", "array is set by warmboot"),
        ("time=soon", "time: accepted is a time above 0"),
        ("Partition=x", "no option of sbatch"),
        ("partition=", "accepted is a value of one line"),
    ],
)
def test_an_option_that_can_not_be_asked_for_is_refused(flag: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        options_of({}, [flag])


def test_a_task_that_is_preempted_hands_its_trials_back_and_goes_on_when_it_is_queued_again(
    tmp_path: Path, one_core: None
) -> None:
    file = tmp_path / "study.toml"
    file.write_text(STUDY)
    storage = parse_address(f"sqlite:///{tmp_path}/studies.db")
    record = prepare(str(file), storage, None).record
    options = LaunchOptions(storage=storage, workers=1, device="cpu")
    job = submit(record.spec, options, {}, executor="local", logs=tmp_path / "logs")
    reader = record.reader()
    wait_until(lambda: read_status(record, reader).finished > 0 or job.jobs[0].done(), "a trial")
    first = psutil.Process(int(job.job)).children()[0]
    first.send_signal(signal.SIGUSR2)  # as SLURM does some time before it takes the node away
    wait_until(lambda: job.jobs[0].done(), "the end of the job")
    assert not first.is_running()
    assert "this job is preempted" in job.jobs[0].stderr()
    assert job.jobs[0].result() == 0
    status = read_status(record, reader)
    assert status.counts == {"complete": N_TRIALS}
    assert status.failures == {}
    record.database.close()
