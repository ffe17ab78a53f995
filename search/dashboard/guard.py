"""A WSGI layer between the browser and the dashboard: who may ask, and for what.

Pure: it is a function of the request and of settings made at construction, and knows neither
Optuna nor sockets. Each check answers `None` (pass) or a `Refusal`; the first refusal wins.
Start reading at `Guard.__call__`.

Viewing needs nothing but GET: optuna-dashboard's pages change something on the server only when the
person presses a button that says so, and they show the `reason` of a refusal.
"""

from __future__ import annotations

import io
import ipaddress
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from search.dashboard.own_names import OwnName, option_for
from search.dashboard.password import Credentials

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
READING_METHODS = frozenset({"GET", "HEAD"})
TELL_BODY_LIMIT_BYTES = 64 * 1024

_RENAME = re.compile(r"/+api/studies/-?\d+/rename/*")
_TELL = re.compile(r"/+api/trials/-?\d+/tell/*")
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/?#@,\[\]]+)(:\d{1,5})?")
_SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
)


@dataclass(frozen=True)
class Refusal:
    """An answer given in place of the dashboard's."""

    status: str
    """Code and words, such as `403 Forbidden`."""
    reason: str
    """One or two sentences for the person in front of the browser."""
    headers: tuple[tuple[str, str], ...] = ()


class Guard:
    """Let through what may pass to `app`, answer the rest, and add headers to every answer.

    Args:
        app: The application to protect.
        hosts: Names under which a browser may ask for it, without a port, IPv6 in brackets. A
            request under any other name is refused: a page of a stranger could otherwise point a
            name of its own at this machine and read everything (DNS rebinding). Any port passes,
            so that a forwarded port works.
        any_address: Also pass every `Host` that is a bare IP address: no name, so no rebinding.
        own_names: Further names, of a proxy in front of this server for example. Each passes as a `Host`,
            under any port, and as the `Origin` of an edit, under its own port: a proxy may hand on another
            `Host` than the browser asked for.
        allow_edit: Whether methods that change something are let through.
        credentials: If given, each request has to carry them.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        hosts: Iterable[str] = LOOPBACK_HOSTS,
        any_address: bool = False,
        own_names: Iterable[OwnName] = (),
        allow_edit: bool = False,
        credentials: Credentials | None = None,
    ) -> None:
        self._app = app
        own_names = tuple(own_names)
        self._hosts = frozenset(host.lower() for host in hosts) | {name.host for name in own_names}
        self._origins = frozenset(name.origin for name in own_names)
        self._any_address = any_address
        self._allow_edit = allow_edit
        self._credentials = credentials
        self._checks: tuple[Callable[[WSGIEnvironment], Refusal | None], ...] = (
            self._refuse_host,
            self._refuse_stranger,
            self._refuse_path,
            self._refuse_method,
            self._refuse_other_origin,
            refuse_unreadable_result,
            refuse_renaming,
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for check in self._checks:
            refusal = check(environ)
            if refusal is not None:
                return _answer(refusal, environ, start_response)
        return self._app(environ, _with_security_headers(start_response))

    def _refuse_host(self, environ: WSGIEnvironment) -> Refusal | None:
        value = environ.get("HTTP_HOST", "")
        match = _HOST.fullmatch(value)
        host = match[1].lower() if match else ""
        if host in self._hosts or (self._any_address and _is_address(host)):
            return None
        return Refusal(
            "403 Forbidden",
            f"This dashboard does not answer to the host name {value[:100]!r}. "
            f"Open it under one of: {', '.join(sorted(self._hosts))}.{_if_it_is_yours(host)}",
        )

    def _refuse_stranger(self, environ: WSGIEnvironment) -> Refusal | None:
        if self._credentials is None:
            return None
        if self._credentials.match(environ.get("HTTP_AUTHORIZATION", "")):
            return None
        return Refusal(
            "401 Unauthorized",
            "This dashboard asks for the user and the password of its password file.",
            (("WWW-Authenticate", 'Basic realm="warmboot", charset="UTF-8"'),),
        )

    def _refuse_path(self, environ: WSGIEnvironment) -> Refusal | None:
        # The dashboard drops such bytes when it looks for a route; the checks below would not see
        # the path that it sees.
        try:
            environ["PATH_INFO"].encode("latin-1").decode("utf-8")
        except UnicodeError:
            return Refusal("400 Bad Request", "The path of this request is not UTF-8.")
        return None

    def _refuse_method(self, environ: WSGIEnvironment) -> Refusal | None:
        method = environ["REQUEST_METHOD"]
        if self._allow_edit or method in READING_METHODS:
            return None
        return Refusal(
            "405 Method Not Allowed",
            f"This dashboard is read-only, so {method[:20]} is refused. To edit or delete from "
            "the browser, start it with --allow-edit.",
            (("Allow", "GET, HEAD"),),
        )

    def _refuse_other_origin(self, environ: WSGIEnvironment) -> Refusal | None:
        """With edits allowed, keep other web pages from sending them in the person's name."""
        origin = environ.get("HTTP_ORIGIN")
        if environ["REQUEST_METHOD"] in READING_METHODS or origin is None:
            return None
        asker = _netloc(origin)
        if asker == environ["HTTP_HOST"].lower() or asker in self._origins:
            return None
        return Refusal(
            "403 Forbidden",
            f"A page of {origin[:100]!r} may not change anything here; use the dashboard's own."
            f"{_if_it_is_yours(asker)}",
        )


def refuse_unreadable_result(environ: WSGIEnvironment) -> Refusal | None:
    """Refuse a trial's result that is not finite, the one edit that spoils a study for good.

    Optuna stores a NaN told through the dashboard and then fails to read the trial back, so the
    study opens nowhere any more; -inf would be the best value for ever. Reads the body and puts it
    back.
    """
    if environ["REQUEST_METHOD"] != "POST" or not _TELL.fullmatch(environ["PATH_INFO"]):
        return None
    length = environ.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" in environ or not length.isdecimal():
        return Refusal("411 Length Required", "A result has to come with its Content-Length.")
    if int(length) > TELL_BODY_LIMIT_BYTES:
        return Refusal("413 Content Too Large", f"A result has at most {TELL_BODY_LIMIT_BYTES} bytes.")
    body = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(body)
    if _values_are_finite(body):
        return None
    return Refusal("400 Bad Request", "The values of a result must be finite numbers.")


def refuse_renaming(environ: WSGIEnvironment) -> Refusal | None:
    """Refuse to rename a study, which the dashboard does by copying it without what Warmboot keeps on it, and
    deleting the first: nothing could be exported from the copy."""
    if environ["REQUEST_METHOD"] != "POST" or not _RENAME.fullmatch(environ["PATH_INFO"]):
        return None
    return Refusal(
        "403 Forbidden",
        "A study renamed here would lose what Warmboot keeps on it. Launch the study file under another name "
        "instead.",
    )


def _values_are_finite(body: bytes) -> bool:
    """Whether no value in the JSON of a result is NaN or infinite; what is no result passes."""
    try:
        values = json.loads(body)["values"]
        return all(math.isfinite(float(value)) for value in values)
    except (ValueError, TypeError, KeyError, RecursionError):
        return True  # no numbers in it: the dashboard has its own words for that


def _netloc(origin: str) -> str:
    """Name and port of an origin, in lower case; empty for what has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # a bracket that is never closed
        return ""


def _if_it_is_yours(name: str) -> str:
    option = option_for(name)
    if not option:
        return ""
    return f" If that name is this dashboard's, behind a proxy for example, start it with: {option}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _answer(refusal: Refusal, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Plain text for a person; for the dashboard's own calls the JSON whose reason it shows."""
    if environ["PATH_INFO"].startswith("/api/"):
        kind, text = "application/json", json.dumps({"reason": refusal.reason})
    else:
        kind, text = "text/plain; charset=utf-8", refusal.reason + "\n"
    body = text.encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), *refusal.headers]
    _with_security_headers(start_response)(refusal.status, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _with_security_headers(start_response: StartResponse) -> StartResponse:
    """Wrap `start_response`. Only the dashboard's page brings a content policy of its own.

    All else, an uploaded HTML file above all, is no document of ours: `sandbox` keeps its scripts
    from running and from counting as the dashboard's. It has no effect on scripts and data that
    the page loads.
    """

    def start(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        ours = [*_SECURITY_HEADERS]
        if not any(name.lower() == "content-security-policy" for name, _ in headers):
            ours.append(("Content-Security-Policy", "sandbox"))
        return start_response(status, [*headers, *ours], exc_info)

    return start
