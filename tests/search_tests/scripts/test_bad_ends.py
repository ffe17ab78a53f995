"""Scripts that misbehave: each ends with the reason that is documented, and nothing of it is left."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from search.runs.events import Admitted, TrainingFailed
from search.runs.run import Measurement
from search.scripts.bounded_log import BoundedLog
from search.scripts.launcher import CommandLauncher
from search.scripts.out_of_memory import count_oom_kills, says_out_of_memory
from search.scripts.process_group import end_orphans
from search.scripts.reasons import bad_end
from search.scripts.script_run import Limits
from tests.search_tests.patience import PATIENCE_SECONDS, wait_until
from tests.search_tests.scripts.workshop import FAMILY, Working, Workshop, reason, script_run


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some scripts here do not heed SIGTERM."""
    monkeypatch.setattr("search.scripts.process_group.GRACE_SECONDS", 0.5)


REPORT_END = "import warmboot; warmboot.report(100, val=1.0)"


def test_a_script_that_will_not_end(workshop: Workshop) -> None:
    body = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(120)"
    assert reason(workshop.failure(body, limits=silence(1.0))).startswith("silence limit")


def test_a_script_that_is_killed(workshop: Workshop) -> None:
    body = "import os, signal; print('so far', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    assert workshop.failure(body) == (
        "The last output:\nso far\n\nkilled: it was ended by SIGKILL, which the search did not send."
    )


def test_a_script_that_runs_out_of_memory(workshop: Workshop) -> None:
    body = """
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
        held = []
        while True:
            held.append(bytearray(50 << 20))
    """
    assert reason(workshop.failure(body)) == "out of memory: exit code 1: MemoryError."


def test_a_kill_for_want_of_memory_is_told_from_another() -> None:
    assert bad_end(-9, "", oom_killed=True) == "out of memory: killed by the system (SIGKILL)"
    assert bad_end(1, "worker died", oom_killed=True) == "out of memory: killed by the system"
    assert (count_oom_kills() or 0) >= 0


@pytest.mark.parametrize(
    "words",
    [
        "Traceback (most recent call last):\nMemoryError",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8.00 TiB",
        "torch.OutOfMemoryError: CUDA out of memory. EvaluatedTrial to allocate 20.00 GiB",
        "RuntimeError: [enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory",
        "terminate called after throwing an instance of 'std::bad_alloc'",
    ],
)
def test_the_last_words_of_those_that_ran_out_of_memory(words: str) -> None:
    assert says_out_of_memory(f"epoch 3\n{words}\n")


def test_other_last_words_are_something_else() -> None:
    assert not says_out_of_memory("it has to do with my memory: MemoryErrors, for one\nValueError: no data")


def test_the_reason_is_the_error_and_not_what_is_printed_last(workshop: Workshop) -> None:
    body = """
        import atexit, sys
        print("loading")
        @atexit.register
        def bye():
            for _ in range(200):
                print("Set X_FULL_ERROR=1 for a complete stack trace.", file=sys.stderr)
        raise KeyError("no such backbone: resnet51")
    """
    text = workshop.failure(body)
    assert reason(text) == "exit code 1: KeyError: 'no such backbone: resnet51'."
    assert "loading" not in text
    assert 'raise KeyError("no such backbone' in text, "the traceback is kept, though it lies before the end"


def test_a_script_that_prints_a_megabyte_and_more(workshop: Workshop) -> None:
    body = """
        import sys
        for number in range(30_000):
            print("line", number, "x" * 90)
        sys.exit(1)
    """
    text = workshop.failure(body)
    assert reason(text) == f"exit code 1: line 29999 {'x' * 90}."
    assert 3000 < len(text) < 6000


def test_a_script_that_prints_without_end_is_ended_by_its_limit(workshop: Workshop) -> None:
    launcher = CommandLauncher("yes", environment=workshop.environment)
    with Working(launcher, workshop.runs, Limits(time_limit_seconds=0.5)) as working:
        event = working.events_of(script_run())[-1]
    assert isinstance(event, TrainingFailed)
    assert reason(event.traceback_text).startswith("time limit")


def test_a_log_keeps_its_end_and_not_more(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "log", largest_bytes=10_000)
    for number in range(5_000):
        log.write(b"%06d\n" % number)
        assert (tmp_path / "log").stat().st_size <= 10_000
    assert (tmp_path / "log").read_text().endswith("004998\n004999\n")
    assert log.tail().splitlines()[-1] == "004999"
    assert len(log.tail()) <= 4096


def test_what_the_disk_does_not_take_is_known_all_the_same(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "log")
    (tmp_path / "log").unlink()
    (tmp_path / "log").mkdir()
    log.write(b"epoch 1\n")
    assert log.tail() == "epoch 1"


def test_a_progress_bar_leaves_its_last_state(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "log")
    log.write(b"epoch 1\r 10%\r 90%\r100%\r\nnext")
    assert log.tail() == "100%\nnext"


def test_children_of_a_script_that_ends_well_are_ended(workshop: Workshop) -> None:
    last = workshop.train(FAMILY + REPORT_END)[-1]
    assert isinstance(last, Measurement), last


def test_children_of_a_script_that_is_killed_are_ended(workshop: Workshop) -> None:
    text = workshop.failure(FAMILY + "os.kill(os.getpid(), signal.SIGKILL)")
    assert reason(text).startswith("killed: it was ended by SIGKILL")


def test_a_script_that_is_stopped_counts_as_hanging(workshop: Workshop) -> None:
    body = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    limits = silence(1.0)
    assert reason(workshop.failure(body, limits=limits)).startswith("silence limit")


def test_a_crash_after_the_last_report_is_a_failure(workshop: Workshop) -> None:
    events = workshop.train(f"{REPORT_END}\nraise SystemExit(9)")
    assert isinstance(events[0], Admitted)
    assert reason(events[-1].traceback_text) == "exit code 9, no output."  # type: ignore[union-attr]


def test_a_run_dropped_half_way_leaves_no_family(workshop: Workshop) -> None:
    body = FAMILY + "import warmboot; warmboot.report(1, val=1.0)\ntime.sleep(10_000)"
    with Working(workshop.launcher(body), workshop.runs) as working:
        working.ready.put(script_run())
        working.next_event()
        assert len(workshop.left()) == 4


def test_a_script_that_is_told_to_end_with_its_whole_job_has_not_failed(workshop: Workshop) -> None:
    """A batch system signals every process; the script may be gone before its worker has heard."""
    body = "import os, signal, warmboot\nwarmboot.report(1, val=1.0)\nos.kill(os.getpid(), signal.SIGTERM)"
    with Working(workshop.launcher(body), workshop.runs) as working:
        working.ready.put(script_run())
        working.next_event()
        working.next_event()
        wait_until(lambda: workshop.left() == [])
    assert working.events.empty()


def test_a_script_that_alone_is_told_to_end_has_failed(workshop: Workshop) -> None:
    text = workshop.failure("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    assert reason(text) == "killed: it was ended by SIGTERM, which the search did not send."


def test_what_a_killed_worker_leaves_is_ended_by_the_next(workshop: Workshop) -> None:
    worker = f"""
        import os, signal, sys
        from pathlib import Path
        from search.scripts.bounded_log import BoundedLog
        from search.scripts.process_group import ProcessGroup
        command = [sys.executable, "-c", "import time; time.sleep(120)"]
        log = BoundedLog(Path({str(workshop.folder / "log")!r}))
        ProcessGroup(command, log=log, environment=os.environ)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    environment = {**os.environ, **workshop.environment}
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(worker)],
        env=environment,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert len(workshop.left()) == 1
    assert end_orphans() >= 1
    assert workshop.left() == []


def silence(seconds: float) -> Limits:
    return Limits(silence_limit_seconds=seconds)
