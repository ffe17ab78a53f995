"""`engine=` of `warmboot.launch` reaches the engines of the command line, with their rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import warmboot
from search.errors import UsageError
from tests.search_tests.session.notebook_functions import cell


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "dask"}, r"engine: got 'dask'; accepted are local, ray, slurm\."),
        ({"address": "head:6379"}, "--address is read with --engine ray only"),
        ({"engine": "slurm", "ship": True}, "--ship is read with --engine ray only"),
        ({"engine": "slurm"}, "is a file, and workers on the nodes of SLURM can't share it"),
        ({"engine": "ray", "gpus": [0]}, "--gpus names GPUs of this machine, and Ray places workers on all"),
    ],
)
def test_what_an_engine_can_not_do_is_refused_and_nothing_is_stored(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        warmboot.launch("char_lm", storage=f"sqlite:///{tmp_path}/studies.db", progress=False, **options)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("engine", ["ray", "slurm"])
def test_a_function_that_only_this_python_has_stays_here(tmp_path: Path, engine: str) -> None:
    with pytest.raises(UsageError, match="your function train is only in this Python; put it into a module"):
        warmboot.launch(
            cell(),
            space={"lr": 0.1},
            total_steps=40,
            engine=engine,
            storage=f"sqlite:///{tmp_path}/studies.db",
            progress=False,
        )
    assert [*tmp_path.iterdir()] == []
