"""How often the training's host will step a scheduler, where there is a host that knows.

A training loop of the user's own may step once an epoch on a horizon in epochs, which cannot be told
from a mistake. A trainer that steps the scheduler itself has its plan: Lightning steps
once an epoch unless told otherwise. It is found among the callers of `step()`, for a scheduler is
told nothing by its host; no host is imported here.
"""

import math
from collections.abc import Iterator
from types import FrameType
from typing import Any

# From step() to Lightning's loop, which has the trainer, there are three callers.
_FARTHEST_CALLER = 8
_LIGHTNING = ("lightning", "pytorch_lightning")


def too_long_for_host(scheduler: object, total_steps: int, caller: FrameType | None) -> str | None:
    """What to say where the host will be done long before the schedule is; None if all is well.

    Args:
        scheduler: the scheduler that is stepped.
        total_steps: its horizon.
        caller: the frame that called its `step()`.
    """
    for trainer, config in _lightning(scheduler, caller):
        epochs = trainer.max_epochs
        if config.interval != "epoch" or trainer.fast_dev_run or epochs is None or epochs < 1:
            return None
        steps = math.ceil(epochs / config.frequency)
        if steps >= total_steps:
            return None
        return (
            f"Lightning steps it once an epoch, {steps} times in all, but total_steps is {total_steps}: the "
            "training will be over long before the schedule is. If total_steps counts optimizer steps, "
            'return {"scheduler": scheduler, "interval": "step"} as lr_scheduler from configure_optimizers; '
            f"if not, give total_steps={steps}."
        )
    return None


def _lightning(scheduler: object, caller: FrameType | None) -> Iterator[tuple[Any, Any]]:
    """The trainer of Lightning that steps this scheduler, with its configuration there."""
    for _ in range(_FARTHEST_CALLER):
        if caller is None:
            return
        trainer = caller.f_locals.get("trainer") if _is_lightnings(caller) else None
        configs = getattr(trainer, "lr_scheduler_configs", None)
        if isinstance(configs, list):  # any object may be named trainer
            yield from ((trainer, one) for one in configs if getattr(one, "scheduler", None) is scheduler)
        caller = caller.f_back


def _is_lightnings(frame: FrameType) -> bool:
    """Whether to look at its variables, which Python may then keep alive until the function returns.

    In a user's own loop these are the batch and the model's output, for the whole training.
    """
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    return package in _LIGHTNING and "trainer" in frame.f_code.co_varnames
