"""The folder of the code that a study trains: what a worker on another machine must have."""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from search.scripts.fingerprints import command_folder, named_files
from search.spec.made_of import part_hash
from search.spec.permission import is_handed
from search.spec.proxy import CommandProxy
from search.spec.study import StudySpec
from warmboot.service import find_theirs


@dataclass(frozen=True)
class CodeHome:
    """A folder, and the files in it by which another machine's is known to be the same.

    Attributes:
        folder: a whole path.
        hashes: path inside of it -> hash.
    """

    folder: Path
    hashes: Mapping[str, str]


def code_home(spec: StudySpec) -> CodeHome | None:
    """Where a study's code lies here; None where it has none of its own, or an installed package has it.

    Args:
        spec: with the folder of its command, see `search.scripts.command_home`.
    """
    proxy = spec.proxy
    if isinstance(proxy, CommandProxy):
        files = {name: part_hash(path.read_bytes()) for name, path in named_files(proxy).items()}
        return CodeHome(command_folder(proxy).absolute(), files)
    reference = str(getattr(proxy, "train", None) or proxy.name)
    module, colon, _ = reference.partition(":")
    if not colon or is_handed(reference):
        return None
    return _home_of_module(module)


def is_there(folder: str, hashes: Mapping[str, str]) -> bool:
    """Whether a machine has the same files in a folder of the same path."""
    home = Path(folder)
    files = {home / name: known for name, known in hashes.items()}
    return home.is_dir() and all(
        path.is_file() and part_hash(path.read_bytes()) == known for path, known in files.items()
    )


def _home_of_module(module: str) -> CodeHome | None:
    try:
        spec = find_theirs(module)
    except (ImportError, ValueError, AttributeError):
        return None  # the study's check says what is wrong with it
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    source = Path(spec.origin).resolve()
    if any(
        source.is_relative_to(Path(sysconfig.get_path(name)).resolve()) for name in ("purelib", "platlib")
    ):
        return None
    is_package = source.name == "__init__.py"
    home = source.parents[module.count(".") + is_package]
    return CodeHome(home, {str(source.relative_to(home)): part_hash(source.read_bytes())})
