"""The example notebook runs as it stands in a kernel of its own, and was saved with what it shows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import warmboot

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples" / "notebook.ipynb"
SECONDS_FOR_A_CELL = 600
FORMAT: Any = nbformat  # its functions have no types


def shown(notebook: Any, kind: str) -> list[str]:
    """What the cells give back, of one kind."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


# Of the client's own libraries: zmq's event loop, an unencrypted connection to the kernel on this machine.
@pytest.mark.filterwarnings("default")
def test_the_notebook_goes_from_a_function_to_an_exported_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = FORMAT.read(NOTEBOOK, as_version=4)
    here = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=SECONDS_FOR_A_CELL, kernel_name="python3", resources=here).execute()
    answers = shown(notebook, "text/html")
    assert any("<svg role=" in html and "notebook" in html for html in answers)
    assert "written to schedule.json" in "\n".join(shown(notebook, "text/plain"))
    file = warmboot.read(tmp_path / "schedule.json")
    assert file.horizon == warmboot.Horizon(1200)
    assert file.schedule.lr is not None


def test_the_notebook_was_saved_with_its_outputs_and_without_an_error() -> None:
    notebook = FORMAT.read(NOTEBOOK, as_version=4)
    FORMAT.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert kinds == {"display_data", "execute_result"}, "no error, nothing on stderr"
    assert NOTEBOOK.stat().st_size < 100_000
