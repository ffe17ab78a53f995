"""A crew of workers that is disturbed at moments that a seed gives: killed, paused, left without database."""

from __future__ import annotations

import math
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from reliability_journal import Journal
from reliability_places import Server
from reliability_workers import LEASE_SECONDS

Body = Callable[[str, Journal, Connection], None]
"""A worker: address, journal, and where it tells how it ended."""
CREW = 3
PAUSE_SECONDS = 1.7 * LEASE_SECONDS
LONGEST_LIFE_SECONDS = 3.0
"""From a worker's first training on; one in five dies while it starts, and plans."""
STARTING_SHARE, STARTING_SECONDS = 0.2, 1.0
LONGEST_STUDY_SECONDS = 1200.0
"""What is not done then counts as never completed."""


@dataclass
class Plan:
    """Disturbances that are still to come; shared by the studies of a run."""

    kills: int
    pauses: int
    crashes: int
    absences_seconds: list[float]
    moments: random.Random
    """Where every moment comes from."""

    @property
    def is_over(self) -> bool:
        return self.kills <= 0 and not (self.pauses or self.crashes or self.absences_seconds)


@dataclass
class Happened:
    """What was done to one study."""

    kills: list[tuple[float, int]] = field(default_factory=list)
    """Moments, by `time.monotonic`, and processes."""
    pauses: int = 0
    crashes: int = 0
    absences: list[tuple[float, float]] = field(default_factory=list)
    """From when until when the database was away."""
    outage_lines: int = 0
    died: list[str] = field(default_factory=list)
    """How workers ended that nobody had killed."""
    is_done: bool = False


@dataclass
class _Member:
    process: BaseProcess
    connection: Connection
    lives_seconds: float
    """From its first training on, or from its start."""
    dies_starting: bool
    dies_at: float = math.inf
    wakes_at: float | None = None
    word: dict[str, Any] | None = None


class Crew:
    """Workers of one study; one that was killed is replaced at once."""

    def __init__(self, body: Body, address: str, journal: Journal, plan: Plan, server: Server | None) -> None:
        self._body, self._address, self._journal, self._plan = body, address, journal, plan
        self._server = server
        self._context = multiprocessing.get_context("fork")
        self._members: list[_Member] = []
        self._outage: threading.Thread | None = None
        self._next_pause_at = self._next_outage_at = time.monotonic() + 2.0
        self.happened = Happened()

    def work(self) -> Happened:
        """Until the study is done, disturbed for as long as the plan has disturbances."""
        ends_at = time.monotonic() + LONGEST_STUDY_SECONDS
        while time.monotonic() < ends_at:
            self._fill()
            if not self._members:
                break
            self._listen()
            self._wake()
            self._set_ends()
            if not self.happened.is_done:
                self._disturb()
        for member in self._members:
            _kill(member)
        if self._outage is not None:
            self._outage.join()
        return self.happened

    def _fill(self) -> None:
        while len(self._members) < CREW and not self.happened.is_done:
            ours, theirs = self._context.Pipe()
            others = [ours, *(member.connection for member in self._members)]
            arguments = (self._body, self._address, self._journal, theirs, others)
            process = self._context.Process(target=_begin, args=arguments, daemon=True)
            process.start()
            theirs.close()
            starting = self._plan.moments.random() < STARTING_SHARE
            seconds = self._plan.moments.uniform(0.0, STARTING_SECONDS if starting else LONGEST_LIFE_SECONDS)
            self._members.append(_Member(process, ours, seconds, starting))

    def _set_ends(self) -> None:
        """Say when each dies, once that can be said."""
        for member in self._members:
            if member.dies_at == math.inf and (member.dies_starting or self._journal.has_begun(_id(member))):
                member.dies_at = time.monotonic() + member.lives_seconds

    def _listen(self) -> None:
        by_connection = {member.connection: member for member in self._members}
        for ready in wait(list(by_connection), 0.02):
            member = by_connection[ready]  # type: ignore[index]
            try:
                message = member.connection.recv()
            except (EOFError, OSError):
                self._ended(member)
                continue
            self.happened.outage_lines += message["kind"] == "outage"
            member.word = message if message["kind"] == "end" else member.word

    def _ended(self, member: _Member) -> None:
        member.process.join()
        member.connection.close()
        self._members.remove(member)
        word = member.word or {"outcome": "lost", "message": f"exit code {member.process.exitcode}"}
        if word["outcome"] == "done":
            self.happened.is_done = True
        else:
            self.happened.died.append(str(word.get("message", word["outcome"])))

    def _wake(self) -> None:
        for member in self._members:
            if member.wakes_at is not None and time.monotonic() >= member.wakes_at:
                member.wakes_at, member.dies_at = None, time.monotonic() + member.lives_seconds
                os.kill(_id(member), signal.SIGCONT)

    def _disturb(self) -> None:
        now, plan = time.monotonic(), self._plan
        awake = [member for member in self._members if member.wakes_at is None]
        for member in awake if plan.kills > 0 else ():
            if now >= member.dies_at:
                self.happened.kills.append((time.monotonic(), _id(member)))
                plan.kills -= 1
                self._members.remove(member)
                _kill(member)
                awake.remove(member)
        if plan.pauses and now >= self._next_pause_at and len(awake) > 1:
            self._pause(plan.moments.choice(awake))
        if now >= self._next_outage_at and self._server is not None and not self._is_away():
            self._begin_outage(self._server)

    def _pause(self, member: _Member) -> None:
        os.kill(_id(member), signal.SIGSTOP)
        member.wakes_at = time.monotonic() + PAUSE_SECONDS
        self._next_pause_at = member.wakes_at + 5.0
        self._plan.pauses -= 1
        self.happened.pauses += 1

    def _is_away(self) -> bool:
        return self._outage is not None and self._outage.is_alive()

    def _begin_outage(self, server: Server) -> None:
        plan = self._plan
        if plan.crashes:
            plan.crashes -= 1
            whole = plan.crashes % 2 == 0
            work = lambda: server.crash(whole=whole)  # noqa: E731
            self.happened.crashes += 1
        elif plan.absences_seconds:
            seconds = plan.absences_seconds.pop()

            def work() -> None:
                began = time.monotonic()
                server.stop()
                time.sleep(seconds)
                server.start()
                self.happened.absences.append((began, time.monotonic()))
        else:
            return
        self._outage = threading.Thread(target=work)
        self._outage.start()
        self._next_outage_at = time.monotonic() + plan.moments.uniform(10.0, 25.0)


def _begin(
    body: Body, address: str, journal: Journal, connection: Connection, others: list[Connection]
) -> None:
    for other in others:
        other.close()
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    body(address, journal, connection)


def _id(member: _Member) -> int:
    assert member.process.pid is not None, "it was started"
    return member.process.pid


def _kill(member: _Member) -> None:
    os.kill(_id(member), signal.SIGKILL)
    member.process.join()
    member.connection.close()
