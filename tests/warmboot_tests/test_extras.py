"""A package that is missing is named with the command that brings it to this very installation."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.test_house import imports, top
from warmboot.extras import EXTRA_OF, extra_of, install_command, missing_text

ROOT = Path(__file__).parents[2]


def test_the_command_adds_the_extra_where_warmboot_was_installed_from() -> None:
    python, *words = shlex.split(install_command("postgres"))
    assert python == sys.executable
    assert words[:3] == ["-m", "pip", "install"]
    source, _, extra = words[-1].rpartition("[")
    assert extra == "postgres]"
    assert source == "warmboot" or Path(source).exists()


def test_the_text_is_one_line_with_package_and_command() -> None:
    error = ModuleNotFoundError("No module named 'sklearn.datasets'", name="sklearn.datasets")
    assert extra_of(error) == "digits"
    text = missing_text(error, "proxy digits_mlp")
    assert text.startswith("proxy digits_mlp needs the package sklearn, which is not installed: ")
    assert "[digits]" in text
    assert "\n" not in text
    assert extra_of(ModuleNotFoundError("No module named 'mylab'", name="mylab")) is None


def test_every_package_that_the_service_imports_has_its_extra() -> None:
    needed = {top(found.name) for found in imports("search") if found.when != "typing"}
    own = sys.stdlib_module_names | {"search", "warmboot", "numpy"}
    of_a_notebook = {"IPython"}  # asked for only where a kernel has imported it
    assert needed - own - of_a_notebook - set(EXTRA_OF) == set()


def test_every_extra_is_one_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(EXTRA_OF.values()) == set(project["optional-dependencies"]) - {"docs", "test"}


@pytest.mark.parametrize(
    ("code", "blocked", "words"),
    [
        ("import warmboot; warmboot.WarmbootLR", "torch", "warmboot.WarmbootLR needs torch"),
        ("from search.entry import main; main()", "typer", "the command line needs the package typer"),
        (
            "import sys; sys.argv[1:] = ['verdict', 'x']; from search.entry import main; main()",
            "optuna",
            "this needs the package optuna",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_command(code: str, blocked: str, words: str) -> None:
    program = f"import sys; sys.modules[{blocked!r}] = None\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert words in last
    assert "pip install" in last
