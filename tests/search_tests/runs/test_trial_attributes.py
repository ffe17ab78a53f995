"""What is kept on a trial is found wherever this version or an earlier one has put it."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.trial import create_trial

from search.runs import trial_attributes
from search.runs.trial_attributes import (
    ASKED_FOR,
    HELD,
    OUT_OF_SIGHT,
    RUNS,
    in_sight,
    is_kept,
    kept,
    out_of_sight,
)

NAMES = {value for name, value in vars(trial_attributes).items() if name.isupper() and isinstance(value, str)}


@pytest.mark.parametrize("key", sorted(OUT_OF_SIGHT))
def test_a_trial_of_an_earlier_version_is_read_as_one_of_this(key: str) -> None:
    earlier = create_trial(value=1.0, user_attrs={key: [1]})
    now = create_trial(value=1.0, system_attrs=out_of_sight({key: [1]}))
    for trial in (earlier, now):
        assert is_kept(trial, key)
        assert kept(trial, key) == [1]
    assert not is_kept(create_trial(value=1.0), key)
    assert kept(create_trial(value=1.0), key, 7) == 7


def test_what_was_kept_last_counts() -> None:
    """A trial of an earlier version that this one went on with."""
    trial = create_trial(value=1.0, user_attrs={HELD: True}, system_attrs=out_of_sight({HELD: False}))
    assert kept(trial, HELD) is False


def test_each_attribute_is_kept_once_in_sight_or_out_of_it() -> None:
    attributes: dict[str, Any] = {**dict.fromkeys(ASKED_FOR, 1), RUNS: []}
    seen, unseen = in_sight(attributes), out_of_sight(attributes)
    assert len(seen) + len(unseen) == len(attributes)
    assert {f"warmboot:{key}" for key in OUT_OF_SIGHT & attributes.keys()} == {*unseen}
    assert OUT_OF_SIGHT < NAMES
