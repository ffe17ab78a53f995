"""Data sets are had from a real server: whole and checked, or not at all."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from search.cli.download_bar import DownloadBar
from search.errors import RunError
from search.proxies.datasets import read
from search.proxies.fetching import ADDRESS_VARIABLE, Bar, fetch
from tests.search_tests.proxies.small_data_set import CONTENT, fill, small_data_set

NOBODY = "http://127.0.0.1:9/"
"""The port that discards; nothing listens there."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a server whose files lie in `tmp_path / "web"`."""
    (tmp_path / "web").mkdir()
    handler = functools.partial(_Quiet, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def bar(name: str) -> Bar:
    return DownloadBar(name, Console(stderr=True))


def test_every_file_comes_and_is_told(
    tmp_path: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "web")
    data_set = small_data_set(tmp_path, (address,))
    fetch(data_set, tmp_path / "here", bar=bar)
    assert read(data_set, str(tmp_path / "here")) == CONTENT
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "some-numbers.gz: 0.0 MB\nsome-words.gz: 0.0 MB\n"


def test_a_file_that_is_here_is_not_had_again(tmp_path: Path, address: str) -> None:
    fill(tmp_path / "here", "some-words")
    fill(tmp_path / "web", "some-numbers")
    data_set = small_data_set(tmp_path, (address,))
    fetch(data_set, tmp_path / "here", bar=bar)
    assert read(data_set, str(tmp_path / "here")) == CONTENT


def test_the_second_address_is_tried_where_the_first_is_not_reached(tmp_path: Path, address: str) -> None:
    fill(tmp_path / "web")
    data_set = small_data_set(tmp_path, (NOBODY, address))
    fetch(data_set, tmp_path / "here", bar=bar)
    assert read(data_set, str(tmp_path / "here")) == CONTENT


def test_the_environment_names_another_address(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "web")
    monkeypatch.setenv(ADDRESS_VARIABLE, address.rstrip("/"))
    data_set = small_data_set(tmp_path, (NOBODY,))
    fetch(data_set, tmp_path / "here", bar=bar)
    assert read(data_set, str(tmp_path / "here")) == CONTENT


def test_without_a_way_to_any_address_all_ways_out_are_told(tmp_path: Path) -> None:
    data_set = small_data_set(tmp_path, (NOBODY,))
    message = (
        r"small: http://127.0.0.1:9/some-numbers.gz can't be reached \(.*Connection refused\)\. "
        r"Behind a proxy set HTTPS_PROXY, with a mirror WARMBOOT_DATA_URL=ADDRESS; or put its files into "
        r".*/here yourself; or .*dataset-small"
    )
    with pytest.raises(RunError, match=message):
        fetch(data_set, tmp_path / "here", bar=bar)


def test_a_file_that_the_server_lacks_is_told(tmp_path: Path, address: str) -> None:
    with pytest.raises(RunError, match=r"some-numbers\.gz can't be reached \(.*404"):
        fetch(small_data_set(tmp_path, (address,)), tmp_path / "here", bar=bar)


def test_another_file_is_refused_and_not_kept(tmp_path: Path, address: str) -> None:
    fill(tmp_path / "web")
    (tmp_path / "web" / "some-words.gz").write_bytes(b"another")
    data_set = small_data_set(tmp_path, (address,))
    with pytest.raises(RunError, match=r"some-words\.gz is another file: its SHA-256 is not "):
        fetch(data_set, tmp_path / "here", bar=bar)
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["some-numbers.gz"]


def test_a_folder_that_is_a_file_is_told(tmp_path: Path, address: str) -> None:
    fill(tmp_path / "web")
    (tmp_path / "here").write_text("a file")
    with pytest.raises(RunError, match=r"here/some-numbers\.gz can't be written"):
        fetch(small_data_set(tmp_path, (address,)), tmp_path / "here", bar=bar)
