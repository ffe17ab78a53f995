"""Serve the real optuna-dashboard behind the guard, from the standard library's WSGI server.

One person or a small team looks at it, so a thread for each request is enough; nothing here is
built for the open internet.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import optuna_dashboard

from search.dashboard.guard import LOOPBACK_HOSTS, Guard
from search.dashboard.own_names import own_name
from search.dashboard.password import Credentials, read_password_file
from search.errors import RunError, UsageError
from search.processes.ending_signals import ending_signals

if TYPE_CHECKING:
    from types import FrameType
    from wsgiref.types import WSGIApplication

    from optuna.storages import RDBStorage

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
REQUEST_TIMEOUT_SECONDS = 30.0

_WILDCARDS = frozenset({"0.0.0.0", "::"})
_logger = logging.getLogger(__name__)


class AddressError(RunError):
    """The host and port can't be listened on; the text names both and the way out."""


class _QuietHandler(WSGIRequestHandler):
    timeout = REQUEST_TIMEOUT_SECONDS  # a client that says nothing must not hold a thread for ever

    def log_message(self, format: str, *args: object) -> None:
        """Keep no access log: the terminal belongs to the person who started the dashboard."""


class DashboardServer(socketserver.ThreadingMixIn, WSGIServer):
    """A WSGI server with a thread for each request, bound at construction.

    Raises:
        AddressError: The port is taken, or the host is not an address of this machine.
    """

    daemon_threads = True  # a browser's open request must not keep the process alive

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _QuietHandler)
        except (OSError, OverflowError) as problem:
            raise AddressError(_address_problem(host, port, problem)) from problem
        self.set_app(app)

    def server_bind(self) -> None:
        """Bind without the look-up of this machine's full name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no error."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            _logger.exception("A request to the dashboard failed")

    @property
    def url(self) -> str:
        """An address to open in a browser, such as `http://127.0.0.1:8080/`."""
        host = self.server_name
        if host in _WILDCARDS:
            host = socket.gethostname()
        return f"http://{_bracketed(host)}:{self.server_port}/"


def open_server(
    storage: RDBStorage | str,
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    allow_edit: bool = False,
    password_file: str | os.PathLike[str] | None = None,
    allow_hosts: Sequence[str] = (),
) -> DashboardServer:
    """Bind the guarded dashboard of `storage` to `host:port`; the caller runs and closes it.

    Args:
        storage: A storage whose schema exists, or its SQLAlchemy URL.
        host: An address of this machine. Other than loopback it needs a password file.
        port: In [0, 65535]; 0 takes any free one (see `DashboardServer.url`).
        allow_edit: Let the browser change and delete studies.
        password_file: Its first line, `user:password`, has to come with every request.
        allow_hosts: Names of its own, `NAME` or `NAME:PORT`, under which browsers reach it as well; a proxy
            asks for a login, or `password_file` does.

    Raises:
        UsageError: `host` is open to others without a password file, `storage` is no URL, or one of
            `allow_hosts` is no name.
        PasswordFileError: The password file can't be used.
        AddressError: The port is taken or out of range, or the host is not of this machine.
    """
    credentials = None if password_file is None else read_password_file(password_file)
    host = host.strip("[]")
    _refuse_open_host(host, credentials)
    if isinstance(storage, str) and "://" not in storage:
        raise UsageError(
            f"The dashboard needs a database URL such as sqlite:///warmboot.db but got {storage!r}."
        )
    guard = Guard(
        optuna_dashboard.wsgi(storage),
        hosts=_names_of(host),
        any_address=host in _WILDCARDS,
        own_names=[own_name(text) for text in allow_hosts],
        allow_edit=allow_edit,
        credentials=credentials,
    )
    return DashboardServer(host, port, guard)


def serve(
    storage: RDBStorage | str,
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    allow_edit: bool = False,
    password_file: str | os.PathLike[str] | None = None,
    allow_hosts: Sequence[str] = (),
    on_ready: Callable[[str], None],
) -> None:
    """Serve the dashboard until Ctrl-C or a signal such as SIGTERM, then return.

    Args:
        on_ready: Called once with the address, when a browser can open it.

    The rest, what is raised included, is as for `open_server`. Call it from the main thread:
    elsewhere the signals keep the meaning that they had.
    """
    server = open_server(
        storage,
        host=host,
        port=port,
        allow_edit=allow_edit,
        password_file=password_file,
        allow_hosts=allow_hosts,
    )
    with server, _ended_by_signals(server):
        on_ready(server.url)
        server.serve_forever()


@contextmanager
def _ended_by_signals(server: DashboardServer) -> Iterator[None]:
    """Signals end `serve_forever`, Ctrl-C also if the parent process ignores it.

    Not by an exception: it may strike where it is swallowed, as in a destructor.
    """

    def end(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Before this they end the whole process; a request to ignore SIGHUP, as by nohup, is respected.
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, *ending_signals())}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refuse_open_host(host: str, credentials: Credentials | None) -> None:
    if credentials is None and not _is_loopback(host):
        raise UsageError(
            f"The dashboard has no login of its own, so host {host!r} needs --password-file FILE "
            "(one line, user:password); without it only 127.0.0.1, localhost and ::1 are served."
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _names_of(host: str) -> frozenset[str]:
    """The names under which a browser reaches a server bound to `host`."""
    if host in _WILDCARDS:
        return LOOPBACK_HOSTS | {socket.gethostname(), socket.getfqdn()}
    return LOOPBACK_HOSTS | {_bracketed(host)}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _address_problem(host: str, port: int, problem: OSError | OverflowError) -> str:
    if isinstance(problem, OverflowError):
        return f"port must lie in [0, 65535] but got {port}."
    if problem.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is in use by another program. Choose another one with --port, "
            "or --port 0 for any that is free."
        )
    if problem.errno == errno.EACCES:
        return f"Port {port} of {host} is reserved for the system. Choose one above 1023."
    return f"The dashboard can't listen on {host}, port {port}: {problem.strerror or problem}."
