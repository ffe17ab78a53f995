"""How workers and later launches know that they train the same proxy.

A built-in proxy declares a version, which goes up when its training changes: a study goes on with the same
data, version and arguments, whatever happened to a comment. Until there were versions the fingerprint hashed
the source of the proxy's module. Studies from then go on as well: `former_sources.zip` has all the sources
that there were, each of which trained what version 1 trains.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from search.spec.made_of import DATA, part_hash

_FORMER_SOURCES = Path(__file__).with_name("former_sources.zip")


class Fingerprint(str):
    """A fingerprint that also tells what went into it, so that a change can be named."""

    parts: Mapping[str, str]
    """Name of each part -> its SHA-256, or its version."""
    former: tuple[str, ...]
    """Fingerprints under which studies have kept the very same."""

    def __new__(cls, text: str, parts: Mapping[str, str], former: tuple[str, ...] = ()) -> Fingerprint:
        made = super().__new__(cls, text)
        made.parts, made.former = dict(parts), former
        return made


def built_in_fingerprint(
    name: str, *, version: int, data: bytes, arguments: Mapping[str, Any], module: str = ""
) -> Fingerprint:
    """The parts of a proxy that comes with Warmboot.

    Args:
        name: of the proxy.
        version: goes up by one when the same arguments train something else.
        data: all that it trains, validates and tests on.
        arguments: of its factory; they are no part by themselves, for they stand in the study file.
        module: of a proxy from before there were versions, in which `former_sources.zip` has its sources.
    """
    canonical = _canonical(arguments)
    former = _former_sources(module) if module and version == 1 else []
    return Fingerprint(
        _digest(data, f"{name} version {version}".encode(), canonical),
        {DATA: part_hash(data), f"proxy {name}": f"version {version}"},
        tuple(_digest(data, source, canonical) for source in former),
    )


def with_argument(fingerprint: str, name: str, value: str) -> str:
    """The fingerprint of the same with one argument otherwise than usual; no part, as all arguments.

    >>> with_argument("my data of May", "precision", "bf16")
    'my data of May, precision bf16'
    """
    text = f"{fingerprint}, {name} {value}"
    if not isinstance(fingerprint, Fingerprint):
        return text
    return Fingerprint(hashlib.sha256(text.encode()).hexdigest(), fingerprint.parts)


def without_later(arguments: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as fingerprints have them: one that a proxy got later counts where it is not its default.

    Args:
        arguments: all of them.
        later: those that came later, with the defaults that train what was trained without them.

    >>> without_later({"width": 48, "dropout": 0.0}, {"dropout": 0.0})
    {'width': 48}
    """
    return {name: value for name, value in arguments.items() if name not in later or value != later[name]}


def source_fingerprint(*, data: bytes, source: ModuleType) -> Fingerprint:
    """The parts of a user's proxy: its data, and the source of the module that makes it.

    Raises:
        OSError: the source can't be read.
    """
    code = inspect.getsource(source).encode()
    file = f"{source.__name__.replace('.', '/')}.py"
    parts = {DATA: part_hash(data), file: part_hash(code)}
    return Fingerprint(_digest(data, code, _canonical({})), parts)


def _former_sources(module: str) -> list[bytes]:
    with zipfile.ZipFile(_FORMER_SOURCES) as sources:
        return [sources.read(name) for name in sources.namelist() if name.startswith(f"{module}/")]


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _canonical(arguments: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(arguments), sort_keys=True).encode()
