"""The parts of a command or a function proxy, read without running any of it.

Two workers must agree on it, and a study that is resumed must still have it, or be told of the change.
"""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

from search.scripts.command_words import command_words
from search.spec.handed import HandedOver
from search.spec.made_of import MadeOf, part_hash
from search.spec.permission import is_handed, only_there
from search.spec.proxy import CommandProxy, FreeProxy
from warmboot.service import find_theirs

_SCRIPT_BYTES = 50_000_000


def one_by_one_made_of(proxy: CommandProxy | FreeProxy, handed: HandedOver | None = None) -> MadeOf:
    """The parts of what trains one run at a time; `handed`: its function, where a Python session has handed
    it over.

    Raises:
        ValueError: a function's module can't be found, or has no source.
    """
    if handed is not None:
        return handed.made_of
    return command_made_of(proxy) if isinstance(proxy, CommandProxy) else function_made_of(proxy)


def command_made_of(proxy: CommandProxy) -> MadeOf:
    """Every script that a command names and that is there, by its name in the command.

    Files are looked for where the command runs. What such a script imports, and its data, are not covered.
    The command itself is compared as a text, beside this.
    """
    parts = {name: part_hash(path.read_bytes()) for name, path in named_files(proxy).items()}
    return MadeOf(_command_fingerprint(proxy), parts, folder=str(command_folder(proxy).absolute()))


def command_folder(proxy: CommandProxy) -> Path:
    """The folder in which a command runs."""
    return Path(proxy.working_directory or ".")


def command_scripts(proxy: CommandProxy) -> list[Path]:
    """The `.py` files that a command names and that exist, in its order."""
    paths = [command_folder(proxy) / word for word in _words(proxy) if word.endswith(".py")]
    return [path for path in paths if _is_script(path)]


def named_files(proxy: CommandProxy) -> dict[str, Path]:
    """The scripts that a command names, Python or shell, and of `-m package.module`, where there are."""
    folder, words = command_folder(proxy), _words(proxy)
    names = [word for word in words if word.endswith((".py", ".sh"))]
    for flag, module in itertools.pairwise(words):
        if flag == "-m":
            home = module.replace(".", "/")
            names += [f"{home}.py", f"{home}/__main__.py"]
    return {name: folder / name for name in names if _is_script(folder / name)}


def function_made_of(proxy: FreeProxy) -> MadeOf:
    """The module of a function proxy's function, which is not run.

    Raises:
        ValueError: the module can't be found, or has no source; says so with the way out.
    """
    if is_handed(proxy.train):
        raise ValueError(f"proxy.train: {only_there(proxy)}.")
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
    source = Path(spec.origin).read_bytes()
    return MadeOf(_digest([proxy.train.encode(), source]), {f"module {module}": part_hash(source)})


def _command_fingerprint(proxy: CommandProxy) -> str:
    """As studies have had it since before their parts were kept: the command, and its Python files."""
    return _digest([proxy.command.encode(), *(path.read_bytes() for path in command_scripts(proxy))])


def _words(proxy: CommandProxy) -> list[str]:
    try:
        return command_words(proxy.command)
    except ValueError:  # a quotation mark that is never closed: the shell will say so
        return proxy.command.split()


def _is_script(path: Path) -> bool:
    return path.is_file() and path.stat().st_size <= _SCRIPT_BYTES


def _digest(parts: list[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
