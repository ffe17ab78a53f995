"""Names of its own under which a dashboard is reached: one in the lab's DNS, or a proxy's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from search.errors import UsageError

_NAME = re.compile(r"([a-z0-9_]([a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(:\d{1,5})?", re.ASCII)


@dataclass(frozen=True)
class OwnName:
    """A host name in lower case, and the port in a browser's address bar, empty where it shows none.

    >>> own_name("HPO.lab.example:8443")
    OwnName(host='hpo.lab.example', port=':8443')
    """

    host: str
    port: str = ""
    """With its colon."""

    @property
    def origin(self) -> str:
        """Host and port in a browser's `Origin`."""
        return self.host + self.port


def own_name(text: str) -> OwnName:
    """Read `NAME` or `NAME:PORT`.

    Raises:
        UsageError: it is neither: a URL, a pattern, empty.
    """
    match = _NAME.fullmatch(text.lower())
    if match is None:
        raise UsageError(
            f"--allow-host: got {text[:100]!r}; accepted is one host name as the browser's address bar shows "
            "it, without http:// and path, such as hpo.lab.example or hpo.lab.example:8443"
        )
    return OwnName(match[1], match[3] or "")


def option_for(text: str) -> str:
    """The option that lets a name pass; empty for what is no name, and so nothing to be pasted.

    >>> option_for("hpo.lab.example"), option_for("$(reboot)")
    ('--allow-host hpo.lab.example', '')
    """
    return f"--allow-host {text.lower()}" if _NAME.fullmatch(text.lower()) else ""
