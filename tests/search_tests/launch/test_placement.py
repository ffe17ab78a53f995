"""Which worker gets which device."""

from __future__ import annotations

import pytest

from search.errors import UsageError
from search.launch.placement import Placement, parse_gpus, placements, processes_text


def test_without_gpus_all_workers_share_the_device() -> None:
    given = placements(device="cpu", gpus=None, workers=3, gpus_per_trial=1, default_workers=2)
    assert given == [Placement("cpu")] * 3


def test_without_a_number_the_machine_decides() -> None:
    given = placements(device="cpu", gpus=None, workers=None, gpus_per_trial=1, default_workers=2)
    assert len(given) == 2


def test_every_gpu_gets_one_worker() -> None:
    given = placements(device="cuda", gpus=["0", "3"], workers=None, gpus_per_trial=1, default_workers=1)
    assert given == [Placement("cuda", "0"), Placement("cuda", "3")]


def test_more_workers_than_gpus_take_turns() -> None:
    given = placements(device="cuda", gpus=["0", "1"], workers=3, gpus_per_trial=1, default_workers=1)
    assert [p.visible_gpus for p in given] == ["0", "1", "0"]


def test_gpus_that_make_no_whole_group_are_refused() -> None:
    with pytest.raises(UsageError, match="got 3 GPUs, but gpus_per_trial = 2"):
        placements(device="cuda", gpus=["0", "1", "2"], workers=None, gpus_per_trial=2, default_workers=1)


@pytest.mark.parametrize("text", ["", "0,", ",", "0,0", "0, ,1"])
def test_a_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--gpus: got"):
        parse_gpus(text)


@pytest.mark.parametrize(
    ("workers", "slots", "together", "text"),
    [
        (1, 8, True, "1 process x 8 runs at once"),
        (2, 8, False, "2 processes x 8 runs in turns, since this model trains one by one,"),
        (1, 1, False, "1 process x 1 run at a time"),
    ],
)
def test_how_a_study_trains_in_words(workers: int, slots: int, together: bool, text: str) -> None:
    assert processes_text(workers, slots, together=together) == text
