"""The file that is as fresh as its worker is alive."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from search.errors import UsageError
from search.launch.health_file import EVERY_SECONDS, HealthFile


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("search.launch.health_file.time.monotonic", lambda: now[0])
    return now


def test_it_tells_what_the_worker_does_and_is_gone_with_it(tmp_path: Path, clock: list[float]) -> None:
    path = tmp_path / "health.json"
    health = HealthFile(path)
    assert json.loads(path.read_text())["state"] == "starting"
    health.beat("training", ["char_lm"])
    assert json.loads(path.read_text())["state"] == "starting", "no more often than it has to be"
    clock[0] += EVERY_SECONDS
    health.beat("training", ["char_lm"])
    facts = json.loads(path.read_text())
    assert (facts["state"], facts["studies"], facts["pid"]) == ("training", ["char_lm"], os.getpid())
    health.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_not_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"--health-file: .*/gone/health.json can't be written \(No such file"
    ):
        HealthFile(tmp_path / "gone" / "health.json")


def test_a_disk_that_is_full_later_does_not_end_the_worker(tmp_path: Path, clock: list[float]) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    health = HealthFile(folder / "health.json")
    (folder / "health.json").unlink()
    folder.rmdir()
    clock[0] += EVERY_SECONDS
    health.beat("training")
    folder.mkdir()
    clock[0] += EVERY_SECONDS
    health.beat("training")
    assert (folder / "health.json").exists()


def test_without_a_path_there_is_none() -> None:
    health = HealthFile(None)
    health.beat("training")
    health.remove()
