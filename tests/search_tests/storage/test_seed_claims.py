"""Claiming seeds: each seed of a schedule once, and a trial keeps what it has."""

from __future__ import annotations

import threading

from search.storage.database import Database
from search.storage.seed_claims import SeedClaims

KEY, OTHER_KEY = "a" * 64, "b" * 64


def test_a_repeat_of_a_schedule_gets_its_next_seed(database: Database) -> None:
    claims = SeedClaims(database.engine, 1)
    assert [claims.claim(KEY, number) for number in (4, 7, 2)] == [0, 1, 2]
    assert claims.claim(OTHER_KEY, 9) == 0


def test_a_trial_taken_up_again_keeps_its_seed(database: Database) -> None:
    claims = SeedClaims(database.engine, 1)
    assert [claims.claim(KEY, number) for number in (0, 1, 0, 1)] == [0, 1, 0, 1]


def test_studies_do_not_share_seeds(database: Database) -> None:
    first, second = SeedClaims(database.engine, 1), SeedClaims(database.engine, 2)
    assert [first.claim(KEY, 0), second.claim(KEY, 5)] == [0, 0]
    first.forget_all()
    assert [first.claim(KEY, 1), second.claim(KEY, 6)] == [0, 1]


def test_claims_made_at_once_are_all_different(database: Database) -> None:
    claimed: list[int] = []

    def work(first: int) -> None:
        claims = SeedClaims(database.engine, 1)
        claimed.extend(claims.claim(KEY, first + i) for i in range(10))

    threads = [threading.Thread(target=work, args=(100 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == list(range(40))
