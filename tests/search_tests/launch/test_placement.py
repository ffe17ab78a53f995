"""Which worker gets which device."""

from __future__ import annotations

import pytest

from search.errors import UsageError
from search.launch.placement import Placement, parse_gpus, placements


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
