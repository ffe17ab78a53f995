"""Study files that nobody would write: read, or refused with all that is wrong, and never anything else."""

from __future__ import annotations

import copy
import datetime
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import UsageError
from search.spec.packaged import packaged_studies
from search.spec.study import StudySpec
from search.spec.study_file import parse_study, read_study_file

COMMAND = """
name = "mine"
proxy = { command = "python train.py --steps {total_steps}", total_steps = 300 }
n_runs = 12
objective = "val_accuracy"
direction = "maximize"
[space]
lr = { low = 1e-4, high = 1.0, log = true, start = 3e-3 }
warmup = { low = 0.0, high = 0.1 }
eta_min = { low = 0.0, high = 0.1 }
n_restarts = { low = 0, high = 2 }
curve = ["cosine", "linear"]
[params]
weight_decay = { low = 1e-5, high = 1e-2, log = true }
depth = [2, 3, 4]
[sampler]
name = "tpe"
[early_stopping]
name = "median"
[population]
slots = 4
[confirmation]
leaders = 2
seeds = 3
[verdict]
pairs = 10
baselines = { mine = { curve = "linear", warmup = 0.1 } }
[report]
to = ["tensorboard"]
"""
TABLES = [tomllib.loads(text) for text in (COMMAND, *(p.read_text() for p in packaged_studies().values()))]
NAMES = sorted(
    {key for table in TABLES for key in table} | {"train", "command", "low", "high", "log", "n_trials"}
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 2**63, 10**400, 1e308, 5e-324, True])
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["", "auto", "a:b", "{", "\x00", "../x", "l" * 700, "nan", "8h", "-1s"]
)
LEAVES = NUMBERS | TEXTS | st.sampled_from([datetime.date(2026, 1, 1), datetime.time(1, 2)])
JUNK = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A study file of which up to three entries are other ones, missing or new, at whatever depth."""
    table: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(TABLES)))
    for _ in range(draw(st.integers(1, 3))):
        place: dict[str, Any] = table
        while True:
            inner = [value for value in place.values() if isinstance(value, dict)]
            if not inner or draw(st.booleans()):
                break
            place = draw(st.sampled_from(inner))
        key = draw(
            st.sampled_from(sorted(place)) | st.sampled_from(NAMES) if place else st.sampled_from(NAMES)
        )
        if key in place and draw(st.booleans()):
            del place[key]
        else:
            place[key] = draw(JUNK)
    return table


@given(table=damaged())
def test_a_damaged_study_file_is_read_or_refused_with_its_problems(table: dict[str, Any]) -> None:
    try:
        spec = parse_study(table, place="study.toml")
    except UsageError as error:
        first, *problems = str(error).splitlines()
        assert first.startswith("study.toml has ")
        assert problems
        assert all(line.startswith("  ") for line in problems)
        assert max(map(len, problems)) < 1000
    else:
        assert StudySpec.from_json(spec.to_json()) == spec


@given(
    content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode(errors="replace"))
)
def test_any_bytes_are_no_study_file_but_a_mistake_that_is_told(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"bytes\.toml"):
        read_study_file(path)
