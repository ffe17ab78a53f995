"""The one user and password that may open the dashboard from outside this machine.

Basic authentication hides nothing on the wire: behind it belongs TLS, or a network that is trusted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path

from search.errors import UsageError

_READABLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class PasswordFileError(UsageError):
    """The password file can't be used; the text names the file and the way out."""


@dataclass(frozen=True)
class Credentials:
    """A user and a password, compared in constant time.

    >>> owner = Credentials("ada", "s:cret")
    >>> owner.match("Basic " + base64.b64encode(b"ada:s:cret").decode())
    True
    >>> owner.match("Basic " + base64.b64encode(b"ada:guess").decode())
    False
    """

    user: str
    """Non-empty, without a colon."""
    password: str = field(repr=False)
    """Non-empty; colons are fine."""

    def match(self, authorization: str) -> bool:
        """Whether the value of an `Authorization` header carries these credentials."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            offered = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        # Digests have one length, so the comparison does not tell how long the password is.
        right = hashlib.sha256(f"{self.user}:{self.password}".encode()).digest()
        same = hmac.compare_digest(hashlib.sha256(offered).digest(), right)
        return same and scheme.lower() == "basic"


def read_password_file(path: str | os.PathLike[str]) -> Credentials:
    """Read `user:password` from the first line of `path`.

    Raises:
        PasswordFileError: It is missing, open to other users of the machine, or has no such line.
    """
    place = Path(path)
    line = _first_line(place)
    user, colon, password = line.partition(":")
    if not (user and colon and password):
        raise PasswordFileError(
            f"The first line of the password file {place} must read user:password, with neither part empty."
        )
    return Credentials(user=user, password=password)


def _first_line(place: Path) -> str:
    """The first line; the mode is looked at on the open file, so that it can't change between."""
    try:
        with place.open(encoding="utf-8-sig") as file:
            _refuse_open_mode(place, os.fstat(file.fileno()).st_mode)
            return file.readline(4096).rstrip("\r\n")
    except UnicodeDecodeError:
        raise PasswordFileError(f"The password file {place} is not UTF-8 text.") from None
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise PasswordFileError(
            f"The password file {place} can't be read: {reason}. Write one line, user:password, into it."
        ) from None


def _refuse_open_mode(place: Path, mode: int) -> None:
    if os.name == "posix" and mode & _READABLE_BY_OTHERS:
        raise PasswordFileError(
            f"The password file {place} is open to other users of this machine (mode "
            f"{stat.S_IMODE(mode):04o}). Close it with: chmod 600 {shlex.quote(str(place))}"
        )
