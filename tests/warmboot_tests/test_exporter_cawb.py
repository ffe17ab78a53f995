"""Arguments for the published `CosineAnnealingWarmbootingLR`: run in its loop, measured, said."""

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.warmboot_tests.export_runs import SCHEDULES
from tests.warmboot_tests.strategies import schedules
from warmboot import CosineAnnealingWarmbootingLR
from warmboot.curves import FloatArray
from warmboot.errors import ScheduleError
from warmboot.exporters import LARGEST_MEAN_DEVIATION, cawb_export, to_cawb
from warmboot.schedule import WarmbootSchedule

NUMBER = r"(\d[\d.e+-]*)"


def executed(text: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(text, "<export>", "exec"), namespace)
    return namespace


def optimizer_at(lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def lrs_in_its_loop(arguments: dict[str, Any], lr: float = 1.0) -> FloatArray:
    """The lr that each batch is trained with, `[epochs * batchs]`."""
    optimizer = optimizer_at(lr)
    scheduler = CosineAnnealingWarmbootingLR(optimizer, **arguments)
    lrs = []
    for _ in range(arguments["epochs"]):
        for _ in range(arguments["batchs"]):
            scheduler.step_batch()
            lrs.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return np.array(lrs)


def said(text: str) -> tuple[float, int, int, float]:
    """Largest deviation, its step and epoch, and the mean, as the header gives them."""
    words = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("#"))
    largest = re.search(
        rf"Largest deviation from the schedule: {NUMBER} of the peak lr.*, at step (\d+) in epoch (\d+);",
        words,
    )
    mean = re.search(rf"mean over all steps: {NUMBER} of the peak lr", words)
    assert largest is not None
    assert mean is not None
    return float(largest[1]), int(largest[2]), int(largest[3]), float(mean[1])


CASES = [
    (WarmbootSchedule(), 30, 7),
    (WarmbootSchedule(lr=0.1, warmup=0.1, restarts=[0.4, 0.7], step_scale=0.8, eta_min=0.05), 100, 5),
    (WarmbootSchedule(warmup=0.03, curve="linear", hold=0.3), 40, 6),
    (WarmbootSchedule(warmup_steps=3, curve="one_minus_sqrt", hold=0.8, eta_min=0.1), 12, 4),
    (WarmbootSchedule(restarts=[0.51], step_scale=[0.5], curve="rex"), 20, 3),
    (WarmbootSchedule(curve="constant"), 5, 4),
    (SCHEDULES["polynomial"], 25, 4),
]


@pytest.mark.parametrize(("schedule", "epochs", "steps_per_epoch"), CASES)
def test_the_deviation_that_is_said_is_the_one_that_is_trained(
    schedule: WarmbootSchedule, epochs: int, steps_per_epoch: int
) -> None:
    text = to_cawb(schedule, epochs=epochs, steps_per_epoch=steps_per_epoch, max_deviation=math.inf)
    arguments = executed(text)["ARGUMENTS"]
    deviation = abs(lrs_in_its_loop(arguments) - schedule.factors(epochs * steps_per_epoch))
    largest, step, epoch, mean = said(text)
    assert largest == pytest.approx(deviation.max(), rel=1e-2, abs=1e-12)
    assert deviation[step] == pytest.approx(deviation.max(), rel=1e-12)
    assert epoch == step // steps_per_epoch
    assert mean == pytest.approx(deviation.mean(), rel=1e-2, abs=1e-12)


def test_restarts_on_whole_epochs_are_where_they_belong() -> None:
    schedule = WarmbootSchedule(warmup=0.05, restarts=[0.4, 0.7], step_scale=0.8, eta_min=0.05)
    text = to_cawb(schedule, epochs=100, steps_per_epoch=10)
    arguments = executed(text)["ARGUMENTS"]
    assert arguments["warmup_epoch"] == 5
    lrs = lrs_in_its_loop(arguments)[::10]
    jumps = [epoch for epoch in range(6, 100) if lrs[epoch] > lrs[epoch - 1] + 0.1]
    assert jumps == [40, 70]
    assert said(text)[0] < 0.06


def test_a_plain_cosine_needs_no_function_of_its_own() -> None:
    text = to_cawb(WarmbootSchedule(eta_min=0.1), epochs=20, steps_per_epoch=5)
    assert "lf" not in executed(text)["ARGUMENTS"]
    assert "lf=lf" in to_cawb(WarmbootSchedule(curve="linear"), epochs=20, steps_per_epoch=5)


def test_the_deviation_is_given_in_lr_as_well_where_the_schedule_has_one() -> None:
    text = to_cawb(WarmbootSchedule(lr=0.1), epochs=20, steps_per_epoch=5)
    largest = said(text)[0]
    assert f"{largest:.3g} of the peak lr ({largest * 0.1:.3g} in lr)" in text
    assert "# Build the optimizer with lr=0.1." in text


def test_a_short_warm_up_stays_a_warm_up() -> None:
    text = to_cawb(WarmbootSchedule(warmup=0.01), epochs=40, steps_per_epoch=50)
    assert executed(text)["ARGUMENTS"]["warmup_epoch"] == 1


NOT_EXPRESSIBLE = [
    (SCHEDULES["each its scale"], "has one step_scale for all restarts, this schedule several"),
    (SCHEDULES["registered"], "The curve 'root_for_exports' is a function of its author's"),
    (WarmbootSchedule(restarts=[0.05]), "would need them at [0, -1, 20], which do not rise"),
    (WarmbootSchedule(warmup=0.4, restarts=[0.5]), "would need them at [8, 8, 20]"),
    (WarmbootSchedule(restarts=[0.5, 0.51]), "would need them at [0, 8, 8, 20]"),
]


@pytest.mark.parametrize(("schedule", "reason"), NOT_EXPRESSIBLE)
def test_what_the_class_can_not_express_becomes_a_table_that_says_why(
    schedule: WarmbootSchedule, reason: str
) -> None:
    text = to_cawb(schedule, epochs=20, steps_per_epoch=5, origin={"study": "mine"})
    words = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("#"))
    assert reason in words
    assert "numbers at 100 steps" in words
    optimizer = optimizer_at(1.0)
    scheduler = executed(text)["make_scheduler"](optimizer)
    lrs = []
    for _ in range(100):
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert lrs == schedule.factors(100).tolist()


def test_a_schedule_that_the_class_would_be_far_from_is_refused_unless_it_is_taken() -> None:
    schedule = WarmbootSchedule(curve="linear")
    made = cawb_export(schedule, epochs=20, steps_per_epoch=5)
    assert made.deviation is not None
    assert made.deviation.mean < LARGEST_MEAN_DEVIATION
    with pytest.raises(
        ScheduleError, match=r"0\.26 of the peak lr .* more than 0\.1; .*--max-deviation 0\.26"
    ):
        to_cawb(schedule, epochs=5, steps_per_epoch=100)
    assert said(to_cawb(schedule, epochs=5, steps_per_epoch=100, max_deviation=0.26))[3] == 0.26
    with pytest.raises(ScheduleError, match="more than 0; train"):
        to_cawb(schedule, epochs=20, steps_per_epoch=5, max_deviation=0)
    with pytest.raises(ScheduleError, match="max_deviation must be at least 0 but got nan"):
        to_cawb(schedule, epochs=20, steps_per_epoch=5, max_deviation=math.nan)


def test_a_table_has_no_deviation() -> None:
    assert cawb_export(SCHEDULES["each its scale"], epochs=20, steps_per_epoch=5).deviation is None


@given(schedules(), st.integers(1, 40), st.integers(1, 8))
def test_every_schedule_gets_arguments_or_a_table(
    schedule: WarmbootSchedule, epochs: int, steps_per_epoch: int
) -> None:
    try:
        expected = schedule.factors(epochs * steps_per_epoch)
    except ScheduleError:
        return
    text = to_cawb(schedule, epochs=epochs, steps_per_epoch=steps_per_epoch, max_deviation=math.inf)
    namespace = executed(text)
    if "FACTORS" in namespace:
        assert namespace["FACTORS"] == expected.tolist()
        return
    lrs = lrs_in_its_loop(namespace["ARGUMENTS"])
    assert np.all((lrs >= 0.0) & (lrs <= max(schedule.peaks()) * (1 + 1e-12)))


@pytest.mark.parametrize(
    ("epochs", "steps_per_epoch", "text"),
    [
        (0, 5, "epochs must be at least 1"),
        (5, 0, "steps_per_epoch must be at least 1"),
        (1.5, 5, "epochs must be an integer"),
        (1, 2, "every cycle needs at least one step"),
    ],
)
def test_an_impossible_horizon_is_refused(epochs: Any, steps_per_epoch: Any, text: str) -> None:
    with pytest.raises(ScheduleError, match=text):
        to_cawb(SCHEDULES["restarts"], epochs=epochs, steps_per_epoch=steps_per_epoch)
