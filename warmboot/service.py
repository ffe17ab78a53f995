"""Where the service's package `search` is, and who gets it when something imports `search`.

The name is a common one, and a project may have a module or package of that name. So an installation takes
the name `warmboot` alone, with the service inside it, and `search` is found by its place:

- in Warmboot's own processes it is the service, whatever else the path holds: `claim_name`;
- where a person's code runs it is theirs, and the service only where there is no other: `lend_name`;
- a person's script, in a process that is none of ours, sees nothing of it.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from warmboot.extras import extra_of, missing_text

NAME = "search"
_HERE = Path(__file__).parent


def place() -> Path:
    """The folder of the service's package: inside this one where installed, beside it in a checkout."""
    installed = _HERE / "_service" / NAME
    return installed if installed.is_dir() else _HERE.parent / NAME


class _ServiceFinder:
    """Finds `search` in its place; what is inside it Python finds by itself."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != NAME:
            return None
        folder = place()
        return spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])


_FINDER = _ServiceFinder()


def claim_name() -> None:
    """From now on `import search` is the service, in this process of ours."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
    sys.meta_path.insert(0, _FINDER)
    known = sys.modules.get(NAME)
    if known is not None and list(getattr(known, "__path__", [])) != [str(place())]:
        for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
            del sys.modules[name]  # something of that name was imported as Python started


def lend_name() -> None:
    """From now on `import search` is the service where nothing else has the name."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)


def service_module(module: str, what: str) -> Any:
    """A module of the service, in a process of a person's.

    Args:
        module: as `search.proxies.proxy`.
        what: needs it, for errors.

    Raises:
        ModuleNotFoundError: the service's needs are not installed, or something else has its name; says so
            with the way out.
    """
    lend_name()
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(_why_not(what, error), name=error.name) from error


def _why_not(what: str, error: ModuleNotFoundError) -> str:
    """What is in the way of the service, and the way out."""
    if extra_of(error) is not None:
        return missing_text(error, what)
    theirs = find_spec(NAME)
    if theirs is not None and list(theirs.submodule_search_locations or []) != [str(place())]:
        return (
            f"{what} needs Warmboot's package {NAME!r}, and here that name is {theirs.origin}: give yours "
            "another name, or leave it off the path (where warmboot runs a factory, the name is Warmboot's)"
        )
    return f"{what}: {error}"


def find_theirs(module: str) -> ModuleSpec | None:
    """Where a module of a person's is, as their process will find it; asked in a process of ours.

    The packages above the module may be run, the module is not.

    Raises:
        ImportError, ValueError, AttributeError: as `importlib.util.find_spec`.
    """
    if module.partition(".")[0] != NAME:
        return find_spec(module)
    spec: ModuleSpec | None = None
    path: Sequence[str] | None = None
    for part in _names_down_to(module):
        spec = _first_spec(part, path)
        if spec is None or part == module:
            return spec
        path = spec.submodule_search_locations
        if path is None:
            return None
    return spec


def _names_down_to(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _first_spec(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """The spec that Python would find without our claim, which comes last."""
    for finder in [finder for finder in sys.meta_path if finder is not _FINDER] + [_FINDER]:
        spec = finder.find_spec(name, path)
        if spec is not None:
            return spec
    return None


def service_command(module: str, *arguments: str) -> list[str]:
    """The command of a process that calls `main(*arguments)` of a module of the service.

    Its PYTHONPATH has to hold this process's `sys.path`. (`python -m search.x` may find another `search`.)

    >>> service_command("search.durations", "2m")[1:]
    ['-P', '-m', 'warmboot.service', 'search.durations', '2m']
    """
    return [sys.executable, "-P", "-m", "warmboot.service", module, *arguments]


def pickled_call(function: Callable[..., object], *arguments: Any) -> bytes:
    """A call for `call_as_service`, by name; the child can't take the name `search` before it unpickles."""
    return pickle.dumps((function, arguments))


def call_as_service(call: bytes, *more: Any) -> None:
    """The first function of a process of ours: takes the name, then calls with `more` arguments behind.

    Args:
        call: from `pickled_call`, in the process that started this one.
    """
    claim_name()
    function, arguments = pickle.loads(call)
    function(*arguments, *more)


if __name__ == "__main__":
    claim_name()
    import_module(sys.argv[1]).main(*sys.argv[2:])
