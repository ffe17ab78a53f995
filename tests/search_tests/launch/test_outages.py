"""An outage is told once, by whichever process notices it first."""

from __future__ import annotations

from search.launch.outages import Outages

AWAY = "the database at db.example, port 5432 is away"


def test_an_outage_that_several_processes_notice_is_one_line() -> None:
    said: list[str] = []
    told = Outages(said.append)
    told(f"{AWAY} (Connection refused)")
    told(f"{AWAY} (terminating connection)")
    told("studies.db: the disk is full")
    assert said == [f"{AWAY} (Connection refused)", "studies.db: the disk is full"]


def test_the_next_outage_is_another_line_and_a_late_word_of_the_last_is_none() -> None:
    said: list[str] = []
    told = Outages(said.append)
    told(AWAY, at=100.0)
    told(AWAY, at=190.0)
    told(AWAY, at=189.0)
    assert said == [AWAY, AWAY]
