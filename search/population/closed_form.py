"""`ClosedFormPopulation`: runs of a `NoisyQuadratic`, admitted, measured and cancelled as in a `Population`.

Nothing is sampled: a step is a line of arithmetic on the run's own numbers, so the equality law holds by
construction. The validation loss carries the task's noise; training and test loss are the exact expectations.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search.proxies.noisy_quadratic import NoisyQuadratic
from search.proxies.quadratic_noise import observed
from search.runs.run import Measurement, Run
from search.runs.seeds import Seed

CHUNK_STEPS = 100
"""Steps computed before their losses are looked at: a diverged run lives at most this long on."""
LARGEST_LOSS = float(np.finfo(np.float32).max)
"""Above it a run has diverged, as one that is trained in float32 has."""


@dataclass(eq=False)
class _Training:
    """A run on its way."""

    run: Run
    moments: NDArray[np.float64]
    """`D`: the state of the recursion."""
    risk: float
    """The expected loss now."""
    n_steps: int = 0
    losses: list[float] = field(default_factory=list)
    """Expected losses before each step since the last measurement."""

    @property
    def steps_to_next_report(self) -> int:
        coming = (s for s in self.run.report_steps if s > self.n_steps)
        return next(coming, self.run.total_steps) - self.n_steps

    @property
    def is_over(self) -> bool:
        return self.n_steps == self.run.total_steps


class ClosedFormPopulation:
    """Up to `slots` runs of one task. Not thread-safe."""

    def __init__(self, proxy: NoisyQuadratic, *, slots: int) -> None:
        """
        Args:
            proxy: the task.
            slots: most runs at once, >= 1.
        """
        if slots < 1:
            raise ValueError(f"slots must be at least 1 but got {slots}.")
        self.proxy, self.slots = proxy, slots
        self._trainings: list[_Training] = []

    @property
    def free_slots(self) -> int:
        """How many runs can be admitted now."""
        return self.slots - len(self._trainings)

    @property
    def active(self) -> tuple[Hashable, ...]:
        """Keys of the runs in training, in the order they were admitted."""
        return tuple(training.run.key for training in self._trainings)

    def admit(self, run: Run) -> None:
        """Put a run into a free slot; it trains with the next `advance`.

        Raises:
            ValueError: there is no free slot, a run of that key is in training, or it has `params` or
                `averaged_steps`.
        """
        if not self.free_slots:
            raise ValueError(
                f"run {run.key!r} finds no free slot: all {self.slots} train; wait for a "
                "measurement with last=True, or cancel a run."
            )
        if run.key in self.active:
            raise ValueError(f"a run with the key {run.key!r} is in training already.")
        if run.averaged_steps:
            raise ValueError(f"{self.proxy.name} has no weights to average; leave averaged_steps out.")
        if problems := [closed_form_problem(self.proxy, name) for name in run.params]:
            raise ValueError(" ".join(problems))
        self._trainings.append(_Training(run, self.proxy.start, self.proxy.untrained))

    def cancel(self, key: Hashable) -> None:
        """End a run now; its slot is free at once.

        Raises:
            KeyError: no run of that key is in training.
        """
        if key not in self.active:
            raise KeyError(f"no run with the key {key!r} is in training.")
        self._trainings.pop(self.active.index(key))

    def advance(self, max_steps: int | None = None) -> list[Measurement]:
        """Train every run until the next report of any of them, or a divergence.

        Args:
            max_steps: return after this many steps in any case, >= 1; None: don't.

        Returns:
            The measurements of that moment, in the order the runs were admitted; none where
            `max_steps` came first or nothing is in training.
        """
        if max_steps is not None and max_steps < 1:
            raise ValueError(f"max_steps must be at least 1 but got {max_steps}.")
        left = float("inf") if max_steps is None else max_steps
        while left and self._trainings:
            n_steps = int(min(CHUNK_STEPS, left, *(t.steps_to_next_report for t in self._trainings)))
            measured = [self._train(training, n_steps) for training in self._trainings]
            left -= n_steps
            self._trainings = [
                training
                for training, measurement in zip(self._trainings, measured, strict=True)
                if not (training.is_over or (measurement is not None and measurement.last))
            ]
            if found := [measurement for measurement in measured if measurement is not None]:
                return found
        return []

    def untrained(self, seed: Seed) -> Mapping[str, float]:
        """`val_loss` before the first step: the expectation, the same for every seed."""
        return {"val_loss": self.proxy.untrained}

    def _train(self, training: _Training, n_steps: int) -> Measurement | None:
        """Some steps of one run, and what is to be told after them."""
        run, first = training.run, training.n_steps
        lrs = run.lr_table[first : first + n_steps]
        training.moments, risks = self.proxy.train(training.moments, lrs)
        training.losses += [training.risk, *risks[:-1].tolist()]
        training.risk, training.n_steps = float(risks[-1]), first + n_steps
        bad = np.flatnonzero(~(risks <= LARGEST_LOSS))
        if len(bad):
            step = first + int(bad[0]) + 1
            return Measurement(key=run.key, step=step, metrics={}, last=True, diverged_at_step=step)
        if training.n_steps not in run.report_steps:
            return None
        metrics = self._metrics(training)
        training.losses.clear()
        return Measurement(key=run.key, step=training.n_steps, metrics=metrics, last=training.is_over)

    def _metrics(self, training: _Training) -> dict[str, float]:
        run, risk = training.run, training.risk
        trained = run.lr_table[: training.n_steps]
        metrics = {
            "val_loss": observed(self.proxy, risk, seed=run.seed, trained=trained),
            "train_loss": float(np.mean(training.losses)),
        }
        if training.is_over and run.test_at_end:
            metrics["test_loss"] = risk
        return metrics


def closed_form_problem(proxy: NoisyQuadratic, name: str) -> str:
    """Why no run of the task has a parameter of its own."""
    return (
        f"{name}: the runs of {proxy.name} differ in schedule and seed alone, its loss is computed for plain "
        "SGD at one batch size; leave it out (batch_size is an argument of the proxy)."
    )
