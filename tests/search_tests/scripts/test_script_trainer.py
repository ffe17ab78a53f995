"""Real scripts in real processes: what they report becomes measurements, and a bad end has its words."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from search.runs.events import Admitted, Remarked, TrainingFailed
from search.runs.run import Measurement
from search.scripts import supervision
from search.scripts.launcher import CommandLauncher
from tests.search_tests.scripts.workshop import PYTHON, Working, Workshop, reason, script_run

REPORTING = """
    import sys, warmboot
    for word in sys.argv[1:]:
        step, value = word.split(":")
        warmboot.report(int(step), val=float(value))
"""


def test_every_report_is_a_measurement_and_the_one_at_the_horizon_is_the_last(
    workshop: Workshop,
) -> None:
    events = workshop.train(REPORTING, "0:4.5 50:3 100:2.5")
    assert events == [
        Admitted("a", {"val": 4.5}),
        Measurement(key="a", step=50, metrics={"val": 3.0}, last=False),
        Measurement(key="a", step=100, metrics={"val": 2.5}, last=True),
    ]


def test_without_a_report_at_step_0_nothing_is_known_of_the_untrained_model(
    workshop: Workshop,
) -> None:
    events = workshop.train(REPORTING, "100:2.5")
    assert events[0] == Admitted("a", {})


def test_a_last_report_before_the_horizon_is_repeated_as_the_last(workshop: Workshop) -> None:
    events = workshop.train(REPORTING, "50:3 99:2")
    assert [(e.step, e.last) for e in events if isinstance(e, Measurement)] == [
        (50, False),
        (99, False),
        (99, True),
    ]


def test_of_very_many_reports_some_are_passed_on_and_the_last_always(workshop: Workshop) -> None:
    body = """
        import json, os
        told = json.load(open(os.environ["WARMBOOT_TRIAL"]))
        with open(told["reports"], "w") as stream:  # over a megabyte, which no look takes in at once
            for step in range(39_999):
                print(json.dumps({"step": step, "metrics": {"val": step}}), file=stream)
    """
    welcome = (8_001, 16_003)
    events = workshop.train(body, total_steps=40_000, report_steps=welcome)
    steps = [event.step for event in events if isinstance(event, Measurement)]
    assert steps == [*sorted({*range(200, 40_000, 200), *welcome, 1}), 39_998]
    assert events[-1] == Measurement(key="a", step=39_998, metrics={"val": 39_998.0}, last=True)


def test_reports_arrive_while_the_script_runs(workshop: Workshop) -> None:
    waiting = """
        import time, warmboot
        warmboot.report(10, val=1.0)
        time.sleep(60)
    """
    with Working(workshop.launcher(waiting), workshop.runs) as working:
        working.ready.put(script_run())
        assert isinstance(working.next_event(), Admitted)
        measurement = working.next_event()
        assert isinstance(measurement, Measurement)
        assert measurement.step == 10


def test_the_script_gets_the_trial_by_file_and_by_command(workshop: Workshop) -> None:
    body = """
        import json, os, sys, warmboot
        steps, seed, trial, wd, note = sys.argv[1:]
        told = json.load(open(os.environ["WARMBOOT_TRIAL"]))
        assert (told["total_steps"], told["seed"], told["trial"]) == (int(steps), int(seed), int(trial)), told
        assert warmboot.params() == {"wd": float(wd), "note": note} == told["params"], (sys.argv, told)
        assert told["schedule"]["lr"] == 0.5 and told["study"] == "own", told
        assert "WARMBOOT_STORAGE" not in os.environ
        warmboot.report(int(steps), val=int(seed))
    """
    params = {"wd": 1e-5, "note": "two words; $(rm) {x}"}
    arguments = "{total_steps} {seed} {trial} {wd} {note}"
    last = workshop.train(body, arguments, params=params)[-1]
    assert isinstance(last, Measurement), last
    assert last.metrics == {"val": script_run().script_seed}


def test_a_metric_besides_the_objective_may_be_anything(workshop: Workshop) -> None:
    body = """
        import warmboot
        warmboot.report(0, val=1.0, f1=float("nan"))
        warmboot.report(100, val=0.5, f1=0.25)
    """
    events = workshop.train(body)
    assert events[0] == Admitted("a", {"val": 1.0})
    assert events[-1] == Measurement(key="a", step=100, metrics={"val": 0.5, "f1": 0.25}, last=True)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_value_that_is_not_finite_is_a_divergence(workshop: Workshop, value: str) -> None:
    events = workshop.train(REPORTING, f"0:4.5 30:{value} 60:3")
    assert events == [
        Admitted("a", {"val": 4.5}),
        Measurement(key="a", step=30, metrics={}, last=True, diverged_at_step=30),
    ]


def test_a_diverged_script_is_asked_to_end(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "STOP_GRACE_SECONDS", float("inf"))
    body = """
        import pathlib, sys, time, warmboot
        warmboot.report(0, val=1)
        try:
            for step in range(1, 100):
                warmboot.report(step, val=float("nan"))
                time.sleep(0.05)
        except warmboot.StopTraining:
            pathlib.Path(sys.argv[1]).touch()
            raise SystemExit("cleaned up")
    """
    cleaned_up = workshop.folder / "cleaned up"
    last = workshop.train(body, shlex.quote(str(cleaned_up)))[-1]
    assert isinstance(last, Measurement)
    assert last.diverged_at_step == 1
    assert cleaned_up.exists()


def test_an_equal_repeat_says_nothing_new(workshop: Workshop) -> None:
    """As of a `Trainer` that evaluates after the training what it has evaluated at its end."""
    events = workshop.train(REPORTING, "0:2 50:1.5 50:1.5 100:1 100:1.0000000001")
    assert [type(event) for event in events] == [Admitted, Measurement, Measurement]
    assert events[-1] == Measurement(key="a", step=100, metrics={"val": 1.0}, last=True)


@pytest.mark.parametrize(
    ("words", "late"),
    [("50:1 100:2 100:1", "step 100"), ("50:1 100:2 50:1", "step 50"), ("97:2 97:1", "step 97")],
)
def test_another_value_after_the_last_step_is_named_and_the_first_counts(
    workshop: Workshop, words: str, late: str
) -> None:
    """As of the best checkpoint, which a `Trainer` may load at the end and evaluate."""
    events = workshop.train(REPORTING, words)
    (remark,) = [event for event in events if isinstance(event, Remarked)]
    assert re.match(
        rf"after the last step, \d+ with val=2, {late} was reported with val=1; .*best value so far",
        remark.text,
    )
    assert isinstance(events[-1], Measurement)
    assert (events[-1].metrics, events[-1].last) == ({"val": 2.0}, True)


def test_an_lr_that_the_script_sets_between_steps_is_named(workshop: Workshop) -> None:
    """As `BackboneFinetuning` does at each epoch's start: a report finds it put right again."""
    body = """
        import torch, warmboot
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        scheduler = warmboot.attach(optimizer, 100)
        for step in range(100):
            if step in (40, 80):
                optimizer.param_groups[0]["lr"] = 3.0
            optimizer.step()
            scheduler.step()
        warmboot.report(100, val=1.0)
    """
    events = workshop.train(body)
    (remark,) = [event for event in events if isinstance(event, Remarked)]
    assert remark.about == "lr"
    assert re.match(
        r"before step 41 of the schedule a group's lr was 3 where .* BackboneFinetuning", remark.text
    )
    assert events[-1] == Measurement(key="a", step=100, metrics={"val": 1.0}, last=True)


def test_who_reports_the_best_so_far_may_report_the_best_checkpoint_after_the_training(
    workshop: Workshop,
) -> None:
    events = workshop.train(REPORTING, "50:1 100:1 100:1")
    assert not any(isinstance(event, Remarked) for event in events)


def test_a_script_that_trains_something_else_fails_at_its_first_report(workshop: Workshop) -> None:
    body = """
        import importlib
        importlib.import_module("warmboot").report(20, val=1.0)
    """
    assert reason(workshop.failure(body)).startswith(
        "exit code 1: ValueError: warmboot.report: step 20 is reported, but nothing here has taken"
    )


BROKEN_RULES = [
    # what is reported, why the run fails
    ("30:nan", r"diverged: val is nan at step 30, and there is no report at step 0"),
    ("0:nan", r"bad report: val of the untrained model \(step 0\) is nan"),
    (
        "40:1 40:0.9",
        r"bad report: step 40 was reported twice, with val=1 and then with val=0\.9; report a step",
    ),
    ("0:1 60:0.5", r"stopped short: .* last report is of step 60 and the trial asked for 100; train all"),
    ("90:0.5", r"stopped short: .* report once more after the last: warmboot\.report\(100, val=\.\.\.\)"),
    ("40:1 30:1", r"bad report: step 30 was reported after step 40; steps must rise"),
    ("", r"never reported: .* call warmboot\.report\(step, val=\.\.\.\)"),
    ("0:1", r"never reported: .* no report past step 0"),
]


@pytest.mark.parametrize(("words", "pattern"), BROKEN_RULES)
def test_reports_that_break_a_rule_fail_the_run(workshop: Workshop, words: str, pattern: str) -> None:
    assert re.match(pattern, reason(workshop.failure(REPORTING, words)))


FOREIGN_LINES = [
    # a line as a script of another language may write it, why the run fails
    ('{"step": 101, "metrics": {"val": 1}}', r"step 101 lies past the horizon of 100 optimizer steps"),
    ('{"step": 10, "metrics": {"val": "good"}}', r"val must be a number but got 'good' \(str\)"),
    ('{"step": 10, "metrics": {"val": true}}', r"val must be a number but got True \(bool\)"),
    ('{"step": 10, "metrics": {"loss": 1}}', r"step 10 has loss but not the study's objective val"),
    ('{"step": 1.5, "metrics": {}}', r"step must be an integer .*; metrics must be an object"),
    ("val = 3", r"is not JSON"),
    ("[" * 100_000, r"a report has over 65,536 bytes"),
]


@pytest.mark.parametrize(("line", "pattern"), FOREIGN_LINES)
def test_lines_that_are_no_reports_fail_the_run(workshop: Workshop, line: str, pattern: str) -> None:
    (workshop.folder / "line").write_text(line)
    body = """
        import json, os, sys, time
        told = json.load(open(os.environ["WARMBOOT_TRIAL"]))
        print(open(sys.argv[1]).read(), file=open(told["reports"], "a"))
        time.sleep(60)
    """
    text = workshop.failure(body, str(workshop.folder / "line"))
    assert reason(text).startswith("bad report: ")
    assert re.search(pattern, reason(text)), text


def test_a_metric_that_is_text_fails_in_the_script_where_it_stands(workshop: Workshop) -> None:
    text = workshop.failure('import warmboot\nwarmboot.report(1, val="good")')
    assert "script.py" in text
    assert reason(text) == (
        "exit code 1: ValueError: warmboot.report: val must be a number but got 'good' (str)."
    )


def test_an_exit_code_fails_the_run_and_keeps_the_last_output(workshop: Workshop) -> None:
    body = """
        import sys, warmboot
        warmboot.report(100, val=1.0)
        print("out of coffee")
        print("can't go on", file=sys.stderr)
        sys.exit(3)
    """
    events = workshop.train(body)
    assert [type(event) for event in events] == [Admitted, TrainingFailed]
    text = events[-1].traceback_text  # type: ignore[union-attr]
    assert text == "The last output:\nout of coffee\ncan't go on\n\nexit code 3: can't go on."


def test_a_program_that_is_not_there_is_named(workshop: Workshop) -> None:
    for launcher, pattern in [
        (CommandLauncher("no-such-program {seed}"), "can't be started: no-such-program: No such file"),
        (
            CommandLauncher(PYTHON, working_directory=Path("/no/folder")),
            "can't be started: working_directory /no/folder is no folder",
        ),
        (CommandLauncher("python {sed}"), "{sed} is unknown; did you mean seed?"),
    ]:
        with Working(launcher, workshop.runs) as working:
            event = working.events_of(script_run())[-1]
        assert isinstance(event, TrainingFailed)
        assert pattern in event.traceback_text


def test_a_failure_is_followed_by_the_next_run(workshop: Workshop) -> None:
    body = """
        import sys, warmboot
        warmboot.report(100, val=1.0)
        sys.exit(int(sys.argv[1]))
    """
    with Working(workshop.launcher(body, "{code}"), workshop.runs) as working:
        first = working.events_of(script_run("a", params={"code": 1}))[-1]
        second = working.events_of(script_run("b", params={"code": 0}))[-1]
    assert isinstance(first, TrainingFailed)
    assert isinstance(second, Measurement)


def test_stopping_ends_the_present_run_at_once(workshop: Workshop) -> None:
    """Leaving the block waits for the end of the trainer, for less than the hours that the script sleeps."""
    body = "import time, warmboot\nwarmboot.report(1, val=1.0)\ntime.sleep(10_000)"
    with Working(workshop.launcher(body), workshop.runs) as working:
        working.ready.put(script_run())
        working.next_event()
        working.next_event()
        assert len(workshop.left()) == 1
    assert working.events.empty()
