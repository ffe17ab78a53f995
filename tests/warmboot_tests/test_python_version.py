"""A Python that is too old is told so in one line, by the command, by an import, and by pip."""

from __future__ import annotations

import ast
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from warmboot.python_version import LEAST, refuse_older

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("file", ["warmboot/__init__.py", "warmboot/python_version.py", "search/entry.py"])
def test_what_runs_before_the_refusal_can_be_read_by_an_older_python(file: str) -> None:
    ast.parse((ROOT / file).read_text(), feature_version=(3, 8))


def test_the_refusal_comes_before_any_other_import() -> None:
    _docstring, _import_sys, first, *_ = ast.parse((ROOT / "warmboot/__init__.py").read_text()).body
    assert isinstance(first, ast.If)
    assert ast.unparse(first.test) == f"sys.version_info < {LEAST}"


@pytest.mark.parametrize("program", ["/opt/bin/warmboot", "-m", "/opt/search/__main__.py"])
def test_our_command_ends_with_one_line(program: str) -> None:
    with pytest.raises(
        SystemExit, match=r"^warmboot: needs Python 3\.11 or newer, and \S+ is 3\.9\.2; .*venv"
    ):
        refuse_older((3, 9, 2, "final"), program)  # type: ignore[arg-type]


@pytest.mark.parametrize("program", ["train.py", "/opt/pytest/__main__.py", "__main__.py"])
def test_a_script_gets_an_error_that_it_can_catch(program: str) -> None:
    with pytest.raises(ImportError, match=r"needs Python 3\.11 or newer, and \S+ is 3\.10\.1"):
        refuse_older((3, 10, 1), program)


def test_pip_is_not_led_to_a_conflict_between_packages_first() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    everything = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    unmarked = [each for each in everything if not each.endswith("; python_version >= '3.11'")]
    assert [each for each in unmarked if not each.startswith("warmboot[")] == []
    assert project["requires-python"] == ">=3.11"
