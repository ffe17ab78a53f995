"""Serve the real optuna-dashboard behind the guard, with waitress.

One person or a small team looks at it, so a few threads are enough; nothing here is built for the open
internet.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import optuna_dashboard
from waitress import wasyncore
from waitress.server import create_server

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
THREADS = 8
"""Requests that are answered at once; more wait."""
IDLE_SECONDS = 30
"""How long a client may say nothing before it is hung up on."""
LAST_ANSWER_SECONDS = 1.0
LOOK_SECONDS = 1.0
"""Whatever happens wakes the server; this long it sleeps where nothing does."""

_WILDCARDS = frozenset({"0.0.0.0", "::"})
logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # requests that wait are no news for a terminal


class AddressError(RunError):
    """The host and port can't be listened on; the text names both and the way out."""


class DashboardServer:
    """Waitress on an address of this machine, bound at construction; close it, or use it as a context.

    Attributes:
        app: what answers; may be replaced between two requests.
        server_port: the port it listens on.

    Raises:
        AddressError: The port is taken, or the host is not an address of this machine.
    """

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        self.app = app
        listening = _listening(host, port)
        self._host, self.server_port = listening.getsockname()[:2]
        self._open: dict[int, Any] = {}
        self._ended = False
        self._waitress = create_server(
            lambda environ, start: self.app(environ, start),
            self._open,
            sockets=[listening],
            threads=THREADS,
            ident=None,
            log_socket_errors=False,  # a browser that goes away in the middle of an answer is no error
            channel_timeout=IDLE_SECONDS,
        )

    def __enter__(self) -> DashboardServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def serve_forever(self) -> None:
        """Answer until `shutdown`."""
        while not self._ended:
            wasyncore.loop(timeout=LOOK_SECONDS, use_poll=True, map=self._open, count=1)

    def shutdown(self) -> None:
        """End `serve_forever`; takes no lock, so that a signal's handler or any thread may call it."""
        self._ended = True
        self._waitress.pull_trigger()

    def close(self) -> None:
        """Let go of the address; a request that is still being answered is not waited for long."""
        self._waitress.task_dispatcher.shutdown(timeout=LAST_ANSWER_SECONDS)
        wasyncore.close_all(self._open, ignore_all=True)

    @property
    def url(self) -> str:
        """An address to open in a browser, such as `http://127.0.0.1:8080/`."""
        host = socket.gethostname() if self._host in _WILDCARDS else self._host
        return f"http://{_bracketed(host)}:{self.server_port}/"


def _listening(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except (OSError, OverflowError) as problem:
        listening.close()
        raise AddressError(_address_problem(host, port, problem)) from problem
    return listening


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
        server.shutdown()

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
