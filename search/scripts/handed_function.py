"""`HandedFunction`: a function by value, for processes that can't import it; as one defined in a notebook.

It is pickled by cloudpickle into a file of this process: with the functions, classes and values of its own
notebook or script that it uses. What lives in an importable module goes by name.
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import inspect
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import cloudpickle

from search.errors import UsageError
from search.spec.handed import HandedOver
from search.spec.made_of import MadeOf, part_hash
from search.spec.permission import HERE
from warmboot.function_proxies import function_proxy, is_marked

MUCH_BYTES = 200_000_000
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


@dataclass(frozen=True)
class HandedFunction:
    """A function by value, in a file that lives as long as this object.

    Attributes:
        name: as the study has it, `__main__:train`.
        over: what other processes get: the file, and the sources of the function and of what of its notebook
            or script it uses.
        size_bytes: of the file.
    """

    name: str
    over: HandedOver
    size_bytes: int


def hand_over(train: Callable[..., object]) -> HandedFunction:
    """Pickle a function `train(schedule, context)` for other processes.

    Raises:
        UsageError: it can't be called with two arguments, or something that it uses can't be pickled.
    """
    title = _title(train)
    try:
        function_proxy(train)
    except TypeError as error:
        raise UsageError(f"{title}: {error}") from None
    except AttributeError:  # a bound method or partial takes no mark, and needs none
        pass
    content = _pickled(train, title)
    folder = Path(tempfile.mkdtemp(prefix="warmboot-function-"))
    path = folder / "function.pickle"
    path.write_bytes(content)
    name = f"{HERE}:{title if title.isidentifier() else 'train'}"
    over = HandedOver(str(path), _made_of(train, name))
    handed = HandedFunction(name, over, len(content))
    weakref.finalize(handed, shutil.rmtree, folder, ignore_errors=True)  # at the end of Python at the latest
    return handed


def reference_of(train: Callable[..., object]) -> str | None:
    """The `package.module:function` under which any process finds a marked function; None where none does."""
    module, name = getattr(train, "__module__", None), getattr(train, "__qualname__", "")
    if not is_marked(train) or module in (None, HERE) or not name.isidentifier():
        return None
    return f"{module}:{name}"


def _title(train: Callable[..., object]) -> str:
    if isinstance(train, functools.partial):
        return _title(train.func)
    return getattr(train, "__name__", type(train).__name__)


def _pickled(train: Callable[..., object], title: str) -> bytes:
    try:
        return bytes(cloudpickle.dumps(train))
    except Exception as error:  # whatever the objects it uses raise
        raise UsageError(
            f"{title}: it trains in a fresh process, and something it uses can't be taken there "
            f"({type(error).__name__}: {error}); make that inside the function, or put the function into a "
            "module of your own, with @warmboot.function_proxy above it."
        ) from error


def _made_of(train: Callable[..., object], name: str) -> MadeOf:
    parts = dict(_parts(train, set()))
    digest = hashlib.sha256(name.encode())
    for part in sorted(parts):
        digest.update(f"{part}\0{parts[part]}\0".encode())
    return MadeOf(digest.hexdigest(), parts)


def _parts(item: object, seen: set[int]) -> Iterator[tuple[str, str]]:
    """The source of a function or class, and of what it uses that no module has; plain values too."""
    item = inspect.unwrap(item) if callable(item) else item
    if id(item) in seen:
        return
    seen.add(id(item))
    if isinstance(item, functools.partial):
        yield from _parts(item.func, seen)
        return
    if inspect.ismethod(item):
        item = item.__func__
    name = getattr(item, "__name__", type(item).__name__)
    yield f"function {name}", part_hash(_source(item))
    for used, value in _used(item).items():
        if isinstance(value, FunctionType | type) and value.__module__ == getattr(item, "__module__", HERE):
            yield from _parts(value, seen)
        elif isinstance(value, _PLAIN):
            yield f"value {used}", part_hash(repr(value).encode())


def _source(item: object) -> bytes:
    try:
        return inspect.getsource(item).encode()  # type: ignore[arg-type]
    except (OSError, TypeError):  # typed at a prompt, or an object that is called
        code = getattr(item, "__code__", None)
        return b"" if code is None else repr(_constants(code)).encode() + code.co_code


def _constants(code: CodeType) -> list[object]:
    return [_constants(each) if isinstance(each, CodeType) else each for each in code.co_consts]


def _used(item: object) -> dict[str, Any]:
    """Globals and cells that a function reads, in its inner functions too."""
    if not isinstance(item, FunctionType):
        return {}
    names = {name for code in _codes(item.__code__) for name in code.co_names}
    found = {name: item.__globals__[name] for name in sorted(names) if name in item.__globals__}
    for name, cell in zip(item.__code__.co_freevars, item.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    return {name: value for name, value in found.items() if not hasattr(builtins, name)}


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
