"""Options that belong to one engine are refused with another."""

from __future__ import annotations

from typing import Any

import pytest

from search.cluster.engines import refuse_options_of_others
from search.cluster.ray_cluster import Node
from search.cluster.ray_engine import Needs, RayEngine
from search.errors import UsageError
from search.launch.engine import LaunchOptions
from search.storage.address import parse_address

NODES = [Node("a", "host-a", "10.0.0.1", cpus=8, gpus=4), Node("b", "host-b", "10.0.0.2", cpus=2, gpus=0)]


@pytest.mark.parametrize(
    ("engine", "given", "words"),
    [
        ("local", {"address": "head:6379"}, "--address is read with --engine ray only"),
        ("slurm", {"ship": True}, "--ship is read with --engine ray only"),
        ("ray", {"slurm": ["partition=gpu"]}, "--slurm is read with --engine slurm only"),
    ],
)
def test_an_option_of_another_engine_is_refused(engine: str, given: dict[str, Any], words: str) -> None:
    options = {"address": None, "ship": None, "slurm": None, **given}
    with pytest.raises(UsageError, match=words):
        refuse_options_of_others(engine, **options)
    refuse_options_of_others(engine, address=None, ship=None, slurm=[])


@pytest.mark.parametrize(
    ("needs", "room"),
    [
        (Needs(), 10),  # a population on CPUs
        (Needs(gpus=1), 4),
        (Needs(gpus=3), 1),
        (Needs(alone=True), 2),  # a script whose cores are not known
    ],
)
def test_there_is_room_for_whole_workers(needs: Needs, room: int) -> None:
    assert sum(needs.room_on(node) for node in NODES) == room


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"gpus": ("0",)}, "--gpus names GPUs of this machine"),
        ({"device": "cuda:1"}, "accepted are auto, cpu, cuda"),
    ],
)
def test_devices_of_this_machine_are_not_asked_for_in_a_cluster(given: dict[str, Any], words: str) -> None:
    options = LaunchOptions(storage=parse_address("postgresql://ada@db.example/warmboot"), **given)
    with pytest.raises(UsageError, match=words):
        RayEngine(options)
