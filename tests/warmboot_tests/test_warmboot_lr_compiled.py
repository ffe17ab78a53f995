"""A compiled optimizer step is compiled once, whatever the lr does after it."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounter
from torch.optim import SGD, AdamW

from warmboot.schedule import WarmbootSchedule
from warmboot.warmboot_lr import WarmbootLR

# torch's own compiler imports a deprecated part of torch
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")

SCHEDULE = WarmbootSchedule(warmup=0.2, restarts=[0.6], step_scale=0.5)


@pytest.fixture(autouse=True)
def _fresh_dynamo() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compilations(make: Any, lr: Any, steps: int) -> int:
    """How many graphs a compiled optimizer step takes over a whole schedule."""
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = make([parameter], lr=lr)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=steps)
    counter = CompileCounter()
    compiled = torch.compile(lambda: optimizer.step(), backend=counter)
    for _ in range(steps):
        parameter.grad = torch.ones(3)
        compiled()
        scheduler.step()
    return int(counter.frame_count)


@pytest.mark.parametrize("make", [SGD, AdamW])
def test_a_tensor_lr_does_not_recompile(make: Any) -> None:
    assert compilations(make, torch.tensor(0.1), steps=12) == 1


def test_the_counter_would_see_a_recompilation() -> None:
    assert compilations(SGD, 0.1, steps=12) > 1


@pytest.mark.parametrize("make", [SGD, AdamW])
def test_a_compiled_step_trains_at_the_schedules_lr(make: Any) -> None:
    def weights(compile_it: bool) -> list[float]:
        parameter = torch.nn.Parameter(torch.ones(3))
        optimizer = make([parameter], lr=torch.tensor(0.1))
        scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=8)
        step = torch.compile(lambda: optimizer.step(), backend="eager")
        for _ in range(8):
            parameter.grad = torch.ones(3)
            step() if compile_it else optimizer.step()
            scheduler.step()
        return parameter.tolist()

    # a compiled AdamW orders its float32 operations otherwise; a wrong lr would be far off
    assert weights(compile_it=True) == pytest.approx(weights(compile_it=False), rel=1e-4)


def test_a_compiled_step_is_seen_by_the_drift_watch() -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = SGD([parameter], lr=torch.tensor(0.1))
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=60)
    step = torch.compile(lambda: optimizer.step(), backend="eager")
    for _ in range(60):
        parameter.grad = torch.ones(3)
        step()
        scheduler.step()
    assert (scheduler._drift.paired_steps, scheduler._drift.lone_steps) == (60, 0)
