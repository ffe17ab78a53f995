"""A PostgreSQL server that is stopped and started again under a launch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.search_tests.commands.watching import wait_until
from tests.search_tests.commands.workplace import Workplace
from tests.search_tests.postgres_server import PostgresServer, running_server


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One that no other test needs meanwhile."""
    with running_server() as server:
        yield server


def test_a_server_that_is_stopped_and_started_is_waited_for_and_told_of_twice(
    workplace: Workplace, server: PostgresServer
) -> None:
    workplace.write_study(n_trials=12, total_steps=200)
    url = server.new_database()
    address = url.render_as_string()

    def query(statement: str) -> list[tuple[object, ...]]:
        return server.execute(statement, str(url.database))

    launch = workplace.begin("launch", "small.toml", "--workers", "1", "--storage", address)
    two_done = "SELECT count(*) >= 2 FROM trials WHERE state = 'COMPLETE'"
    wait_until(lambda: query(two_done) == [(True,)], launch)
    server.stop()
    wait_until(lambda: "is away" in launch.said(), launch)
    server.start()
    said = workplace.finish(launch).stderr
    assert "12 of 12 trials done" in said
    assert said.count(", port 5432 is away (") == 1, said
    assert said.count(", port 5432 is back (after ") == 1, said
    rows = query("SELECT number, state FROM trials ORDER BY number")
    assert rows == [(number, "COMPLETE") for number in range(12)]
    assert query("SELECT count(*) FROM warmboot_leases WHERE number >= 0") == [(0,)]
