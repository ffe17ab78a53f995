"""Workers in a Ray cluster: the same study as on one machine, whatever becomes of the nodes."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import warmboot
from search.cluster.ray_engine import RayEngine
from search.cluster.ray_worker import RayWorker
from search.launch.engine import LaunchOptions
from search.launch.launch import Setting, launch
from search.results.status import StudyStatus
from search.storage.address import parse_address
from search.worker.process import WorkerTask

pytest.importorskip("ray", reason="Ray is not installed: pip install 'warmboot[ray]'")

N_TRIALS = 40
STUDY = f"""
name = "spread"
proxy = "noisy_quadratic"
total_steps = 600
n_trials = {N_TRIALS}
[space]
lr = {{ low = 1e-2, high = 3.0, log = true }}
n_restarts = {{ low = 0, high = 2 }}
curve = ["cosine", "linear"]
[confirmation]
leaders = 0
"""
SCRIPT_STUDY = """
name = "own"
proxy = {{ command = {command} }}
total_steps = 50
n_trials = 1
[space]
lr = {{ low = 0.01, high = 0.1, log = true }}
"""
SCRIPT = """
from pathlib import Path
from warmboot.trial_files import current_trial
import warmboot

current_trial()
assert Path("train.py").resolve() != Path(WRITTEN_AT), "it runs in the copy that was sent"
warmboot.report(0, val=3.0)
warmboot.report(50, val=0.125)
"""


class View:
    """Takes down what a launch tells, and may act on how far it is."""

    def __init__(self, act: Callable[[StudyStatus], None] = lambda _: None) -> None:
        self.notes: list[str] = []
        self.setting: Setting | None = None
        self._act = act

    def begin(self, setting: Setting, snapshot: StudyStatus) -> None:
        self.setting = setting

    def update(self, snapshot: StudyStatus, confirming: tuple[int, int] | None) -> None:
        self._act(snapshot)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def end(self) -> None:
        pass


class Watched(RayEngine):
    """Remembers its workers."""

    def __init__(self, options: LaunchOptions, address: str) -> None:
        super().__init__(options, address)
        self.workers: list[RayWorker] = []

    def start(self, task: WorkerTask) -> RayWorker:
        self.workers.append(super().start(task))
        return self.workers[-1]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head with room for one worker, which notices within a second that a node is gone."""
    from ray.cluster_utils import Cluster

    impatient = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}
    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": impatient}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            yield cluster
        finally:
            cluster.shutdown()


def launched(
    file: Path, database: str, view: View, engine: Callable[[LaunchOptions], RayEngine] | None = None
) -> StudyStatus:
    options = LaunchOptions(storage=parse_address(f"sqlite:///{file.parent}/{database}"), device="cpu")
    if engine is None:
        return launch(str(file), options, view)[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own
        with engine(options) as made:
            return launch(str(file), options, view, made)[1]


def test_a_node_is_lost_and_one_added_and_it_is_the_study_of_one_machine(
    cluster: Any, tmp_path: Path
) -> None:
    file = tmp_path / "study.toml"
    file.write_text(STUDY)
    lost = cluster.add_node(num_cpus=1)

    engines: list[Watched] = []

    def watched(options: LaunchOptions) -> Watched:
        engines.append(Watched(options, cluster.address))
        return engines[0]

    def exchange(snapshot: StudyStatus) -> None:
        if exchanged or not snapshot.finished or any(worker.waits for worker in engines[0].workers):
            return
        exchanged.append(snapshot.finished)
        cluster.remove_node(lost, allow_graceful=False)
        cluster.add_node(num_cpus=1)

    exchanged: list[int] = []
    view = View(exchange)
    spread = launched(file, "ray.db", view, watched)
    assert view.setting is not None
    assert view.setting.workers == 2
    assert 0 < exchanged[0] < N_TRIALS, "half-way"
    assert len([note for note in view.notes if "lost with its node; it begins again on" in note]) == 1
    assert sum(spread.counts.values()) == spread.results == N_TRIALS
    here = launched(file, "local.db", View())
    assert spread.hash == here.hash is not None


def test_from_python_a_script_is_sent_along_and_runs_in_the_copy(
    cluster: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "train.py").write_text(SCRIPT.replace("WRITTEN_AT", repr(str(home / "train.py"))))
    command = f"{shlex.quote(sys.executable)} train.py"
    (home / "study.toml").write_text(SCRIPT_STUDY.format(command=repr(command)))
    storage = f"sqlite:///{home}/studies.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own
        study = warmboot.launch(
            home / "study.toml",
            engine="ray",
            address=cluster.address,
            ship=True,
            storage=storage,
            device="cpu",
        )
    assert f"{home} is sent to the cluster" in capfd.readouterr().err
    assert study.status.data["trials"] == {"complete": 1}
    assert set(study.best.values) == {0.125}
