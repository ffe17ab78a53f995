"""What a worker, a verdict or a transfer can't train here is told in words."""

from __future__ import annotations

import queue
import threading

import pytest

from search.errors import UsageError
from search.training.trainers import make_trainer
from tests.search_tests.studies import study_spec


def test_a_module_that_is_not_here_is_named_with_the_way_out() -> None:
    """Such as where PYTHONPATH was set for the launch alone."""
    spec = study_spec(proxy="no_such_nets:factory")
    with pytest.raises(
        UsageError, match=r"can't be trained here: .*no_such_nets.* name its folder in PYTHONPATH"
    ):
        make_trainer(
            spec,
            device="cpu",
            ready=queue.SimpleQueue(),
            events=queue.SimpleQueue(),
            stop=threading.Event(),
        )
