"""The folders of a study's runs: one process each, bounded, and none where nothing is saved."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search.checkpoints.place import study_folder
from search.checkpoints.study_folder import RECENT_SECONDS, StudyCheckpoints


def saved(checkpoints: StudyCheckpoints, run: str, n_bytes: int, age_seconds: float) -> None:
    """A folder that was written to so long ago."""
    file = checkpoints.of(run) / "files" / "model.pt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * n_bytes)
    at = file.stat().st_mtime - age_seconds
    os.utime(file, (at, at))


def test_the_place_is_the_workers_then_the_studys_then_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("WARMBOOT_CHECKPOINTS", raising=False)
    assert study_folder("my / study", "ab", None) == tmp_path / "warmboot" / "checkpoints" / "my-study-ab"
    assert study_folder("s", "ab", "/shared") == Path("/shared/s-ab")
    monkeypatch.setenv("WARMBOOT_CHECKPOINTS", "~/here")
    assert study_folder("s", None, "/shared") == Path.home() / "here" / "s-old"


def test_a_run_is_one_processs_at_a_time(tmp_path: Path) -> None:
    one, other = (StudyCheckpoints(tmp_path / "study", max_bytes=10**9) for _ in range(2))
    with one.held("run") as mine:
        assert mine == tmp_path / "study" / "run"
        (mine / "files").mkdir()
        with other.held("run") as theirs:
            assert theirs is None
        assert mine.is_dir()
    with other.held("run") as theirs:
        assert theirs == mine


def test_a_run_that_saves_nothing_leaves_nothing(tmp_path: Path) -> None:
    checkpoints = StudyCheckpoints(tmp_path / "study", max_bytes=10**9)
    with checkpoints.held("run"):
        pass
    assert not (tmp_path / "study").exists()


def test_what_can_not_be_made_is_told_to_who_saves_there(tmp_path: Path) -> None:
    (tmp_path / "study").write_text("no folder")
    with StudyCheckpoints(tmp_path / "study", max_bytes=10**9).held("run") as folder:
        assert folder == tmp_path / "study" / "run"


def test_the_oldest_that_nobody_has_open_goes_first(tmp_path: Path) -> None:
    checkpoints = StudyCheckpoints(tmp_path / "study", max_bytes=250)
    ages = {"old": 9, "held": 8, "middle": 7, "young": 6}
    for run, hours in ages.items():
        saved(checkpoints, run, 100, hours * 3600)
    with checkpoints.held("held"):
        assert checkpoints.make_room() == ["old"]
    assert sorted(entry.name for entry in (tmp_path / "study").iterdir()) == ["held", "middle", "young"]


def test_what_was_written_a_moment_ago_is_not_removed(tmp_path: Path) -> None:
    checkpoints = StudyCheckpoints(tmp_path / "study", max_bytes=1)
    saved(checkpoints, "now", 100, 0.0)
    saved(checkpoints, "then", 100, 2 * RECENT_SECONDS)
    assert checkpoints.make_room() == ["then"]


def test_a_run_with_a_result_is_forgotten(tmp_path: Path) -> None:
    checkpoints = StudyCheckpoints(tmp_path / "study", max_bytes=10**9)
    for run in ("a", "b"):
        saved(checkpoints, run, 1, 0.0)
    checkpoints.forget("a")
    checkpoints.forget("never there")
    assert [entry.name for entry in (tmp_path / "study").iterdir()] == ["b"]
    checkpoints.forget_all()
    assert list(tmp_path.iterdir()) == []
