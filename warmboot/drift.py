"""Whether a scheduler and its optimizer step together: the count behind `WarmbootLR`'s drift warning.

What can be known from inside is which steps of the scheduler had no optimizer step before them. A
scheduler that steps more often than its optimizer reaches its end too early. The other way round,
many optimizer steps for each of the scheduler's, is how a training looks that steps once an epoch;
whether `total_steps` counts epochs then is not for us to see, and nothing is said, unless the
training's host knows (`host_plan`).
"""

import weakref
from collections.abc import Iterable
from typing import Any

# A GradScaler starts at a scale of 2^16 and halves it at each step that it skips: 16 skips bring it
# to 1. Later it doubles every 2000 steps, which may cost a skip each time, far below a twentieth;
# and a schedule that ends a twentieth early makes no difference.
TOLERATED_STEPS = 16
TOLERATED_FRACTION = 0.05


class DriftWatch:
    """Counts a scheduler's steps with and without an optimizer step since the one before.

    No drift is counted until the optimizer has been seen to step: a schedule stepped through to
    draw it, or stepped forward to where a training goes on, is none, and of an optimizer that
    steps out of sight nothing is known. One single step before the optimizer's first, though, is
    how a loop looks that steps the two in the wrong order. The optimizer's hook sets one flag to
    one value, which costs next to nothing and makes no compiled step compile again.
    """

    def __init__(self) -> None:
        self.optimizer_stepped = False  # since the scheduler's last step
        self.paired_steps = 0
        self.lone_steps = 0
        self.early_steps = 0  # before the optimizer's first
        self.warned = False
        self._was_skipped = self._had_no_gradient = False

    def watch(self, optimizer: Any, *, until_gone: object) -> None:
        """Let the optimizer report its steps; one that can't, as some wrappers, goes unwatched."""
        try:
            handle = optimizer.register_step_post_hook(self.on_optimizer_step)
        except AttributeError:  # it never called Optimizer.__init__
            return
        weakref.finalize(until_gone, handle.remove).atexit = False

    def on_optimizer_step(self, *_: object) -> None:
        """What is registered with `optimizer.register_step_post_hook`."""
        self.optimizer_stepped = True

    def on_lone_step(self, groups: Iterable[dict[str, Any]]) -> bool:
        """A step without one of the optimizer since the one before; whether it makes them too many."""
        if self.paired_steps:
            return self.is_drift()
        if self.early_steps < 2:
            self.on_early_step(groups)
        return False

    def on_early_step(self, groups: Iterable[dict[str, Any]]) -> None:
        """A step before the optimizer's first; at the first of them its gradients are looked at.

        Two are as many as any: later ones need not be told apart.
        """
        self.early_steps += 1
        if self.early_steps == 1:
            parameters = [parameter for group in groups for parameter in group["params"]]
            self._was_skipped = any(_overflowed(parameter) for parameter in parameters)
            self._had_no_gradient = _have_no_gradient(parameters)

    def is_wrong_order(self, groups: Iterable[dict[str, Any]]) -> bool:
        """Whether the scheduler's first step came before the optimizer's; to be asked at its second.

        A loop that takes the gradients away before the scheduler's step, both times, does not show
        whether a `GradScaler` skipped the optimizer's first step: nothing is said then.
        """
        if self.early_steps != 1 or self._was_skipped:
            return False
        return not (
            self._had_no_gradient
            and _have_no_gradient(parameter for group in groups for parameter in group["params"])
        )

    def is_drift(self) -> bool:
        """Count a step without an optimizer step; whether they are too many, which is said once.

        To be asked only once an optimizer step has been seen, `paired_steps > 0`.
        """
        if self.warned:
            return False
        self.lone_steps += 1
        steps = self.lone_steps + self.paired_steps
        self.warned = self.lone_steps > TOLERATED_STEPS + TOLERATED_FRACTION * steps
        return self.warned

    def start_again(self) -> None:
        """Forget the counts, as when a training goes on from a saved state."""
        self.optimizer_stepped = False
        self.paired_steps = self.lone_steps = self.early_steps = 0

    def describe(self, total_steps: int) -> str:
        """What happened and what will come of it, as a sentence of the warning."""
        steps = self.lone_steps + self.paired_steps
        end = round(total_steps * self.paired_steps / steps)
        return (
            f"{self.lone_steps} of its last {steps} steps had no optimizer step before them, so that the "
            f"schedule of {total_steps} steps would be over after about {end} optimizer steps"
        )


def _have_no_gradient(parameters: Iterable[Any]) -> bool:
    return all(parameter.grad is None for parameter in parameters)


def _overflowed(parameter: Any) -> bool:
    """Whether the gradient is why a `GradScaler` skips a step; one that can't be asked here may be."""
    gradient = parameter.grad
    if gradient is None:
        return False
    if type(gradient).__name__ != "Tensor" or gradient.is_sparse or gradient.is_meta:
        return True  # sharded over processes, for instance: asking it would make all of them wait
    return not bool(gradient.isfinite().all())
