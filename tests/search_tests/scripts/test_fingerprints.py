"""What a command names is found as the command is run: by the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.scripts.fingerprints import named_files
from search.spec.proxy import CommandProxy


@pytest.mark.parametrize(
    "command",
    ["python train.py --steps {total_steps}", "python \\\ntrain.py", "'python' -u \\\ntrain.py \\\n"],
)
def test_a_script_is_found_on_whatever_line_it_stands(tmp_path: Path, command: str) -> None:
    (tmp_path / "train.py").write_text("import warmboot\n")
    proxy = CommandProxy(command=command, working_directory=str(tmp_path))
    assert named_files(proxy) == {"train.py": tmp_path / "train.py"}
