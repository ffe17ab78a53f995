"""`warmboot data`: what is where, and what is had."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search.cli.data import command
from search.errors import RunError, UsageError
from search.proxies import datasets
from search.proxies.datasets import DataSet, cache_folder
from tests.search_tests.proxies.small_data_set import fill, small_data_set


@pytest.fixture
def data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """The only one there is, published in a folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    small = small_data_set(tmp_path, ("http://127.0.0.1:9/",))
    monkeypatch.setattr(datasets, "DATA_SETS", {"small": small})
    return small


def test_what_is_not_here_is_listed_with_the_command(
    data_set: DataSet, capsys: pytest.CaptureFixture[str]
) -> None:
    command()
    assert capsys.readouterr().out == f"{data_set.name}  two files\n       not here: {data_set.way_out}\n"
    command(as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"name": "small", "about": "two files", "folder": None}]


def test_what_is_here_is_listed_with_its_place_and_not_had_again(
    data_set: DataSet, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(cache_folder(data_set))
    command()
    assert f"in {cache_folder(data_set)} (the user's cache)" in capsys.readouterr().out
    command("small", as_json=True)
    told = capsys.readouterr()
    assert json.loads(told.out) == {"name": "small", "folder": str(cache_folder(data_set))}
    assert told.err == f"small is in {cache_folder(data_set)} (the user's cache) already.\n"


def test_what_is_damaged_is_had_again(data_set: DataSet) -> None:
    fill(cache_folder(data_set))
    (cache_folder(data_set) / "some-words.gz").write_bytes(b"damaged")
    with pytest.raises(RunError, match=r"some-words\.gz can't be reached"):
        command("small")


def test_a_mistake_is_told_with_the_way_out(data_set: DataSet, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"data set 'smal' is unknown; did you mean small\?"):
        command("smal")
    with pytest.raises(
        UsageError, match=r"--to: name the data set, as in warmboot data fashion-mnist --to DIR"
    ):
        command(to=tmp_path)
