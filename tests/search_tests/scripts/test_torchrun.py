"""torchrun with two processes: rank 0 reports, and both hear together that the trial is to end."""

from __future__ import annotations

from search.runs.events import Cancel, Cancelled, TrainingFailed
from search.runs.run import Measurement
from search.scripts.launcher import CommandLauncher
from tests.search_tests.scripts.workshop import PYTHON, Working, Workshop, reason, script_run
from warmboot.schedule import WarmbootSchedule

# A collective in each step, as in data-parallel training: a rank that went on alone would hang in it.
TRAINING = """
import sys, time, pathlib
import warmboot
from warmboot.trial_files import current_trial

assert current_trial().schedule.lr == 0.5
import torch, torch.distributed as dist
everybody, folder = sys.argv[1] == "all", pathlib.Path(sys.argv[2])
dist.init_process_group("gloo")
rank = dist.get_rank()
loss = torch.ones(1)
step = 0
try:
    for step in range(1, int(sys.argv[3]) + 1):
        dist.all_reduce(loss)
        loss /= 2
        if everybody:
            warmboot.report(step, val=loss if rank == 0 else None)
        elif rank == 0:
            warmboot.report(step, val=loss)
        time.sleep(float(sys.argv[4]))
except warmboot.StopTraining:
    (folder / f"stopped{rank}").write_text(str(step))
dist.destroy_process_group()
"""


def launcher(workshop: Workshop, who: str, pause: float) -> CommandLauncher:
    script = workshop.folder / "train.py"
    script.write_text(TRAINING)
    return CommandLauncher(
        f"{PYTHON} -m torch.distributed.run --standalone --nproc_per_node=2 {script} {who} {workshop.folder} "
        f"{{total_steps}} {pause}",
        environment={**workshop.environment, "OMP_NUM_THREADS": "1"},
    )


def test_rank_0_may_report_alone(workshop: Workshop) -> None:
    with Working(launcher(workshop, "rank0", 0.0), workshop.runs) as working:
        events = working.events_of(script_run(total_steps=5))
    assert [event.step for event in events if isinstance(event, Measurement)] == [1, 2, 3, 4, 5], events
    assert events[-1] == Measurement(key="a", step=5, metrics={"val": 1.0}, last=True)


def test_all_ranks_stop_at_the_same_step(workshop: Workshop) -> None:
    with Working(launcher(workshop, "all", 0.02), workshop.runs) as working:
        working.ready.put(script_run(total_steps=10_000))
        for _ in range(3):
            working.next_event()
        working.ready.put(Cancel("a"))
        events = working.events_to_the_end()
    assert events[-1] == Cancelled("a")
    measured = [event.step for event in events if isinstance(event, Measurement)]
    first, second = (int((workshop.folder / f"stopped{rank}").read_text()) for rank in (0, 1))
    assert first == second >= max(measured, default=0)


def test_the_reason_is_the_error_of_the_script_and_not_torchruns(workshop: Workshop) -> None:
    with Working(launcher(workshop, "all", 0.0), workshop.runs) as working:
        event = working.events_of(script_run(total_steps=2, schedule=WarmbootSchedule(lr=0.1)))[-1]
    assert isinstance(event, TrainingFailed)
    assert reason(event.traceback_text) == "exit code 1: AssertionError."
    assert "assert current_trial().schedule.lr == 0.5" in event.traceback_text
