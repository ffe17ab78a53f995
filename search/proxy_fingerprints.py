"""What a command or a free proxy is made of, as one hash, without running any of it.

Two workers must agree on it, and a study that is resumed must still have it.
"""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

from search.proxy_spec import CommandProxy, FreeProxy
from warmboot.service import find_theirs

_SCRIPT_BYTES = 50_000_000


def command_fingerprint(proxy: CommandProxy) -> str:
    """SHA-256 of the command, and of every Python file it names that is there.

    Files are looked for where the command runs. What such a script imports, and its data, are not covered.
    """
    parts = [proxy.command.encode()]
    parts += [path.read_bytes() for path in command_scripts(proxy)]
    return _digest(parts)


def command_scripts(proxy: CommandProxy) -> list[Path]:
    """The `.py` files that a command names and that exist, in its order."""
    folder = Path(proxy.working_directory or ".")
    try:
        words = shlex.split(proxy.command)
    except ValueError:  # a quotation mark that is never closed: the shell will say so
        words = proxy.command.split()
    paths = [folder / word for word in words if word.endswith(".py")]
    return [path for path in paths if path.is_file() and path.stat().st_size <= _SCRIPT_BYTES]


def free_fingerprint(proxy: FreeProxy) -> str:
    """SHA-256 of the function's name and the source of its module, which is not run.

    Raises:
        ValueError: the module can't be found, or has no source; says so with the way out.
    """
    module = proxy.train.partition(":")[0]
    try:
        spec = find_theirs(module)  # runs the packages above it, not the module
    except (ImportError, ValueError, AttributeError) as error:
        raise ValueError(f"proxy.train: module {module!r} can't be found ({error}).") from error
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise ValueError(
            f"proxy.train: module {module!r} can't be found, or has no Python source; it must be installed "
            "where this command runs."
        )
    return _digest([proxy.train.encode(), Path(spec.origin).read_bytes()])


def _digest(parts: list[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
