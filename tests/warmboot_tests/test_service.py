"""Who gets the name `search`: Warmboot in its own processes, everybody else where a person's code runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["module", "package"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a `search` of its own."""
    if request.param == "module":
        (tmp_path / "search.py").write_text("MINE = True\n")
    else:
        (tmp_path / "search" / "deep").mkdir(parents=True)
        (tmp_path / "search" / "__init__.py").write_text("MINE = True\n")
        (tmp_path / "search" / "deep" / "__init__.py").touch()
        (tmp_path / "search" / "deep" / "model.py").write_text("raise AssertionError('never to be run')\n")
    return tmp_path


def output_of(program: str, *path: Path) -> str:
    """What a program prints that has `path` before everything else, and runs in the first of it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(
        command, env=environment, cwd=path[0], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


CLAIM = "from warmboot.service import claim_name; claim_name(); "
LEND = "from warmboot.service import lend_name; lend_name(); "
IS_OURS = "import search.durations; print(search.durations.__file__)"
OURS = str(ROOT / "search" / "durations.py")


def test_in_a_process_of_ours_the_name_is_ours(project: Path) -> None:
    assert output_of(CLAIM + IS_OURS, project, ROOT) == OURS


def test_also_where_something_has_imported_theirs_before(project: Path) -> None:
    assert output_of("import search; " + CLAIM + IS_OURS, project, ROOT) == OURS


def test_where_a_persons_code_runs_the_name_is_theirs(project: Path) -> None:
    assert output_of(LEND + "import search; print(search.MINE)", project, ROOT) == "True"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_process_that_ours_starts_is_ours(project: Path, method: str) -> None:
    program = f"""
import multiprocessing
from warmboot.service import call_as_service, claim_name, pickled_call

if __name__ == "__main__":
    claim_name()
    import search.durations
    context = multiprocessing.get_context({method!r})
    call = pickled_call(search.durations.parse_duration, "2m")
    process = context.Process(target=call_as_service, args=(call,))
    process.start()
    process.join()
    print(process.exitcode)
"""
    script = project / "program.py"
    script.write_text(program)
    run = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    assert output_of(run, project, ROOT) == "0"


def test_a_module_of_ours_runs_as_a_program(project: Path) -> None:
    """One without a `main` stands for it: it was found, and not the project's."""
    program = """
import os, subprocess, sys
from warmboot.service import service_command
path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
done = subprocess.run(service_command("search.durations"), env=path, capture_output=True, text=True)
print(done.stderr.splitlines()[-1])
"""
    found = output_of(program, project, ROOT)
    assert found == "AttributeError: module 'search.durations' has no attribute 'main'"


def test_their_module_is_found_from_a_process_of_ours_and_not_run(project: Path) -> None:
    where = (
        "from warmboot.service import find_theirs; found = find_theirs({!r}); print(found and found.origin)"
    )
    found = output_of(CLAIM + where.format("search.deep.model"), project, ROOT)
    expected = project / "search" / "deep" / "model.py"
    assert found == (str(expected) if expected.exists() else "None")
    assert output_of(CLAIM + where.format("search.nothing"), project, ROOT) == "None"
    assert output_of(CLAIM + where.format("json.decoder"), project, ROOT).endswith("json/decoder.py")
