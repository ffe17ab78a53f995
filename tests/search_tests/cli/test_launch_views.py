"""What a launch shows: a panel in a terminal, plain lines elsewhere, and no mark-up taken from names."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from search.cli.launch_views import LiveView, PlainView, live_panel, view_for
from search.launch.launch import Setting
from search.results.candidate import Candidate
from search.results.lead import Lead
from search.results.pace import Training
from search.results.status import StudyStatus
from tests.search_tests.studies import study_spec
from warmboot.schedule import WarmbootSchedule

SETTING = Setting(study_name="small", created=True, workers=2, slots=8, device="cpu")


def candidate(key: str, value: float, standard: str | None = None) -> Candidate:
    schedule = WarmbootSchedule(lr=0.1, restarts=() if standard else (0.5,), curve="linear")
    return Candidate(key=key, schedule=schedule, trial_numbers=(0,), searched=(value,), standard=standard)


LEAD = Lead(candidate("best", 2.0), candidate("linear", 2.5, "linear"), ahead=True)


def snapshot(**changes: Any) -> StudyStatus:
    fields: dict[str, Any] = {
        "spec": study_spec(n_trials=100),
        "n_trials": 100,
        "counts": {"complete": 40, "running": 16},
        "diverged": 3,
        "lead": LEAD,
        "trials_per_second": 2.0,
        "seconds_left": 30.0,
        "confirmed": False,
        "stopped": False,
    }
    return StudyStatus(**{**fields, **changes})


def console(width: int = 100, *, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)


def shown(on: Console) -> str:
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()


def panel_text(of: StudyStatus, confirming: tuple[int, int] | None = None, width: int = 100) -> str:
    on = console(width)
    on.print(live_panel(of, confirming, width))
    return shown(on)


def test_a_terminal_gets_the_panel_and_all_else_lines() -> None:
    assert isinstance(view_for(console(terminal=True)), LiveView)
    assert isinstance(view_for(console()), PlainView)


def test_the_panel_shows_progress_pace_the_best_and_its_curve() -> None:
    text = panel_text(snapshot())
    for part in (
        "small",
        "40 of 100 trials done, 16 running, 3 diverged",
        "2.0 trials/s, at most 30 s left",
        "best so far  val_loss 2.000 (1 seed)",
        "linear to 0, peak lr 0.1, restart at 50%",
        "best baseline  linear to 0, peak lr 0.1: val_loss 2.500 (1 seed)",
    ):
        assert part in text
    assert re.search("[█▇▆▅▄▃▂▁]{8}", text), "the curve is drawn"


def test_where_the_best_is_a_plain_one_the_best_other_is_named() -> None:
    text = panel_text(snapshot(lead=replace(LEAD, ahead=False)))
    assert "best so far  val_loss 2.500" in text
    assert "best other one  linear to 0, peak lr 0.1, restart at 50%: val_loss 2.000" in text


def test_where_nothing_else_was_tried_the_best_is_named_once() -> None:
    text = panel_text(snapshot(lead=Lead(None, candidate("linear", 1.0, "linear"))))
    assert "best so far  val_loss 1.000" in text
    assert "best baseline" not in text
    assert "other one" not in text


def test_before_the_first_result_it_says_what_is_happening() -> None:
    nothing = {"lead": None, "trials_per_second": None, "seconds_left": None}
    assert "workers are starting" in panel_text(snapshot(counts={}, **nothing))
    text = panel_text(snapshot(counts={"running": 1}, **nothing))
    assert "the first trials train" in text
    assert "in a few seconds" not in text
    assert "the first" not in panel_text(snapshot(counts={"fail": 1}, **nothing))


def test_a_training_of_ones_own_shows_its_reports() -> None:
    spec = study_spec(proxy={"command": "python train.py"})
    training = [Training(number=7, step=60, total_steps=100, value=1.25)]
    assert "trial 7: step 60 of 100, val 1.250" in panel_text(snapshot(spec=spec, training=training))
    on = console(200)
    PlainView(on).update(snapshot(spec=spec, training=training), None)
    assert "; trial 7: step 60 of 100, val 1.250; " in shown(on)


def test_a_best_that_becomes_worse_says_why_in_both_views() -> None:
    worse = replace(LEAD, leader=replace(candidate("best", 2.0), searched=(2.0, 2.4)))
    why = "2.000 before; trained on another seed it did worse, and the mean counts"
    on = console(120, terminal=True)
    live = LiveView(on)
    live.begin(SETTING, snapshot())
    live.update(snapshot(lead=worse), None)
    live.end()
    assert why in shown(on)
    assert panel_text(snapshot(lead=worse)).count("before") == 0
    on = console(200)
    plain = PlainView(on, every_seconds=0)
    for lead in (LEAD, worse, worse):
        plain.update(snapshot(lead=lead), None)
    assert shown(on).count(why) == 1


def test_while_confirming_the_pace_is_that_of_the_confirmation() -> None:
    text = panel_text(snapshot(), confirming=(3, 15))
    assert "confirming the best on fresh seeds: 3 of 15 runs" in text
    assert "trials/s" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(line) for line in panel_text(snapshot(), width=width).splitlines()) <= width


def test_the_live_view_goes_away_and_leaves_the_opening_line() -> None:
    on = console(terminal=True)
    view = LiveView(on)
    view.begin(SETTING, snapshot(counts={}, lead=None))
    view.update(snapshot(), None)
    view.note("a worker process was lost")
    view.end()
    text = shown(on)
    assert "small: new study; 100 trials, 100 steps each on char_lm_mlp, 2 processes x 8 runs at once" in text
    assert "a worker process was lost" in shown(on)


def test_plain_lines_tell_the_same_but_not_too_often() -> None:
    on = console(200)
    view = PlainView(on)
    view.begin(Setting(study_name="small", created=False, workers=1, slots=8, device="cpu"), snapshot())
    for _ in range(3):
        view.update(snapshot(), None)
    view.end()
    first, second = shown(on).splitlines()
    assert first.startswith("small: resuming after 40 trials; 100 trials, 100 steps each")
    assert "1 process x 8 runs at once on cpu" in first
    assert second == (
        "40 of 100 trials done, 16 running, 3 diverged; 2.0 trials/s, at most 30 s left; "
        "best val_loss 2.000 (1 seed)"
    )


def test_brackets_in_what_is_shown_are_no_markup() -> None:
    on = console()
    PlainView(on).note("[red]as it is[/red]")
    assert shown(on) == "[red]as it is[/red]\n"
