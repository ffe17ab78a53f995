"""Files of anybody's making: read as what they are, or refused with all that is wrong."""

import ast
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warmboot_tests.export_runs import SCHEDULES
from tests.warmboot_tests.strategies import schedules
from warmboot.cawb_file import cawb_from_python
from warmboot.errors import ScheduleError
from warmboot.exporters import EXPORTERS, to_cawb, to_numbers, to_optax, to_torch_script
from warmboot.preview import View
from warmboot.preview_input import read_view
from warmboot.python_export import formula_from_python
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import Horizon, ScheduleFile, write, writes

SCHEDULE = WarmbootSchedule(warmup=0.05, restarts=[0.4, 0.7], step_scale=0.8, eta_min=0.05)


def view_of_text(folder: Path, name: str, text: str, **options: Any) -> View:
    path = folder / name
    path.write_text(text)
    return read_view(path, **options)


def test_a_schedule_file_is_seen_on_its_own_horizon_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    write(ScheduleFile(SCHEDULE, Horizon(300)), path)
    assert len(read_view(path).values) == 300
    assert read_view(path, total_steps=70).values.tolist() == SCHEDULE.factors(70).tolist()
    write(ScheduleFile(SCHEDULE.replace(lr=0.1)), path)
    assert (len(read_view(path).values), read_view(path).unit) == (1000, "lr")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n.txt", to_numbers(SCHEDULE, 200)),
        ("n", "\n\n" + to_numbers(SCHEDULE, 200) + "\n"),
        ("n.json", json.dumps(SCHEDULE.factors(200).tolist())),
        ("n.txt", " " + json.dumps(SCHEDULE.factors(200).tolist(), indent=1)),
    ],
)
def test_numbers_come_in_text_and_json(tmp_path: Path, name: str, text: str) -> None:
    view = view_of_text(tmp_path, name, text)
    assert view.values.tolist() == SCHEDULE.factors(200).tolist()
    assert (view.unit, view.findings) == ("value", [])
    assert [(point.name, point.step) for point in view.points] == [
        ("first step", 0),
        ("peak", 10),
        ("before restart 1", 79),
        ("restart 1", 80),
        ("before restart 2", 139),
        ("restart 2", 140),
        ("last step", 199),
    ]


def test_a_peak_and_a_floor_that_were_meant_are_looked_for(tmp_path: Path) -> None:
    text = to_numbers(SCHEDULE, 200)
    assert view_of_text(tmp_path, "n.txt", text, peak=1.0, floor=0.032).findings == []
    # warm-up passes 1/11, which is no floor
    found = view_of_text(tmp_path, "n.txt", text, peak=2.0, floor=1 / 11).findings
    assert [finding.name for finding in found] == ["skipped_peak", "untrained_floor"]


# restarts at 40 and 70 of 100 epochs, 250 batches each: the flaws that `cawb` lists
CAWB = {"epochs": 100, "batchs": 250, "steps": [40, 70], "warmup_epoch": 5}
CAWB_FLAWS = [
    ("first_lr_is_0", 0),
    ("dip_after_warmup", 1250),
    ("untrained_floor", 41 * 250),
    ("skipped_peak", 42 * 250),
    ("untrained_floor", 71 * 250),
    ("skipped_peak", 72 * 250),
    ("untrained_floor", 99 * 250),
]


def test_the_flaws_of_cawb_are_found_where_they_are(tmp_path: Path) -> None:
    view = view_of_text(tmp_path, "c.json", json.dumps(CAWB))
    assert [(finding.name, finding.step) for finding in view.findings] == CAWB_FLAWS
    assert view.title == "CAWB arguments: 100 epochs of 250 batches, 25000 steps"
    assert view.unit == "factor"


def test_a_restart_that_the_class_drops_is_said(tmp_path: Path) -> None:
    view = view_of_text(tmp_path, "c.json", json.dumps({**CAWB, "steps": [70, 40, 100, 3]}))
    assert view.findings[0].words.startswith("steps [100, 3] do not lie between the warm-up's end")
    assert [(finding.name, finding.step) for finding in view.findings[1:]] == CAWB_FLAWS


@given(schedules(), st.integers(1, 30), st.integers(1, 8))
def test_every_exported_file_is_read_back_without_being_run(
    schedule: WarmbootSchedule, epochs: int, steps_per_epoch: int
) -> None:
    try:
        text = to_cawb(schedule, epochs=epochs, steps_per_epoch=steps_per_epoch, max_deviation=math.inf)
    except ScheduleError:
        return
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    found = cawb_from_python(text, "export")
    if isinstance(found, list):
        assert found == namespace["FACTORS"]
        return
    arguments = dict(namespace["ARGUMENTS"])
    lf = arguments.pop("lf", None)
    assert dict(found.arguments) == arguments
    assert (found.lf is None) == (lf is None)
    if found.lf is not None:
        assert (found.lf.hold, found.lf.eta_min, found.lf.curve) == (
            schedule.hold,
            schedule.eta_min,
            schedule.curve,
        )


FORMULAS = [name for name in EXPORTERS if name not in ("json", "numbers", "cawb")]


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("of", ["formula", "table"])
def test_what_is_exported_is_seen_as_it_was_in_every_format(tmp_path: Path, name: str, of: str) -> None:
    schedule = SCHEDULE.replace(lr=0.3) if of == "formula" else SCHEDULES["registered"]
    text = EXPORTERS[name].render(ScheduleFile(schedule, Horizon(200), {"study": "mine"}))
    view = view_of_text(tmp_path, "s.py", text)
    if of == "table":
        assert (view.values.tolist(), view.unit) == (schedule.factors(200).tolist(), "factor")
        return
    assert (view.values.tolist(), view.unit) == (schedule.lr_table(200).tolist(), "lr")
    assert view.title.startswith(schedule.describe())
    seen = view_of_text(tmp_path, "without_its_name", text, total_steps=70)
    assert seen.values.tolist() == schedule.lr_table(70).tolist()


@given(schedules(), st.booleans())
def test_every_formula_is_read_back_without_being_run(schedule: WarmbootSchedule, jax: bool) -> None:
    text = to_optax(schedule) if jax else to_torch_script(schedule)
    found = formula_from_python(ast.parse(text), text, "export")
    assert found.total_steps is None
    assert found.schedule.peaks() == pytest.approx(schedule.peaks(), rel=1e-15)
    same = {name: getattr(schedule, name) for name in ("step_scale", "allow_rising")}
    if schedule.restarts:
        assert found.schedule.replace(**same) == schedule
    else:
        assert found.schedule.replace(step_scale=schedule.step_scale, allow_rising=True) == schedule.replace(
            allow_rising=True
        )


def test_a_file_is_read_once_so_that_it_may_be_a_pipe(tmp_path: Path) -> None:
    for text in (writes(SCHEDULE), to_numbers(SCHEDULE, 1000), TORCH):
        reader, writer = os.pipe()
        os.write(writer, text.encode())
        os.close(writer)
        assert read_view(f"/dev/fd/{reader}").values.tolist() == SCHEDULE.factors(1000).tolist()
        os.close(reader)


def test_an_exported_file_and_its_table_are_seen(tmp_path: Path) -> None:
    text = to_cawb(WarmbootSchedule(curve="rex", hold=0.2), epochs=20, steps_per_epoch=10)
    assert len(view_of_text(tmp_path, "c.py", text).values) == 200
    schedule = WarmbootSchedule(restarts=[0.1])
    text = to_cawb(schedule, epochs=10, steps_per_epoch=20)
    assert view_of_text(tmp_path, "t.py", text).values.tolist() == schedule.factors(200).tolist()


TORCH = to_torch_script(SCHEDULE)
LF = to_cawb(WarmbootSchedule(curve="linear"), epochs=20, steps_per_epoch=10)
REFUSED = {
    ("n.txt", "0.1\nfast\n-1\nnan\n"): r"entry 2 .*'fast'[\s\S]*entry 3 .*at least 0[\s\S]*entry 4 .*finite",
    ("n.txt", "  \n"): "holds no numbers",
    ("n.json", "[]"): "holds no numbers",
    ("n.json", '[1, "2", true, null]'): r"entry 3 must be a number[\s\S]*entry 4 must be a number",
    ("n.json", "[1, NaN]"): "NaN is not a JSON number",
    ("n.json", "[1, "): "is no JSON",
    ("n.json", "[[1]]"): "entry 1 must be a number",
    ("s.json", '{"lr": 1}'): 'format must be "warmboot-schedule"',
    ("s.json", "0.1\n0.2"): "is not JSON",
    ("c.json", '{"epochs": 0, "lr": 1, "steps": [1, "2"], "eta_min": -1}'): (
        r"epochs must be at least 1[\s\S]*eta_min must be at least 0[\s\S]*needs batchs[\s\S]*"
        r"steps\[1\] must be a number[\s\S]*unknown argument 'lr'"
    ),
    ("c.json", '{"epochs": 10, "batchs": 5, "steps": 3}'): "steps must be a list of epochs",
    ("c.json", '{"epochs": 1000000, "batchs": 1000}'): "at most 10,000,000",
    ("c.json", '{"epochs": 5, "batchs": 5, "warmup_epoch": 5}'): "epochs must be greater than warmup_epoch",
    ("c.py", "import os\n"): "has neither ARGUMENTS",
    ("c.py", "ARGUMENTS = dict(epochs=(\n"): "is no Python",
    ("c.py", "ARGUMENTS = dict(epochs=open('x'), batchs=5)"): "must be written as plain numbers",
    ("c.py", "import os\n\nx = 1"): "other Python isn't read, since that would run it",
    ("f.py", TORCH.replace("PEAKS = [1.0, 0.8", "PEAKS = [2.0, 0.8")): "its formula is not the one",
    ("f.py", TORCH.replace("HOLD = 0.0", "HOLD = 1.5")): "its formula is not the one",
    ("f.py", TORCH.replace("HOLD = 0.0", "HOLD = open('x')")): "HOLD must be written as plain numbers",
    ("f.py", TORCH.replace("return math.sin", "return 2 * math.sin")): "its formula is not the one",
    ("f.py", TORCH.replace("(step + 1) /", "(step + 2) /")): "its formula is not the one",
    ("f.py", TORCH.replace("def curve", "def other")): "its formula is not the one",
    ("f.py", to_optax(SCHEDULE).replace("lr * jnp.where", "2 * jnp.where")): "its formula is not the one",
    ("f.py", TORCH + "\nfactor = print\n"): "its formula is not the one",
    ("f.py", TORCH + "\nif True:\n    def curve(x):\n        return 1.0\n"): "its formula is not the one",
    ("f.py", TORCH.replace("def factor(", "@print\ndef factor(")): "its formula is not the one",
    ("f.py", TORCH + "\nPEAKS *= 2\n"): "its formula is not the one",
    ("f.py", TORCH + "\nfrom cmath import *\n"): "its formula is not the one",
    ("f.py", TORCH + "\ndef other():\n    global HOLD\n    HOLD = 1\n"): "its formula is not the one",
    ("c.py", LF + "\nlf = abs\n"): "binds lf more than once",
    ("c.py", LF + "\nARGUMENTS |= dict(lf=abs)\n"): "binds ARGUMENTS more than once",
    ("c.py", LF.replace("* (1 - x)", "* print(x)")): "lf is not one that warmboot's export writes",
    ("c.py", LF.replace("lf=lf", "lf=lf, hold=2")): "unknown argument 'hold'",
    ("c.py", LF.replace("x - 0.0", "x - 7.0")): "lf is not one that warmboot's export writes",
}


@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_what_is_neither_is_refused_with_all_that_is_wrong(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(ScheduleError, match=REFUSED[name, text]):
        view_of_text(tmp_path, name, text)


@pytest.mark.parametrize(
    ("name", "text", "options", "words"),
    [
        (
            "n.txt",
            "1 0.5 0",
            {"total_steps": 3},
            "is for schedules and formulas; this is a table of 3 numbers",
        ),
        ("c.json", json.dumps(CAWB), {"total_steps": 3}, "this has arguments, and its own length"),
        ("n.txt", "1 0.5 0", {"peak": float("nan")}, "peak must be finite"),
        ("c.json", json.dumps(CAWB), {"peak": 1.0}, "CAWB arguments have their own"),
        ("s.json", writes(ScheduleFile(SCHEDULE)), {"floor": 0.0}, "a schedule has its own"),
    ],
)
def test_an_option_for_another_kind_of_file_is_refused(
    tmp_path: Path, name: str, text: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ScheduleError, match=words):
        view_of_text(tmp_path, name, text, **options)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(ScheduleError, match="is not UTF-8 text"):
        read_view(tmp_path / "n.txt")
    with pytest.raises(ScheduleError, match="is a directory"):
        read_view(tmp_path)


def test_a_pipe_with_a_schedule_in_toml_is_seen_as_one(tmp_path: Path) -> None:
    text = 'format = "warmboot-schedule"\nversion = 1\n[schedule]\nwarmup = 0.1\n'
    curve = '[schedule.curve]\nname = "cosine"\n'
    for name in ("-", "s.txt"):
        expected = WarmbootSchedule(warmup=0.1).factors(50).tolist()
        assert view_of_text(tmp_path, name, text, total_steps=50).values.tolist() == expected
        with_comment = f"# [mine]\n{text}{curve}"
        assert view_of_text(tmp_path, name, with_comment, total_steps=50).values.tolist() == expected


def test_a_list_of_noise_names_no_restarts(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(size=500)
    view = view_of_text(tmp_path, "n.txt", "\n".join(map(repr, noise.tolist())))
    assert len(view.points) == 3
    assert len(view.findings) <= 3
