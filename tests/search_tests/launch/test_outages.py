"""An outage is told once, by whichever process notices it first."""

from __future__ import annotations

import pytest

from search.launch import outages
from search.launch.outages import Outages

AWAY = "the database at db.example, port 5432 is away"


def test_an_outage_that_several_processes_notice_is_one_line() -> None:
    said: list[str] = []
    told = Outages(said.append)
    told(f"{AWAY} (Connection refused)")
    told(f"{AWAY} (terminating connection)")
    told("studies.db: the disk is full")
    assert said == [f"{AWAY} (Connection refused)", "studies.db: the disk is full"]


def test_the_next_outage_is_another_line(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    told = Outages(said.append)
    told(AWAY)
    monkeypatch.setattr(outages, "SAME_OUTAGE_SECONDS", -1.0)
    told(AWAY)
    assert said == [AWAY, AWAY]
