"""Scripts that are ended and begun again: they go on where they were, and so do their reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.checkpoints.study_folder import StudyCheckpoints
from search.runs.events import Admitted, Event, Remarked, TrainingFailed
from search.runs.run import Measurement
from search.scripts.function_process import FunctionLauncher
from search.scripts.launcher import Launcher
from search.scripts.script_run import Limits
from tests.search_tests.scripts.workshop import Working, Workshop, script_run

TRAINING = """
    import json, os, pathlib, signal, sys, time, warmboot
    folder = warmboot.checkpoint_dir()
    saved = folder / "state.json"
    start, state = json.loads(saved.read_text()) if saved.exists() else (0, 1.0)
    if start == 0:
        warmboot.report(0, val=state)
    for step in range(start + 1, 101):
        state = state * 0.75 + 1 / step
        if step % 5 == 0:
            warmboot.report(step, val=state{noise})
        if step % 10 == 0:
            part = folder / "state.part"
            part.write_text(json.dumps((step, state)))
            os.replace(part, saved)
        print("step", step, flush=True)
        if step == 37 and start == 0:
            {at_37}
"""
KILLED = "os.kill(os.getpid(), signal.SIGKILL)"
WAITS = "time.sleep(600)"


@pytest.fixture
def checkpoints(tmp_path: Path) -> StudyCheckpoints:
    return StudyCheckpoints(tmp_path / "checkpoints", max_bytes=10**9)


@pytest.fixture
def unbroken(workshop: Workshop, checkpoints: StudyCheckpoints) -> list[Event]:
    """The events of the training where nothing happens."""
    with Working(_launcher(workshop, "pass"), workshop.runs, checkpoints=checkpoints) as working:
        events = working.events_of(script_run())
    checkpoints.forget_all()
    return events


def _launcher(workshop: Workshop, at_37: str, noise: str = "") -> Launcher:
    return workshop.launcher(TRAINING.replace("{at_37}", at_37).replace("{noise}", noise))


def _steps_of(text: str) -> list[int]:
    return [int(line.split()[1]) for line in text.splitlines() if line.startswith("step")]


def test_a_killed_script_goes_on_where_it_was_and_nothing_is_lost_or_doubled(
    workshop: Workshop, checkpoints: StudyCheckpoints, unbroken: list[Event]
) -> None:
    with Working(_launcher(workshop, KILLED), workshop.runs, checkpoints=checkpoints) as working:
        first = working.events_of(script_run())
        again = working.events_of(script_run())
    assert isinstance(first[-1], TrainingFailed)
    assert first[:-1] == unbroken[: len(first) - 1]
    assert first[-2] == Measurement(key="a", step=35, metrics=first[-2].metrics, last=False)  # type: ignore[union-attr]
    assert again == unbroken, "with what it had reported before, each once"


def test_a_worker_that_ends_leaves_what_another_goes_on_from(
    workshop: Workshop, checkpoints: StudyCheckpoints, unbroken: list[Event]
) -> None:
    with Working(_launcher(workshop, WAITS), workshop.runs, checkpoints=checkpoints) as working:
        working.ready.put(script_run())
        event = working.next_event()
        while not (isinstance(event, Measurement) and event.step == 35):
            event = working.next_event()
    workshop.assert_nothing_left()
    with Working(_launcher(workshop, "pass"), workshop.runs, checkpoints=checkpoints) as working:
        assert working.events_of(script_run()) == unbroken


def test_steps_that_are_redone_otherwise_keep_what_was_reported_first(
    workshop: Workshop, checkpoints: StudyCheckpoints, unbroken: list[Event]
) -> None:
    noisy = _launcher(workshop, KILLED, noise=" + (0.5 if start else 0.0)")
    with Working(noisy, workshop.runs, checkpoints=checkpoints) as working:
        working.events_of(script_run())
        again = working.events_of(script_run())
    remark = next(event for event in again if isinstance(event, Remarked))
    assert "step 35 was reported with" in remark.text
    assert "the first stays" in remark.text
    measured = [event for event in again if not isinstance(event, Remarked)]
    assert measured[:8] == unbroken[:8], "up to step 35"
    assert [event.step for event in measured[1:]] == [*range(5, 101, 5)]  # type: ignore[union-attr]


def test_what_was_reported_of_a_training_that_saved_nothing_is_reported_anew(
    workshop: Workshop, checkpoints: StudyCheckpoints
) -> None:
    body = """
        import os, signal, warmboot
        mark = warmboot.checkpoint_dir().parents[2] / "was here"
        value = 1.0 if mark.exists() else 2.0
        warmboot.report(40, val=value)
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        warmboot.report(100, val=value)
    """
    with Working(workshop.launcher(body), workshop.runs, checkpoints=checkpoints) as working:
        working.events_of(script_run())
        again = working.events_of(script_run())
    assert [event.metrics for event in again if isinstance(event, Measurement)] == [{"val": 1.0}] * 2


def test_a_training_whose_last_report_was_made_has_its_result_and_is_not_begun_again(
    workshop: Workshop, checkpoints: StudyCheckpoints
) -> None:
    body = """
        import os, signal, warmboot
        done = warmboot.checkpoint_dir() / "done"
        assert not done.exists(), "there is nothing left to train"
        warmboot.report(0, val=2.0)
        warmboot.report(100, val=1.0)
        done.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with Working(workshop.launcher(body), workshop.runs, checkpoints=checkpoints) as working:
        working.events_of(script_run())
        again = working.events_of(script_run())
    assert again == [
        Admitted("a", {"val": 2.0}),
        Measurement(key="a", step=100, metrics={"val": 1.0}, last=True),
    ]


@pytest.mark.parametrize("change", [{"seed": (0, 1, 1)}, {"total_steps": 90}, {"params": {"wd": 0.1}}])
def test_another_training_has_another_folder(change: dict[str, object]) -> None:
    assert script_run().identity == script_run("b", trial=8).identity
    assert script_run().identity != script_run(**change).identity


def test_a_command_gets_the_folder_in_its_words(workshop: Workshop, checkpoints: StudyCheckpoints) -> None:
    body = """
        import os, pathlib, signal, sys, warmboot
        folder = pathlib.Path(sys.argv[1])
        assert folder.is_dir() and folder == (warmboot.checkpoint_dir() or folder)
        first = not (folder / "model").exists()
        warmboot.report(50, val=1.0)
        (folder / "model").touch()
        if first and warmboot.checkpoint_dir():
            os.kill(os.getpid(), signal.SIGKILL)
        warmboot.report(100, val=0.5 if first else 0.25)
    """
    launcher = workshop.launcher(body, "{checkpoints}")
    with Working(launcher, workshop.runs, checkpoints=checkpoints) as working:
        working.events_of(script_run())
        assert working.events_of(script_run())[-1].metrics == {"val": 0.25}  # type: ignore[union-attr]
    with Working(launcher, workshop.runs) as working:  # where nothing is kept, as when it is timed
        assert working.events_of(script_run())[-1].metrics == {"val": 0.5}  # type: ignore[union-attr]


def test_a_function_finds_its_folder_too(workshop: Workshop, checkpoints: StudyCheckpoints) -> None:
    launcher = FunctionLauncher(
        "tests.search_tests.scripts.own_proxies:resuming", device="cpu", environment=workshop.environment
    )
    with Working(launcher, workshop.runs, checkpoints=checkpoints) as working:
        assert isinstance(working.events_of(script_run())[-1], TrainingFailed)
        again = working.events_of(script_run())
    assert [(event.step, event.metrics["began_at"]) for event in again if isinstance(event, Measurement)] == [
        (50, 0.0),
        (100, 50.0),
    ]


SAVES_WHEN_ASKED = """
    import pathlib, signal, sys, time, warmboot
    folder = {folder}
    def save(*_):
        time.sleep(0.3)
        (folder / "saved").touch()
        sys.exit({code})
    signal.signal(signal.SIGTERM, save)
    if (folder / "saved").exists():
        warmboot.report(100, val=1.0)
        raise SystemExit
    warmboot.report(50, val=2.0)
    while True:
        time.sleep(0.01)
"""


@pytest.mark.parametrize("code", [0, 143])
def test_a_script_has_time_to_save_when_its_worker_ends(
    workshop: Workshop, checkpoints: StudyCheckpoints, code: int
) -> None:
    body = SAVES_WHEN_ASKED.replace("{folder}", "warmboot.checkpoint_dir()").replace("{code}", str(code))
    for expected in (50, 100):
        with Working(workshop.launcher(body), workshop.runs, checkpoints=checkpoints) as working:
            working.ready.put(script_run())
            event = working.next_event()
            while not (isinstance(event, Measurement) and event.step == expected):
                event = working.next_event()
    assert event == Measurement(key="a", step=100, metrics={"val": 1.0}, last=True)


def test_the_time_to_save_has_an_end(workshop: Workshop, checkpoints: StudyCheckpoints) -> None:
    body = SAVES_WHEN_ASKED.replace("{folder}", "warmboot.checkpoint_dir()").replace("0.3", "600")
    limits = Limits(stop_grace_seconds=0.4)
    with Working(workshop.launcher(body), workshop.runs, limits, checkpoints) as working:
        working.ready.put(script_run())
        working.next_event()
    workshop.assert_nothing_left()
    assert not list(checkpoints.folder.rglob("saved"))


def test_what_a_script_has_started_lives_until_it_has_saved(
    workshop: Workshop, checkpoints: StudyCheckpoints
) -> None:
    """Data loaders that are ended first would break it."""
    body = """
        import os, pathlib, signal, subprocess, sys, time, warmboot
        folder = warmboot.checkpoint_dir()
        loader = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        def save(*_):
            time.sleep(0.3)
            (folder / ("alive" if loader.poll() is None else "gone")).touch()
            sys.exit(143)
        signal.signal(signal.SIGTERM, save)
        warmboot.report(50, val=2.0)
        time.sleep(600)
    """
    with Working(workshop.launcher(body), workshop.runs, checkpoints=checkpoints) as working:
        working.ready.put(script_run())
        working.next_event()
    workshop.assert_nothing_left()
    assert list(checkpoints.folder.rglob("alive"))


def test_a_script_that_saves_and_ends_well_before_its_worker_hears_of_it_has_not_failed(
    workshop: Workshop, checkpoints: StudyCheckpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch system asks all processes of a job at once."""
    monkeypatch.setattr("search.scripts.supervision.SIGNALLED_TOO_SECONDS", float("inf"))
    body = """
        import warmboot
        (warmboot.checkpoint_dir() / "saved").touch()
        warmboot.report(50, val=2.0)
    """
    with Working(workshop.launcher(body), workshop.runs, checkpoints=checkpoints) as working:
        working.ready.put(script_run())
        assert isinstance(working.next_event(), Admitted)
        assert isinstance(working.next_event(), Measurement)
        while workshop.left():
            pass
    assert working.events.empty()
