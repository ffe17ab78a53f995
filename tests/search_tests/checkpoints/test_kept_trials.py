"""The last states of the best trials: a few, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.checkpoints.kept_trials import MOST_KEPT, KeptTrials
from search.checkpoints.study_folder import StudyCheckpoints
from search.direction import Direction


def saved(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.pt").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("direction", "best"), [("minimize", [3, 1, 0, 2, 4]), ("maximize", [6, 5, 4, 2, 0])]
)
def test_the_best_are_kept(tmp_path: Path, direction: Direction, best: list[int]) -> None:
    kept = KeptTrials(tmp_path, direction)
    for trial, value in enumerate((3.0, 2.0, 4.0, 1.0, 5.0, 6.0, 7.0)):
        kept.offer(trial, value, 600, saved(tmp_path / f"run {trial}", f"weights of {trial}"))
    assert [each.trial for each in kept.all()] == best
    assert len(best) == MOST_KEPT
    assert (kept.all()[0].folder / "model.pt").read_text() == f"weights of {best[0]}"
    assert kept.all()[0].total_steps == 600
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]


def test_where_nothing_was_saved_nothing_is_kept(tmp_path: Path) -> None:
    kept = KeptTrials(tmp_path, "minimize")
    kept.offer(0, 1.0, 600, tmp_path / "never")
    assert kept.all() == []


def test_they_are_no_runs_that_make_room(tmp_path: Path) -> None:
    KeptTrials(tmp_path, "minimize").offer(0, 1.0, 600, saved(tmp_path / "run", "x" * 100))
    assert StudyCheckpoints(tmp_path, max_bytes=1).make_room() == []
