"""Which studies a worker may train: those that run no code, and those whose code it was told to allow.

A study that names `package.module:factory` or a command runs code. Users who name its file to a command
have consented to it; a worker takes its studies from a database that others write to, so it has to be told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from search.errors import UsageError

HERE = "__main__"
"""The module of a function that a Python session has handed over; no other process can import it."""


@dataclass(frozen=True)
class Named:
    """Code of a person's by its reference, `package.module:function`."""

    name: str


@dataclass(frozen=True)
class Permission:
    """The code that a worker may run besides the built-in proxies."""

    imports: tuple[str, ...] = ()
    """Packages and modules, such as `mylab` or `mylab.proxies`, with all that is inside them."""
    commands: bool = False
    """Whether any command may be run."""
    handed: bool = False
    """Whether the function that a Python session has handed over is here."""

    def __post_init__(self) -> None:
        for prefix in self.imports:
            if not all(part.isidentifier() for part in prefix.split(".")):
                raise UsageError(
                    f"--allow-import: got {prefix!r}; accepted is a package or module, such as mylab.proxies"
                )

    def require(self, proxy: object) -> None:
        """Raise `UsageError`, with the option that would allow it, where a proxy may not be run."""
        if is_handed(getattr(proxy, "train", None)):
            if not self.handed:
                raise UsageError(only_there(proxy))
        elif not permitted(proxy, self.imports, self.commands):
            raise UsageError(f"its proxy is {_what(proxy)}; allow it with {option_for(proxy)}")


def permitted(proxy: object, allow_imports: Iterable[str] = (), allow_commands: bool = False) -> bool:
    """Whether a study's proxy may be run.

    Args:
        proxy: has a `command`, or a `train` (`package.module:function`), or a `name` (built in, or
            `package.module:factory`).
        allow_imports: whole dotted components: `mylab` allows `mylab.x:f`, but not `mylab2:f`.
        allow_commands: whether commands may be run.

    >>> from types import SimpleNamespace as Proxy
    >>> permitted(Proxy(name="char_lm_mlp")), permitted(Proxy(name="mylab.proxies:small"))
    (True, False)
    >>> permitted(Proxy(name="mylab.proxies:small"), ["mylab"])
    True
    """
    if getattr(proxy, "command", None) is not None:
        return allow_commands
    module = _module(proxy)
    return module is None or any(f"{module}.".startswith(f"{prefix}.") for prefix in allow_imports)


def option_for(proxy: object) -> str:
    """The option with which a worker may run a proxy; empty where it needs none.

    >>> from types import SimpleNamespace as Proxy
    >>> option_for(Proxy(train="mylab.training:train"))
    '--allow-import mylab'
    """
    if permitted(proxy) or is_handed(getattr(proxy, "train", None)):
        return ""
    module = _module(proxy)
    return "--allow-commands" if module is None else f"--allow-import {module.partition('.')[0]}"


def is_handed(reference: str | None) -> bool:
    """Whether a study says of its function that a Python session has handed it over.

    >>> is_handed("__main__:train"), is_handed("mylab.training:train"), is_handed(None)
    (True, False, False)
    """
    return (reference or "").partition(":")[0] == HERE


def only_there(proxy: object) -> str:
    """Why a function that was handed over can't be trained by another process, and the ways out."""
    name = _reference(proxy).partition(":")[2]
    return (
        f"its function {name} was defined in a notebook or script and is only there: continue with "
        f"warmboot.open_study(..., train={name}) in Python, or put it into a module of your own with "
        "@warmboot.function_proxy above it"
    )


def _module(proxy: object) -> str | None:
    """The module that a proxy's code is imported from; None for a command and for what is built in."""
    if getattr(proxy, "command", None) is not None:
        return None
    reference = _reference(proxy)
    return reference.partition(":")[0] if ":" in reference else None


def _what(proxy: object) -> str:
    if _module(proxy) is None:
        return "a command"
    return f"code, {_reference(proxy)}"


def _reference(proxy: object) -> str:
    return str(getattr(proxy, "train", None) or getattr(proxy, "name", ""))
