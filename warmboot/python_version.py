"""What a Python that is too old is told; this file and the package's `__init__` have to run on it too."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

LEAST = (3, 11)
_OUR_COMMANDS = ("warmboot", "warmboot.exe", "-m")
_OUR_PACKAGES = ("warmboot", "search")


def refuse_older(
    version: "Sequence[int]" = tuple(sys.version_info[:3]), program: str = sys.argv[0]
) -> NoReturn:
    """Say in one line what is needed.

    Args:
        version: of this Python.
        program: as in `sys.argv[0]`; our own command ends with the line, a script gets it as an error.

    Raises:
        SystemExit: this is our own command.
        ImportError: this is a script that imports the package.
    """
    here, least = (".".join(str(part) for part in parts[:3]) for parts in (version, LEAST))
    text = (
        f"warmboot: needs Python {least} or newer, and {sys.executable} is {here}; make the environment with "
        f"a newer one: python{least} -m venv .venv && .venv/bin/pip install -c constraints.txt '.[search]'"
    )
    folder, file = os.path.split(program)
    as_module = file == "__main__.py" and os.path.basename(folder) in _OUR_PACKAGES
    if as_module or file in _OUR_COMMANDS:
        raise SystemExit(text)
    raise ImportError(text)
