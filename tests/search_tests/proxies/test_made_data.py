"""Data that are made once on a machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import platformdirs
import pytest

from search.proxies.made_data import Arrays, made_once


class Maker:
    """Makes the same arrays, and counts how often."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self) -> Arrays:
        self.n += 1
        return {"x": np.linspace(0, 1, 7), "y": np.arange(3)}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    return tmp_path / "cache"


def same(one: Arrays, other: Arrays) -> bool:
    return one.keys() == other.keys() and all(
        one[k].dtype == other[k].dtype and np.array_equal(one[k], other[k]) for k in one
    )


def test_they_are_made_once_and_read_from_then_on(cache: Path) -> None:
    make = Maker()
    first, second = (made_once("curves", make, made_with=("numpy",)) for _ in range(2))
    assert make.n == 1
    assert same(first, second)
    assert [path.suffix for path in (cache / "made").iterdir()] == [".npz"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied"])
def test_a_damaged_file_is_made_anew(cache: Path, damage: str) -> None:
    make = Maker()
    made_once("curves", make, made_with=("numpy",))
    (path,) = (cache / "made").iterdir()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        at = content.index(np.arange(3).tobytes())
        content[at] ^= 1
    damaged: dict[str, bytearray] = {"cut": content[:-40], "flipped": content, "emptied": bytearray()}
    path.write_bytes(damaged[damage])
    assert same(made_once("curves", make, made_with=("numpy",)), make())
    assert make.n == 3
    made_once("curves", make, made_with=("numpy",))
    assert make.n == 3, "it was written again"


def test_a_cache_that_can_not_be_written_costs_time_alone(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    make = Maker()
    for _ in range(2):
        made_once("curves", make, made_with=("numpy",))
    assert make.n == 2
