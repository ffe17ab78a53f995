"""What is said where a verdict or a transfer is interrupted."""

from __future__ import annotations

import pytest

from search.cli.more_trainings import told_if_interrupted
from search.cli.options import talk


@pytest.mark.parametrize("command", ["verdict", "transfer"])
def test_an_interrupted_command_says_what_is_kept_and_how_to_go_on(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        told_if_interrupted(command, "small", talk()),
    ):
        raise KeyboardInterrupt
    assert (
        capsys.readouterr().err.split()
        == (
            f"interrupted: nothing of this {command} is kept; study small and any earlier {command} on it "
            "are unchanged. The same command begins it again"
        ).split()
    )


def test_an_error_speaks_for_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), told_if_interrupted("verdict", "small", talk()):
        raise ValueError("no")
    assert capsys.readouterr().err == ""
