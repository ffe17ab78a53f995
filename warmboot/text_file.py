"""Text files as people have them: UTF-8, perhaps with the mark that some editors put before it."""

import codecs
from pathlib import Path

from warmboot.errors import ScheduleFileError

_OTHERS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, with whose mark it begins
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def decoded(content: bytes) -> str:
    """The text of a file; a byte order mark of UTF-8 is no part of it.

    Raises:
        ValueError: it is not UTF-8; the message says what it is and ends with the way out.

    >>> decoded(b"\\xef\\xbb\\xbfname")
    'name'
    >>> decoded("name".encode("utf-16"))
    Traceback (most recent call last):
    ValueError: is UTF-16 text; save it as UTF-8
    """
    for mark, encoding in _OTHERS.items():
        if content.startswith(mark):
            raise ValueError(f"is {encoding} text; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # From where the codec begins to count, after a mark.
        at = error.start + len(content) - len(error.object)
        raise ValueError(f"is not UTF-8 text (byte {content[at]:#04x} at {at}); save it as UTF-8") from None


def read_text(path: Path, *, largest_bytes: int, wanted: str = "file", too_large: str = "") -> str:
    """The text of a user's file, opened once, so that it may be a pipe.

    Args:
        path: the file.
        largest_bytes: what it may have.
        wanted: what to name instead of a directory.
        too_large: what to add of a file that has more.

    Raises:
        ScheduleFileError: it is a directory, too large, or no text.
        OSError: it can't be opened.
    """
    if path.is_dir():
        raise ScheduleFileError(str(path), [f"is a directory; name the {wanted} in it"])
    with open(path, "rb") as stream:
        content = stream.read(largest_bytes + 1)
    if len(content) > largest_bytes:
        raise ScheduleFileError(str(path), [f"is larger than {largest_bytes:,} bytes{too_large}"])
    try:
        return decoded(content)
    except ValueError as error:
        raise ScheduleFileError(str(path), [str(error)]) from None
