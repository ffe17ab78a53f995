"""The strict reader: what comes back is what was written, and every problem is told at once."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws import few
from tests.warmboot_tests.strategies import schedule_files
from warmboot.baseline_schedules import baselines, opponents
from warmboot.curves import Polynomial
from warmboot.errors import ScheduleError, ScheduleFileError
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import Horizon, ScheduleFile, read, reads, write, writes


def document(**changes: Any) -> dict[str, Any]:
    """A small valid document with some keys changed."""
    valid = {
        "format": "warmboot-schedule",
        "version": 1,
        "schedule": {"curve": {"name": "linear"}, "warmup": 0.1},
        "origin": {"study": "char_lm"},
    }
    return {**valid, **changes}


def problems_of(content: object) -> tuple[str, ...]:
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(ScheduleFileError) as caught:
        reads(text)
    return caught.value.problems


@given(schedule_files())
def test_what_is_written_is_read(file: ScheduleFile) -> None:
    assert reads(writes(file)) == file


@few(20)
@given(file=schedule_files())
def test_what_is_written_to_disk_is_read(
    tmp_path_factory: pytest.TempPathFactory, file: ScheduleFile
) -> None:
    path = tmp_path_factory.mktemp("files") / "schedule.json"
    write(file, path)
    assert read(path) == file


@pytest.mark.parametrize("name", [*baselines(), *opponents()])
def test_every_standard_goes_through_the_file_and_back(name: str) -> None:
    file = ScheduleFile({**baselines(), **opponents()}[name], Horizon(600, epochs=10), {"standard": name})
    assert reads(writes(file)) == file


def test_the_file_is_the_documented_one() -> None:
    schedule = WarmbootSchedule(
        lr=0.3, warmup=0.05, restarts=[0.5], step_scale=[0.8], curve=Polynomial(power=0.7)
    )
    file = ScheduleFile(schedule, Horizon(600, epochs=10, steps_per_epoch=60), {"seed": 0})
    assert json.loads(writes(file)) == {
        "format": "warmboot-schedule",
        "version": 1,
        "schedule": {
            "lr": 0.3,
            "warmup": 0.05,
            "restarts": [0.5],
            "step_scale": [0.8],
            "hold": 0.0,
            "eta_min": 0.0,
            "curve": {"name": "polynomial", "power": 0.7},
        },
        "horizon": {"total_steps": 600, "epochs": 10, "steps_per_epoch": 60},
        "origin": {"seed": 0},
    }


def test_toml_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "schedule.toml"
    path.write_text(
        'format = "warmboot-schedule"\nversion = 1\n'
        '[schedule]\nwarmup_steps = 5\ncurve = { name = "polynomial", power = 2 }\n'
        "[horizon]\ntotal_steps = 100\n[origin]\nstudy = 'mine'\n"
    )
    assert read(path) == ScheduleFile(
        WarmbootSchedule(warmup_steps=5, curve=Polynomial(power=2)),
        Horizon(100),
        {"study": "mine"},
    )


def test_all_problems_are_told_at_once() -> None:
    content = document(
        orign={},
        schedule={"warmupp": 0.1, "hold": True, "eta_min": 2, "curve": {"name": "lin"}},
        horizon={"total_steps": 0, "epoch": 3},
        origin=[],
    )
    assert problems_of(content) == (
        "unknown key 'orign'; did you mean origin, horizon?",
        "unknown key 'schedule.warmupp'; did you mean warmup, warmup_steps?",
        *(one for one in problems_of(document(schedule={"curve": {"name": "lin"}}))),
        "schedule.hold must be a number but got True (bool)",
        "schedule.eta_min must be in [0, 1] but got 2",
        "unknown key 'horizon.epoch'; did you mean epochs?",
        "horizon.total_steps must be at least 1 but got 0",
        "origin must be a JSON object but got [] (list)",
    )


VALID_HEAD = '{"format": "warmboot-schedule", "version": 1, '

# each row has one thing wrong with it
WRONG: list[tuple[object, str]] = [
    ([], "must be an object (a table) but is []"),
    ("", "is empty; a schedule file is made with warmboot.write or warmboot export"),
    (document(format="other"), "format must be \"warmboot-schedule\" but got 'other'"),
    (document(version="1"), "version must be 1 but got '1'"),
    (document(version=True), "version must be 1 but got True"),
    (document(version=0), "version must be 1 but got 0"),
    (document(schedule=3), "schedule must be an object (a table) but got 3"),
    (document(horizon=600), "horizon must be an object (a table) but got 600"),
    (document(horizon=None), "horizon must be an object (a table) but got None"),
    (document(horizon={}), "horizon.total_steps is missing"),
    (
        document(horizon={"total_steps": 600.0}),
        "horizon.total_steps must be an integer but got 600.0 (float)",
    ),
    (
        document(horizon={"total_steps": 600, "epochs": 7, "steps_per_epoch": 60}),
        "horizon.total_steps must be epochs x steps_per_epoch = 7 x 60 = 420 but got 600",
    ),
    (
        document(horizon={"total_steps": 9, "epochs": None}),
        "horizon.epochs must be left out or given, not null",
    ),
    (document(schedule={"lr": None}), "schedule.lr must be left out or given, not null"),
    (document(schedule={"lr": "0.1"}), "schedule.lr must be a number but got '0.1' (str)"),
    (
        document(schedule={"warmup_steps": 5.0}),
        "schedule.warmup_steps must be an integer but got 5.0 (float)",
    ),
    (
        document(schedule={"curve": "linear"}),
        'schedule.curve must be an object with a name but got \'linear\'; write {"name": "linear"}',
    ),
    (
        document(schedule={"curve": {"name": "linear", "power": 2}}),
        "schedule.curve: curve linear has no parameter 'power'",
    ),
    (
        document(schedule={"curve": {"name": "polynomial", "power": False}}),
        "schedule.curve: power must be a number but got False (bool)",
    ),
    (
        VALID_HEAD + '"schedule": {"lr": NaN}}',
        "NaN is not a JSON number; numbers must be finite",
    ),
    (
        VALID_HEAD + '"schedule": {"lr": 1, "lr": 2}}',
        "the key 'lr' is repeated in one object; keep one of them",
    ),
    (
        VALID_HEAD + '"schedule": {"lr": 1}, "origin": {"x": 1e999}}',
        "the number '1e999' is too large; numbers must be finite",
    ),
    (
        document(origin={"long": "x" * 70_000}),
        "origin must be under 65,536 bytes but has 70,012",
    ),
]


@pytest.mark.parametrize(("content", "problem"), WRONG, ids=[row[1][:60] for row in WRONG])
def test_one_wrong_thing_is_one_problem(content: object, problem: str) -> None:
    found = problems_of(content)
    assert problem in found
    assert len(found) == 1 or "NaN" in problem  # NaN stands as 0 until it is put right


def test_a_newer_version_is_refused_with_the_way_out_and_nothing_else() -> None:
    (problem,) = problems_of(document(version=2, schedule={"momentum": 3}))
    assert problem == (
        "version 2 is newer than this warmboot reads (1); update it: pip install --upgrade warmboot"
    )


def test_a_schedule_that_does_not_fit_its_horizon_is_refused() -> None:
    content = document(schedule={"restarts": [0.5, 0.51]}, horizon={"total_steps": 10})
    (problem,) = problems_of(content)
    assert "restart 0.5 at step 5 and restart 0.51 at step 5" in problem
    with pytest.raises(ScheduleError, match=r"restart 0\.5 at step 5"):
        ScheduleFile(WarmbootSchedule(restarts=[0.5, 0.51]), Horizon(10))


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"a": 1' + "0" * 5000 + "}", "\ufeff{}"])
def test_what_is_no_json_is_refused_in_words(text: str) -> None:
    (problem,) = problems_of(text)
    assert "is not JSON" in problem or "nested too deeply" in problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = 1\na = 2\n", "is not TOML"),
        ('format = "warmboot-schedule"\nversion = 1\n[schedule]\nlr = nan\n', "must be finite"),
        (
            'format = "warmboot-schedule"\nversion = 1\n[schedule]\n[origin]\nat = 2026-01-01\n',
            "origin.at must be a JSON value but got datetime.date",
        ),
    ],
)
def test_toml_is_held_to_the_same_rules(text: str, problem: str) -> None:
    with pytest.raises(ScheduleFileError, match=problem):
        reads(text, format="toml")


BAD_ORIGINS: list[tuple[Any, str]] = [
    ({1: 2}, "a key of origin must be text but got 1"),
    ({"a": (1, 2)}, "origin.a must be a JSON value"),
    ({"a": [float("nan")]}, r"origin.a\[0\] must be finite but got nan"),
    ({"a": "\ud800"}, "half a character"),
    ({"a": 10**4200}, "integer of over 4,000 digits"),
    ([], "origin must be a JSON object"),
]


@pytest.mark.parametrize(("origin", "text"), BAD_ORIGINS)
def test_an_origin_that_json_would_change_is_refused(origin: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ScheduleFile(WarmbootSchedule(), origin=origin)


def test_a_deep_origin_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(60):
        deep = {"in": deep}
    with pytest.raises(ValueError, match="nested deeper than 50 levels"):
        ScheduleFile(WarmbootSchedule(), origin=deep)


def test_the_callers_origin_is_left_alone() -> None:
    origin = {"seeds": [0]}
    file = ScheduleFile(WarmbootSchedule(), origin=origin)
    origin["seeds"].append(1)
    assert file.origin == {"seeds": [0]}


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda b: b.decode("latin-1")))
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    with pytest.raises(ScheduleFileError):
        reads(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*vars(WarmbootSchedule()), "other"]), json_values))
def test_no_schedule_table_makes_the_reader_fail_otherwise(table: dict[str, Any]) -> None:
    with contextlib.suppress(ScheduleFileError):
        reads(json.dumps(document(schedule=table)))
