"""The folder in which a study's command runs: that of its study file, wherever the command line was typed.

Where a file is launched from another folder than its own, one of the two holds the script. The folder that
is meant is the one in which more of the command's files are; of two alike, the study file's own. A study
remembers it, so that a verdict typed elsewhere finds the script again; on another machine, where that folder
does not exist, a worker's own folder takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from search.scripts.fingerprints import command_made_of, named_files
from search.spec.made_of import MadeOf
from search.spec.proxy import CommandProxy
from search.spec.study import StudySpec


def located(spec: StudySpec, folders: Sequence[Path], known: MadeOf | None = None) -> StudySpec:
    """The study with the folder in which its command runs as a whole path; any other study as it is.

    Args:
        spec: the study.
        folders: those in question, the likeliest first; one that does not exist is left out while others do.
        known: what the study was made of: a folder where just that is found is the one that is meant.
    """
    if not isinstance(spec.proxy, CommandProxy):
        return spec
    there = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
    proxies = [_in(spec.proxy, folder) for folder in there or folders[:1]]
    meant = max(proxies, key=lambda proxy: (_is_known(proxy, known), len(named_files(proxy))))
    return spec.model_copy(update={"proxy": meant})


def folder_from(spec: StudySpec, home: Path) -> Path:
    """Where the command of a study runs when it is at home there: `working_directory` is taken from there."""
    return home.absolute() / (getattr(spec.proxy, "working_directory", None) or "")


def _in(proxy: CommandProxy, folder: Path) -> CommandProxy:
    return proxy.model_copy(update={"working_directory": str(folder)})


def _is_known(proxy: CommandProxy, known: MadeOf | None) -> bool:
    return known is not None and not command_made_of(proxy).changes_since(known)
