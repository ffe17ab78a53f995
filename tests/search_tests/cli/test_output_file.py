"""A file is written whole or not at all: whatever goes wrong, what was there stays."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from search.cli.output_file import check_place, write_whole
from search.errors import RunError, UsageError


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "schedule.json"
    path.write_text("the old one")
    return path


def test_a_file_is_made_or_replaced(tmp_path: Path, old: Path) -> None:
    for path in (tmp_path / "new.json", old):
        write_whole(path, "größer\n")
        assert path.read_bytes() == "größer\n".encode()
    assert sorted(os.listdir(tmp_path)) == ["new.json", "schedule.json"]


def test_a_link_stays_a_link_and_a_mode_stays_a_mode(tmp_path: Path, old: Path) -> None:
    old.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(old)
    write_whole(link, "new")
    assert link.is_symlink()
    assert old.read_text() == "new"
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


def test_a_read_only_file_is_refused_even_to_root(tmp_path: Path, old: Path) -> None:
    old.chmod(0o444)
    with pytest.raises(UsageError, match=r"-o .*schedule\.json: is read-only; remove it or choose another"):
        write_whole(old, "new")
    assert old.read_text() == "the old one"
    assert os.listdir(tmp_path) == ["schedule.json"]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder; name a file in it"):
        write_whole(tmp_path, "new")


def test_a_missing_folder_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the folder .*missing does not exist"):
        write_whole(tmp_path / "missing" / "schedule.json", "new")
    assert os.listdir(tmp_path) == []


def test_a_file_in_place_of_the_folder_is_refused(old: Path) -> None:
    with pytest.raises(UsageError, match=r"the folder .*schedule\.json does not exist"):
        write_whole(old / "schedule.json", "new")


def test_a_place_is_checked_before_the_work_and_left_alone(tmp_path: Path, old: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (tmp_path / "new.json", old, pipe, Path("/dev/null"), Path("/dev/stdout")):
        check_place(place)
    assert sorted(os.listdir(tmp_path)) == ["pipe", "schedule.json"]
    with pytest.raises(UsageError, match="is a folder; name a file in it"):
        check_place(tmp_path)
    with pytest.raises(UsageError, match=r"--png .*the folder .*missing does not exist"):
        check_place(tmp_path / "missing" / "new.json", option="--png")


def test_a_pipe_is_written_to_and_never_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, "größer\n")
    assert os.read(reader, 100) == "größer\n".encode()
    os.close(reader)
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_device_is_written_to_and_never_replaced_by_a_file(tmp_path: Path) -> None:
    """To root, renaming a file over /dev/null succeeds, and breaks the machine."""
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    for path in (Path("/dev/null"), link):
        write_whole(path, "new")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert link.is_symlink()


def test_a_pipe_that_nobody_reads_any_more_is_said(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(RunError, match=r"-o /dev/fd/.*: can't be written \(Broken pipe\)"):
        write_whole(Path(f"/dev/fd/{writer}"), "new")
    os.close(writer)


@pytest.mark.parametrize("how", [">", ">>"])
def test_standard_output_by_its_name_keeps_what_stands_there(tmp_path: Path, how: str) -> None:
    """Also where it is a file: what others wrote there stays, and comes first."""
    code = f"print(1, flush=True); {WRITE}write_whole(Path('/dev/stdout'), '2\\n'); print(3)"
    (tmp_path / "out").write_text("0\n")
    command = f'"{sys.executable}" -c "{code}" {how} out'
    subprocess.run(command, shell=True, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "out").read_text().split() == (["0"] if how == ">>" else []) + ["1", "2", "3"]
    piped = subprocess.run(
        f'"{sys.executable}" -c "{code}" | cat', shell=True, check=True, capture_output=True, timeout=60
    )
    assert piped.stdout.split() == [b"1", b"2", b"3"]


WRITE = "from pathlib import Path; from search.cli.output_file import write_whole; "


FULL_DISK = """
import resource, sys
from pathlib import Path
from search.errors import RunError
from search.cli.output_file import write_whole

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_whole(Path(sys.argv[1]), "x" * 100_000)
except RunError as error:
    print(error)
"""


def test_where_there_is_no_room_the_old_file_stays(tmp_path: Path, old: Path) -> None:
    """A limit on the size of files fails in the middle of the write, as a full disk does."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(old)], capture_output=True, text=True, check=True, timeout=600
    )
    assert done.stdout == f"-o {old}: can't be written (File too large).\n"
    assert old.read_text() == "the old one"
    assert os.listdir(tmp_path) == ["schedule.json"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_disk_that_fills_up_at_the_last_moment_leaves_the_old_file(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full_disk)
    with pytest.raises(RunError, match=r"can't be written \(No space left on device\)"):
        write_whole(old, "new")
    assert old.read_text() == "the old one"
    assert os.listdir(tmp_path) == ["schedule.json"]


def test_a_name_longer_than_the_system_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises((RunError, OSError), match="File name too long"):
        write_whole(tmp_path / ("x" * 300), "new")
