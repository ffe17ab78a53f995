"""Schedule files on disk: what cannot be read says why, and a failed write leaves no trace."""

import os
import stat
from pathlib import Path

import pytest

from warmboot.errors import ScheduleError, ScheduleFileError
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import ScheduleFile, read, write, writes

FILE = ScheduleFile(WarmbootSchedule(curve="linear"))


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScheduleFileError, match="is a directory; name the schedule file in it"):
        read(tmp_path)
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        write(FILE, tmp_path)


def test_a_device_is_written_to_and_not_replaced_by_a_file() -> None:
    write(FILE, "/dev/null")
    assert Path("/dev/null").is_char_device()


def test_a_bare_schedule_is_written_as_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "schedule.json"
    write(FILE.schedule, path)
    assert read(path) == FILE
    for neither in ("linear", None, [1.0, 0.5], FILE.schedule.factors(3)):
        with pytest.raises(ScheduleError, match="needs a ScheduleFile or a WarmbootSchedule but got"):
            write(neither, path)  # type: ignore[arg-type]
    assert read(path) == FILE


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.json"):
        read(tmp_path / "absent.json")
    with pytest.raises(FileNotFoundError, match="absent"):
        write(FILE, tmp_path / "absent" / "schedule.json")


def test_the_mark_that_some_editors_put_before_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "schedule.json"
    path.write_bytes(b"\xef\xbb\xbf" + writes(FILE).encode())
    assert read(path) == FILE


def test_a_file_that_is_not_utf8_is_refused_with_the_encoding(tmp_path: Path) -> None:
    path = tmp_path / "schedule.json"
    path.write_bytes(writes(FILE).encode("utf-16"))
    with pytest.raises(ScheduleFileError, match="is UTF-16 text; save it as UTF-8"):
        read(path)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "schedule.json"
    with open(path, "wb") as stream:
        stream.truncate(100_000_000)
    with pytest.raises(ScheduleFileError, match="is larger than 1,000,000 bytes"):
        read(path)


def test_an_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text("{}")
    with pytest.raises(ScheduleFileError, match=r"mine\.json: 2 problems"):
        read(path)


def test_a_schedule_is_not_written_as_toml(tmp_path: Path) -> None:
    with pytest.raises(ScheduleFileError, match=r"written as JSON; name it \.json"):
        write(FILE, tmp_path / "schedule.toml")


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "schedule.json"
    path.write_text("the old one")

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full_disk)
    with pytest.raises(OSError, match="No space left"):
        write(FILE, path)
    assert path.read_text() == "the old one"
    assert os.listdir(tmp_path) == ["schedule.json"]


def test_a_read_only_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "schedule.json"
    path.write_text("the old one")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="read-only"):
        write(FILE, path)
    assert path.read_text() == "the old one"


def test_a_link_stays_a_link_and_a_mode_stays_a_mode(tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_text("the old one")
    target.chmod(0o640)
    link.symlink_to(target)
    write(FILE, link)
    assert link.is_symlink()
    assert read(target) == FILE
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link.json", "target.json"]
