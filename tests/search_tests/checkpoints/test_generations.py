"""States in files: the last two are kept, and one that is damaged is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.checkpoints.generations import generations, read_generations, write_generation


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four states of a run, in the order they were written."""
    for step in (5, 80, 600, 1000):
        write_generation(tmp_path / "run", step, b"state at %d" % step)
    return tmp_path / "run"


def steps(folder: Path) -> list[bytes | None]:
    return [content for _, content in read_generations(folder)]


def test_the_last_two_are_kept(folder: Path) -> None:
    assert steps(folder) == [b"state at 1000", b"state at 600"]
    assert len(list(folder.iterdir())) == 4, "each with its hash, and nothing else"


def test_the_same_step_again_takes_the_place_of_the_first(folder: Path) -> None:
    write_generation(folder, 1000, b"again")
    assert steps(folder) == [b"again", b"state at 600"]


def test_where_nothing_was_written_there_is_none(tmp_path: Path) -> None:
    assert steps(tmp_path / "never") == []


@pytest.mark.parametrize("bit", range(0, 8 * len(b"state at 1000"), 7))
def test_a_flipped_bit_is_noticed(folder: Path, bit: int) -> None:
    content = bytearray(generations(folder)[0].read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    generations(folder)[0].write_bytes(content)
    assert steps(folder) == [None, b"state at 600"]


def test_a_torn_file_and_one_without_its_hash_are_noticed(folder: Path) -> None:
    last, before = generations(folder)
    last.write_bytes(last.read_bytes()[:-1])
    before.with_name(before.name + ".sha256").unlink()
    assert steps(folder) == [None, None]
