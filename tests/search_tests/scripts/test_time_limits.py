"""Scripts that hang or take too long, by a clock that the tests set, on whatever machine."""

from __future__ import annotations

import psutil
import pytest

from search.runs.events import Admitted, Event, TrainingFailed
from search.runs.run import Measurement
from search.scripts.script_run import Limits
from tests.search_tests.patience import wait_until
from tests.search_tests.scripts.clock import Clock
from tests.search_tests.scripts.workshop import FAMILY, Working, Workshop, reason, script_run

LIMIT_SECONDS = 1800.0
SILENCE = Limits(silence_limit_seconds=LIMIT_SECONDS)


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some scripts here do not heed SIGTERM."""
    monkeypatch.setattr("search.scripts.process_group.GRACE_SECONDS", 0.5)


def failure(event: Event) -> str:
    assert isinstance(event, TrainingFailed), event
    return event.traceback_text


def test_a_script_that_hangs_in_silence(workshop: Workshop, clock: Clock) -> None:
    launcher = workshop.launcher("print('ready', flush=True)\nimport time; time.sleep(10_000)")
    with Working(launcher, workshop.runs, SILENCE) as working:
        working.ready.put(script_run())
        wait_until(lambda: workshop.output() == "ready\n")
        text = failure(clock.go_on_until_an_event(working, LIMIT_SECONDS + 1))
    assert text == (
        "The last output:\nready\n\nsilence limit: it neither printed nor reported anything for 1800 s "
        "(silence_limit), was taken to hang, and was ended."
    )


def test_a_script_that_prints_or_reports_does_not_hang(workshop: Workshop, clock: Clock) -> None:
    body = """
        import pathlib, sys, time, warmboot
        for step in range(95, 101):
            while not pathlib.Path(sys.argv[1], str(step)).exists():
                time.sleep(0.01)
            print(step, flush=True) if step % 2 else warmboot.report(step, val=1.0)
    """
    with Working(workshop.launcher(body, str(workshop.folder)), workshop.runs, SILENCE) as working:
        working.ready.put(script_run())
        for step in range(95, 101):
            clock.go_on(0.6 * LIMIT_SECONDS)  # so twice is too long
            (workshop.folder / str(step)).touch()
            if step % 2:
                wait_until(lambda step=step: f"{step}\n" in workshop.output())  # type: ignore[misc]
            elif step < 100:
                while not isinstance(event := working.next_event(), Measurement):
                    assert isinstance(event, Admitted), event
        last = working.events_to_the_end()[-1]
    assert isinstance(last, Measurement), last


def test_a_script_that_takes_too_long(workshop: Workshop, clock: Clock) -> None:
    body = "import time\nwhile True: print('.', end='', flush=True); time.sleep(0.05)"
    limits = Limits(time_limit_seconds=1000.0, silence_limit_seconds=LIMIT_SECONDS)
    with Working(workshop.launcher(body), workshop.runs, limits) as working:
        working.ready.put(script_run())
        wait_until(lambda: "." in workshop.output())
        text = failure(clock.go_on_until_an_event(working, 1001))
    assert reason(text) == "time limit: it took longer than 1000 s (time_limit) and was ended."


def test_children_of_a_script_that_hangs_are_ended(workshop: Workshop, clock: Clock) -> None:
    with Working(workshop.launcher(FAMILY + "time.sleep(10_000)"), workshop.runs, SILENCE) as working:
        working.ready.put(script_run())
        wait_until(lambda: len(workshop.left()) == 4)
        text = failure(clock.go_on_until_an_event(working, LIMIT_SECONDS + 1))
        assert reason(text).startswith("silence limit")
    workshop.assert_nothing_left()


def test_a_process_that_hides_its_environment_is_ended_with_its_parent(
    workshop: Workshop, clock: Clock
) -> None:
    """It left the session too; what finds it is the family."""
    body = """
        import subprocess, sys, time
        child = subprocess.Popen(["sleep", "10000"], env={}, start_new_session=True)
        print(child.pid, flush=True)
        time.sleep(10_000)
    """
    with Working(workshop.launcher(body), workshop.runs, SILENCE) as working:
        working.ready.put(script_run())
        wait_until(lambda: workshop.output().endswith("\n"))
        hidden = int(workshop.output())
        failure(clock.go_on_until_an_event(working, LIMIT_SECONDS + 1))
    assert not living(hidden)


def living(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
