"""`MadeOf`: what a study's proxy is made of, part by part, so that a change is told by name.

A study keeps the `MadeOf` of its launch, and each worker compares that with what it finds.
The one hash, `fingerprint`, is older than the parts: of studies from before it is all there is.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

DATA = "data"
"""The part that is no file: what a built-in proxy trains on."""


def part_hash(content: bytes) -> str:
    """Of one part. How the lines of a text end is no difference: Git changes that between machines.

    >>> part_hash(b"a\\n") == part_hash(b"a\\r\\n") != part_hash(b"b\\n")
    True
    """
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def made_with() -> dict[str, str]:
    """The versions on which built-in code and data depend."""
    return {"python": platform.python_version(), "warmboot": version("warmboot")}


@dataclass(frozen=True)
class MadeOf:
    """The parts of a proxy, at one place and time.

    Attributes:
        fingerprint: one hash of all of it.
        parts: what a person calls each part -> its hash; None where only the fingerprint is known.
        versions: of Python and Warmboot.
        folder: where its files are; None where it has none that a command names.
        former: fingerprints under which studies have kept the very same.
    """

    fingerprint: str
    parts: Mapping[str, str] | None = None
    versions: Mapping[str, str] = field(default_factory=made_with)
    folder: str | None = None
    former: tuple[str, ...] = ()

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any], *, folder: str | None = None) -> MadeOf:
        """As a study keeps it among the facts about its proxy."""
        former = tuple(facts.get("former", ()))
        return cls(facts["fingerprint"], facts.get("parts"), facts.get("made_with", {}), folder, former)

    def facts(self) -> dict[str, Any]:
        """The part that a study keeps; the folder belongs to a machine."""
        parts = {} if self.parts is None else {"parts": dict(self.parts)}
        former = {"former": list(self.former)} if self.former else {}
        return {"fingerprint": self.fingerprint, **parts, **former, "made_with": dict(self.versions)}

    def changes_since(self, before: MadeOf) -> list[str]:
        """What is another one here than it was before, a line each; nothing where all is as it was.

        >>> was = MadeOf("1", {"train.py": "a", "data.py": "b"}, {})
        >>> MadeOf("2", {"train.py": "c"}, {}, "/home/ada").changes_since(was)
        ['data.py is not in /home/ada', 'train.py has changed']
        """
        if before.fingerprint in self.former:
            return []
        if self.parts is None or before.parts is None:
            return [] if self.fingerprint == before.fingerprint else [self._one_of_its_parts()]
        names = sorted({*self.parts, *before.parts})
        changed = [name for name in names if self.parts.get(name) != before.parts.get(name)]
        if self.former and DATA in changed and DATA in before.parts:  # its parts had other names then
            changed = [DATA]
        return [self._change(name, before) for name in changed]

    def _change(self, name: str, before: MadeOf) -> str:
        assert self.parts is not None, "compared by its parts"
        assert before.parts is not None, "compared by its parts"
        if name not in self.parts:
            return f"{name} is not in {self.folder or 'this installation'}"
        if name not in before.parts:
            return f"{name} was not there"
        if self.folder is not None:
            return f"{name} has changed"
        return f"{_named(name)} has changed{self._other_versions(before)}"

    def _one_of_its_parts(self) -> str:
        names = [_named(name) for name in self.parts or {}]
        if len(names) < 2:
            return f"{names[0] if names else 'what it trains'} has changed"
        return f"{', '.join(names[:-1])} or {names[-1]} has changed"

    def _other_versions(self, before: MadeOf) -> str:
        titles = {"python": "Python", "warmboot": "Warmboot"}
        told = [
            f"{title} is {self.versions[key]} here and was {before.versions[key]}"
            for key, title in titles.items()
            if key in before.versions and key in self.versions and self.versions[key] != before.versions[key]
        ]
        return f" ({', '.join(told)})" if told else ""


def _named(part: str) -> str:
    return "the data of the proxy" if part == DATA else part
