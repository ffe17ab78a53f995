"""The password file: what it has to look like, and what each mistake is told."""

from pathlib import Path

import pytest

from search.dashboard import Credentials, PasswordFileError, read_password_file


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content", [b"ada:s:e c", b"ada:s:e c\r\n", b"ada:s:e c\nmore:lines\n"])
def test_the_first_line_counts(tmp_path: Path, content: bytes) -> None:
    file = write(tmp_path / "password", content)
    assert read_password_file(file) == Credentials("ada", "s:e c")


def test_the_password_shows_in_no_representation() -> None:
    assert "secret" not in repr(Credentials("ada", "secret"))


@pytest.mark.parametrize("content", [b"", b"\n", b"ada\n", b"ada:\n", b":secret\n"])
def test_a_line_of_another_form_is_refused(tmp_path: Path, content: bytes) -> None:
    file = write(tmp_path / "password", content)
    with pytest.raises(PasswordFileError, match=r"must read user:password"):
        read_password_file(file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_open_to_others_is_refused_with_the_command_to_run(tmp_path: Path, mode: int) -> None:
    file = write(tmp_path / "password", b"ada:secret\n", mode)
    with pytest.raises(PasswordFileError, match=rf"mode {mode:04o}.*chmod 600 {file}") as problem:
        read_password_file(file)
    assert "secret" not in str(problem.value)


def test_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PasswordFileError, match=r"missing can't be read: No such file"):
        read_password_file(tmp_path / "missing")
    with pytest.raises(PasswordFileError, match=r"can't be read: Is a directory"):
        read_password_file(tmp_path)
    with pytest.raises(PasswordFileError, match=r"is not UTF-8"):
        read_password_file(write(tmp_path / "binary", b"ada:\xff\xfe\n"))
