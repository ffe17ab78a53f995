"""Processes of one machine are told apart, and so are the ports of what they start."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from search.scripts import worker_number as module
from search.scripts.worker_number import FIRST_PORT, PORTS_EACH, free_port, worker_number
from tests.search_tests.scripts.workshop import Workshop

ASK = """
from warmboot.service import claim_name
claim_name()
from search.scripts.worker_number import free_port, worker_number
print(worker_number(), free_port(), flush=True)
input()
"""


def test_each_process_has_a_number_and_ports_of_its_own_until_it_ends() -> None:
    others = [
        subprocess.Popen(
            [sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = []
    for process in others:
        assert process.stdout is not None
        told.append(tuple(map(int, process.stdout.readline().split())))
    told.append((worker_number(), free_port()))
    assert worker_number() == worker_number()
    assert len({number for number, _ in told}) == len({port for _, port in told}) == 3
    for process in others:
        process.communicate("\n")


def test_a_port_that_is_in_use_is_not_given() -> None:
    with socket.socket() as first, socket.socket() as second:
        given = []
        for taken in (first, second):
            given.append(free_port())
            taken.bind(("", given[-1]))
        assert given[0] < given[1]
        assert (given[0] - FIRST_PORT) // PORTS_EACH == worker_number()


def test_where_names_in_the_abstract_are_not_known_a_locked_file_holds_a_number(tmp_path: Path) -> None:
    path = tmp_path / "worker-0"
    held = module._locked(path)
    with pytest.raises(BlockingIOError, match="temporarily unavailable"):
        module._locked(path)
    held.close()  # type: ignore[attr-defined]
    module._locked(path).close()  # type: ignore[attr-defined]


def test_a_script_is_told_its_number_and_a_port(workshop: Workshop) -> None:
    body = """
        import os, sys, warmboot
        warmboot.report(100, val=float(sys.argv[1]), worker=float(os.environ["WARMBOOT_WORKER"]))
    """
    last = workshop.train(body, "{port}")[-1]
    assert last.metrics["worker"] == worker_number()  # type: ignore[union-attr]
    port = int(last.metrics["val"])  # type: ignore[union-attr]
    assert FIRST_PORT <= port < FIRST_PORT + PORTS_EACH * (1 + worker_number())


def test_a_parameter_of_that_name_keeps_its_meaning(workshop: Workshop) -> None:
    body = "import sys, warmboot; warmboot.report(100, val=float(sys.argv[1]))"
    last = workshop.train(body, "{port}", params={"port": 3})[-1]
    assert last.metrics == {"val": 3.0}  # type: ignore[union-attr]


def test_a_training_is_named_by_its_own_folder(workshop: Workshop) -> None:
    """Trials share their seeds; the folder of a run is nobody else's."""
    body = """
        import os, pathlib, sys, warmboot
        own = pathlib.Path(os.environ["WARMBOOT_TRIAL"]).parent.name
        warmboot.report(100, val=float(sys.argv[1] == f"out/{own}"))
    """
    last = workshop.train(body, "out/{run}")[-1]
    assert last.metrics == {"val": 1.0}  # type: ignore[union-attr]
