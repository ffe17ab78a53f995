"""Where a data set is looked for, what is checked of it, and what is said where it is not there."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from search.errors import UsageError
from search.proxies.datasets import FASHION_MNIST, DataSet, cache_folder, find, read
from tests.search_tests.needs import NEEDS_FASHION_MNIST
from tests.search_tests.proxies.small_data_set import CONTENT, fill, published, small_data_set


@pytest.fixture
def data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSet:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return small_data_set(tmp_path)


def test_the_folder_of_the_study_comes_first_then_the_systems_then_the_cache(
    data_set: DataSet, tmp_path: Path
) -> None:
    assert find(data_set) is None
    fill(cache_folder(data_set))
    found = find(data_set)
    assert found is not None
    assert (found.folder, found.kind) == (tmp_path / "cache" / "warmboot" / "small", "the user's cache")
    fill(data_set.system_folder)
    found = find(data_set)
    assert found is not None
    assert (found.folder, found.kind) == (tmp_path / "system", "Debian's package dataset-small")
    fill(tmp_path / "mine")
    found = find(data_set, str(tmp_path / "mine"))
    assert found is not None
    assert found.folder == tmp_path / "mine"


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_files_are_read_compressed_or_not(data_set: DataSet, suffix: str) -> None:
    fill(data_set.system_folder, suffix=suffix)
    assert read(data_set) == CONTENT


def test_files_that_others_compressed_are_the_same(data_set: DataSet) -> None:
    fill(data_set.system_folder)
    name, content = next(iter(CONTENT.items()))
    (data_set.system_folder / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1, mtime=99))
    assert read(data_set) == CONTENT


def test_a_data_set_that_is_nowhere_is_told_with_the_command_that_gets_it(
    data_set: DataSet, tmp_path: Path
) -> None:
    message = (
        rf"small is not in {tmp_path}/system, {tmp_path}/cache/warmboot/small: warmboot data small gets it "
        r"\(2 MB\); so does Debian's package dataset-small\.$"
    )
    with pytest.raises(UsageError, match=message):
        read(data_set)


def test_a_folder_that_a_study_names_is_the_only_one_looked_at(data_set: DataSet, tmp_path: Path) -> None:
    fill(data_set.system_folder)
    with pytest.raises(
        UsageError, match=rf"is not in {tmp_path}/mine: warmboot data small --to {tmp_path}/mine"
    ):
        read(data_set, str(tmp_path / "mine"))


def test_a_part_is_told_and_not_passed_over(data_set: DataSet) -> None:
    fill(cache_folder(data_set))
    fill(data_set.system_folder, "some-words")
    with pytest.raises(
        UsageError, match=r"has a part of it, but not some-numbers\[\.gz\]; complete the folder"
    ):
        read(data_set)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            published(b"1 2 4"),
            "must have the SHA-256 [0-9a-f]{64} but has [0-9a-f]{64}; delete .*/system and",
        ),
        (published(b"1 2 3")[:-9], r"can't be read \(Compressed file ended .*data small gets it"),
        (b"no archive", r"can't be read \(Not a gzipped file"),
    ],
)
def test_a_damaged_file_is_told(data_set: DataSet, content: bytes, message: str) -> None:
    fill(data_set.system_folder)
    (data_set.system_folder / "some-numbers.gz").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read(data_set)


@NEEDS_FASHION_MNIST
def test_fashion_mnist_has_the_hashes_that_are_known() -> None:
    assert {name: len(content) for name, content in read(FASHION_MNIST).items()} == {
        "train-images-idx3-ubyte": 47_040_016,
        "train-labels-idx1-ubyte": 60_008,
        "t10k-images-idx3-ubyte": 7_840_016,
        "t10k-labels-idx1-ubyte": 10_008,
    }
