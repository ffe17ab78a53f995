"""A script's run that is cancelled ends soon, says so once, and leaves its place to the next."""

from __future__ import annotations

import time

import pytest

from search.runs.events import Admitted, Cancel, Cancelled, TrainingFailed
from search.runs.run import Measurement
from search.scripts import supervision
from tests.search_tests.scripts.workshop import Working, Workshop, script_run

REPORTS_ON = """
    import sys, time, warmboot
    for step in range(1, int(sys.argv[1]) + 1):
        warmboot.report(step, val=1 / step)
        time.sleep(0.02)
"""
DEAF = """
    import time, warmboot
    warmboot.report(1, val=1.0)
    time.sleep(600)
"""
ENDS_SLOWLY = """
    import json, os, pathlib, time
    told = json.load(open(os.environ["WARMBOOT_TRIAL"]))
    with open(told["reports"], "a") as reports:  # both in one look
        for step, value in ((1, 2.0), (100, 1.0)):
            reports.write(json.dumps({"step": step, "metrics": {"val": value}}) + "\\n")
    while not pathlib.Path("{go}").exists():
        time.sleep(0.01)
"""
LAST_WORD = """
    import json, os, pathlib, sys, time, warmboot
    told = json.load(open(os.environ["WARMBOOT_TRIAL"]))
    warmboot.report(1, val=2.0)
    while not pathlib.Path(told["stop"]).exists():
        time.sleep(0.01)
    warmboot.report(100, val=1.0)
"""


def test_a_withdrawn_run_measures_no_more_and_the_next_trains(workshop: Workshop) -> None:
    with Working(workshop.launcher(REPORTS_ON, "{total_steps}"), workshop.runs) as working:
        working.ready.put(script_run("a", total_steps=10_000))
        assert isinstance(working.next_event(), Admitted)
        working.ready.put(Cancel("a"))
        events = working.events_to_the_end()
        assert events[-1] == Cancelled("a")
        assert all(isinstance(event, Measurement) and event.step < 5_000 for event in events[:-1])
        assert workshop.left() == [], "it is told once the processes are gone"
        last = working.events_of(script_run("b", total_steps=3))[-1]
    assert last == Measurement(key="b", step=3, metrics={"val": 1 / 3}, last=True)
    workshop.assert_nothing_left()


def test_a_script_that_does_not_listen_is_ended(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "STOP_GRACE_SECONDS", 0.2)
    with Working(workshop.launcher(DEAF), workshop.runs) as working:
        working.ready.put(script_run())
        working.next_event()
        working.ready.put(Cancel("a"))
        assert working.events_to_the_end()[-1] == Cancelled("a")
        assert workshop.left() == []


def test_a_run_that_never_reported_can_be_withdrawn(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "STOP_GRACE_SECONDS", 0.2)
    with Working(workshop.launcher("import time\ntime.sleep(600)"), workshop.runs) as working:
        working.ready.put(script_run())
        while not workshop.left():
            time.sleep(0.01)
        working.ready.put(Cancel("a"))
        assert working.next_event() == Cancelled("a")


def test_a_run_that_waits_is_dropped_and_an_unknown_key_ignored(workshop: Workshop) -> None:
    with Working(workshop.launcher(REPORTS_ON, "{total_steps}"), workshop.runs) as working:
        working.ready.put(script_run("a", total_steps=10_000))
        working.next_event()
        for message in (script_run("b"), Cancel("never heard of"), Cancel("b"), Cancel("a")):
            working.ready.put(message)
        events = [event for event in _until_withdrawn(working, 2) if isinstance(event, Cancelled)]
    assert events == [Cancelled("b"), Cancelled("a")]
    assert working.events.empty()


@pytest.mark.parametrize("code", ["", "sys.exit(3)"], ids=["well", "badly"])
def test_a_report_at_the_horizon_in_the_meantime_counts(workshop: Workshop, code: str) -> None:
    """It ends because it was asked to, however it does."""
    with Working(workshop.launcher(f"{LAST_WORD}    {code}"), workshop.runs) as working:
        working.ready.put(script_run())
        working.next_event()
        working.ready.put(Cancel("a"))
        events = working.events_to_the_end()
    assert events[-1] == Measurement(key="a", step=100, metrics={"val": 1.0}, last=True)
    assert not any(isinstance(event, Cancelled) for event in events)
    assert working.events.empty()


def test_a_run_that_was_measured_at_its_horizon_is_left_to_end(workshop: Workshop) -> None:
    go = workshop.folder / "go"
    with Working(workshop.launcher(ENDS_SLOWLY.replace("{go}", str(go))), workshop.runs) as working:
        working.ready.put(script_run())
        working.next_event()
        assert working.next_event() == Measurement(key="a", step=1, metrics={"val": 2.0}, last=False)
        working.ready.put(Cancel("a"))
        go.touch()
        assert working.next_event() == Measurement(key="a", step=100, metrics={"val": 1.0}, last=True)
        working.ready.put(Cancel("a"))  # it is over
        assert not isinstance(working.events_of(script_run("b"))[-1], TrainingFailed | Cancelled)


def _until_withdrawn(working: Working, count: int) -> list[object]:
    events: list[object] = []
    while sum(isinstance(event, Cancelled) for event in events) < count:
        events.append(working.next_event())
    return events
