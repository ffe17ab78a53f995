"""Function proxies: one process for many runs, and another after each that failed."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.runs.events import Admitted, Event, TrainingFailed
from search.runs.run import Measurement
from search.scripts.function_process import FunctionLauncher
from search.scripts.script_run import Limits
from tests.search_tests.patience import wait_until
from tests.search_tests.scripts.clock import Clock
from tests.search_tests.scripts.workshop import Working, Workshop, reason, script_run
from tests.warmboot_tests.trials import make_trial
from warmboot.function_proxies import function_proxy, load_function_proxy
from warmboot.schedule_file import read, write
from warmboot.watched_schedule import watched

MODULE = "tests.search_tests.scripts.own_proxies"


def working_on(workshop: Workshop, function: str, limits: Limits | None = None) -> Working:
    launcher = FunctionLauncher(f"{MODULE}:{function}", device="cpu", environment=workshop.environment)
    return Working(launcher, workshop.runs, limits)


@pytest.fixture
def obedient(workshop: Workshop) -> Iterator[Working]:
    with working_on(workshop, "obedient", Limits(silence_limit_seconds=1800)) as working:
        working.events_of(script_run("first", params={"do": "work"}))  # it has imported everything
        yield working


def do(working: Working, what: str) -> list[Event]:
    return working.events_of(script_run(params={"do": what}))


def hang(working: Working, workshop: Workshop, clock: Clock) -> Event:
    working.ready.put(script_run(params={"do": "hang"}))
    wait_until(lambda: "doing hang" in workshop.output())
    return clock.go_on_until_an_event(working, 1801)


def process_of(event: Event) -> float:
    assert isinstance(event, Measurement), event
    return event.metrics["process"]


def test_runs_share_a_process_and_what_it_keeps(workshop: Workshop) -> None:
    with working_on(workshop, "good") as working:
        first = working.events_of(script_run("a"))
        second = working.events_of(script_run("b"))
    assert first[0] == Admitted("a", {"val": 9.0})
    ends = [first[-1], second[-1]]
    assert process_of(ends[0]) == process_of(ends[1])
    assert [end.metrics["runs"] for end in ends if isinstance(end, Measurement)] == [1, 2]
    assert [end.metrics["lr"] for end in ends if isinstance(end, Measurement)] == [0, 0]


FAILURES = [
    # what the function does, why the run fails, what is kept of its output
    ("raise", "raised: ValueError: no data.", 'raise ValueError("no data")'),
    ("exit", "raised: it called sys.exit('enough').", 'sys.exit("enough")'),
    ("crash", "killed: it was ended by SIGSEGV, which the search did not send.", "doing crash"),
    ("hang", "silence limit: it neither printed nor reported anything for 1800 s", "doing hang"),
    ("memory", "out of memory: MemoryError.", "raise MemoryError"),
    ("nothing", "never reported: it ended without an error, but made no report", "doing nothing"),
]


@pytest.mark.parametrize(("what", "why", "kept"), FAILURES)
def test_a_failure_ends_the_run_and_a_fresh_process_takes_the_next(
    obedient: Working, workshop: Workshop, clock: Clock, what: str, why: str, kept: str
) -> None:
    before = process_of(do(obedient, "work")[-1])
    failed = hang(obedient, workshop, clock) if what == "hang" else do(obedient, what)[-1]
    assert isinstance(failed, TrainingFailed)
    assert reason(failed.traceback_text).startswith(why), failed.traceback_text
    assert kept in failed.traceback_text
    assert "doing work" not in failed.traceback_text, "the output of another run"
    after = process_of(do(obedient, "work")[-1])
    assert (after == before) == (what == "nothing")


ASKED = [
    # the function, why its run fails
    (
        "deaf",
        r"raised: ValueError: warmboot\.report: step 100 is reported, but nothing .* it is called with\)",
    ),
    ("short", r"stopped short: .* its last report is of step 60 and the trial asked for 100"),
    ("attached", None),
]


@pytest.mark.parametrize(("function", "why"), ASKED)
def test_a_function_has_to_train_what_it_is_asked_for(
    workshop: Workshop, function: str, why: str | None
) -> None:
    with working_on(workshop, function) as working:
        last = working.events_of(script_run())[-1]
    if why is None:
        assert isinstance(last, Measurement), last
    else:
        assert isinstance(last, TrainingFailed)
        assert re.match(why, reason(last.traceback_text)), last.traceback_text


def test_the_schedule_that_a_function_gets_is_an_ordinary_one(tmp_path: Path) -> None:
    trial = make_trial(tmp_path)
    told = watched(trial).schedule
    assert not trial.taken.exists()
    for made in (told, copy.deepcopy(told), pickle.loads(pickle.dumps(told)), told.replace(lr=0.5)):
        assert made == trial.schedule
        assert trial.schedule == made
        assert (hash(made), repr(made)) == (hash(trial.schedule), repr(trial.schedule))
    assert list(told.factors(50)) == list(trial.schedule.factors(50))
    assert trial.taken.exists()


def test_the_schedule_that_a_function_gets_can_be_written_to_a_file_at_once(tmp_path: Path) -> None:
    trial = make_trial(tmp_path)
    write(watched(trial).schedule, tmp_path / "schedule.json")
    assert read(tmp_path / "schedule.json").schedule == trial.schedule
    assert trial.taken.exists()


def test_a_diverged_run_leaves_the_process_as_it_is(obedient: Working) -> None:
    before = process_of(do(obedient, "work")[-1])
    diverged = do(obedient, "diverge")[-1]
    assert isinstance(diverged, Measurement)
    assert diverged.diverged_at_step == 1
    assert process_of(do(obedient, "work")[-1]) == before


def test_a_function_that_reads_its_input_finds_none(obedient: Working) -> None:
    assert isinstance(do(obedient, "input")[-1], Measurement)


@pytest.mark.parametrize(
    ("reference", "pattern"),
    [
        ("no_such_package.module:train", r"'no_such_package.module' can't be imported"),
        (f"{MODULE}:absent", r"has no function 'absent'"),
        (f"{MODULE}:unmarked", r"put @warmboot.function_proxy above it"),
        ("train", r"write it as 'package.module:function'"),
    ],
)
def test_a_reference_that_is_none_says_so(reference: str, pattern: str) -> None:
    with pytest.raises(ValueError, match=pattern):
        load_function_proxy(reference)


def test_a_module_that_can_not_be_imported_fails_the_run(workshop: Workshop) -> None:
    with working_on(workshop, "absent") as working:
        event = working.events_of(script_run())[-1]
    assert isinstance(event, TrainingFailed)
    assert "has no function 'absent'; write it as" in reason(event.traceback_text)


def test_a_function_of_other_arguments_is_refused() -> None:
    with pytest.raises(TypeError, match=r"called as train\(schedule, context\), but: too many"):

        @function_proxy
        def train(schedule: object) -> None:
            """Takes one argument."""
