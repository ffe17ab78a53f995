"""The lr that a script's own optimizer has, from the script to the search that starts it to learn it.

A search that starts from the script's own lr has to know it before its first trial. It starts the script with
a trial file whose `own_lr` names a file; `attach` writes the lr there and ends the script.
"""

from pathlib import Path

from warmboot.trial_files import TrialFileError
from warmboot.whole_file import write_whole


def tell_own_lr(path: Path, lr: float) -> None:
    """Write the lr; each process of a training may, for they have the same.

    Raises:
        OSError: the file can't be written.
    """
    write_whole(path, f"{lr!r}\n")


def read_own_lr(path: Path) -> float | None:
    """The lr in the file, whatever number it is; None if it is not written yet.

    Raises:
        TrialFileError: the file holds no number.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        return float(text)
    except ValueError:
        raise TrialFileError(str(path), [f"must hold a number but got {text[:80]!r}"]) from None
