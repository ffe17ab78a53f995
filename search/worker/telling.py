"""What a worker tells the process that started it, and hears from it, over their connection."""

from __future__ import annotations

import contextlib
import select
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from search.training.pulse import Pulse

PULSE_SECONDS = 5.0
"""How often a worker says that its training moves on."""
_SENDING = threading.Lock()
"""Several threads tell, and a message is written in pieces."""


def listen(connection: Connection, stop: threading.Event, finish: threading.Event) -> None:
    """End the worker when told to, or when the process that started it is gone."""
    with contextlib.suppress(EOFError, OSError):
        while connection.recv() != "stop":
            finish.set()
    stop.set()


def notify(connection: Connection, message: dict[str, Any]) -> None:
    """Tell the parent what a person may want to watch; left out where the parent is far behind with reading.

    Who tells it holds the leases, and must not wait for a parent that is stopped or busy.
    """
    _, writable, _ = select.select([], [connection], [], 0)
    if writable:
        send(connection, message)


def tell_outage(connection: Connection, text: str) -> None:
    """Tell of the storage; whatever else is left out, this is not."""
    send(connection, {"kind": "outage", "text": text, "at": time.monotonic()})


def tell_pulse(connection: Connection, pulse: Pulse, stop: threading.Event) -> None:
    """Say again and again that the training moves on, for as long as it does."""
    while not stop.wait(PULSE_SECONDS):
        if pulse.take():
            notify(connection, {"kind": "moves"})


def send(connection: Connection, message: dict[str, Any]) -> None:
    """Send one message; where the parent is gone, `listen` has noticed too and ends the worker."""
    with contextlib.suppress(OSError), _SENDING:
        connection.send(message)
