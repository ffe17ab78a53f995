"""`Population`: up to `slots` runs trained together, each ended, withdrawn and replaced by itself.

    population = Population(proxy, slots=16)
    while there is work:
        while population.free_slots and a run waits:
            population.admit(run)
        for measurement in population.advance():
            ...

**The equality law.** On one CPU, with one torch thread, a run's measurements are equal bit for bit
over slot, number of slots, neighbours (one diverging among them), refills and withdrawals. So a result
belongs to the schedule and the seed, not to the company it was trained in.

The runs in training always fill the first `K` slots: when one leaves and no other comes, the last moves
into its place, and empty slots cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from search.population.engine import Engine, SplitName, StackedEngine
from search.population.run import Measurement, Run
from search.population.stream import BatchStream
from search.proxies.proxy import Proxy
from search.seeds import Seed, run_generators

CHUNK_STEPS = 20
"""Steps trained before the engine's losses are looked at: a diverged run lives at most this long on."""


@dataclass(eq=False)
class _Training:
    """A run in its slot."""

    run: Run
    number: int
    """How many runs were admitted before."""
    stream: BatchStream
    n_steps: int = 0
    """Steps trained so far."""
    losses: list[float] = field(default_factory=list)
    """Training losses since the last measurement."""

    @property
    def next_report(self) -> int:
        """The step of the next measurement; the horizon, once all reports are made."""
        return next((s for s in self.run.report_steps if s > self.n_steps), self.run.total_steps)

    @property
    def is_over(self) -> bool:
        return self.n_steps == self.run.total_steps

    @property
    def diverged_at_step(self) -> int | None:
        """Number of the first step since the last measurement whose loss was not finite."""
        first = self.n_steps - len(self.losses)
        bad = (first + i for i, loss in enumerate(self.losses) if not math.isfinite(loss))
        return next(bad, None)


class Population:
    """Up to `slots` runs of one proxy, trained together in this process. Not thread-safe."""

    def __init__(self, proxy: Proxy, *, slots: int, device: str | torch.device = "cpu") -> None:
        """
        Args:
            proxy: the task.
            slots: most runs at once, >= 1; 8 to 32 are fastest on a CPU.
            device: of torch; its data is moved there once.

        Raises:
            UnsupportedLayerError: the proxy's model has a layer that can't be stacked.
        """
        if slots < 1:
            raise ValueError(f"slots must be at least 1 but got {slots}.")
        self.proxy, self.slots = proxy, slots
        # One slot more than runs: untrained models are looked at there.
        self._engine: Engine = StackedEngine(proxy, n_slots=slots + 1, device=torch.device(device))
        self._trainings: list[_Training] = []
        self._n_admitted = 0
        self._untrained: dict[Seed, Mapping[str, float]] = {}

    @property
    def free_slots(self) -> int:
        """How many runs can be admitted now."""
        return self.slots - len(self._trainings)

    @property
    def active(self) -> tuple[Hashable, ...]:
        """Keys of the runs in training, in the order of their slots."""
        return tuple(training.run.key for training in self._trainings)

    def admit(self, run: Run) -> None:
        """Put a run into a free slot; it trains with the next `advance`.

        Raises:
            ValueError: there is no free slot, or a run of that key is in training.
        """
        if not self.free_slots:
            raise ValueError(
                f"run {run.key!r} finds no free slot: all {self.slots} train; wait for a "
                "measurement with last=True, or withdraw a run."
            )
        if run.key in self.active:
            raise ValueError(f"a run with the key {run.key!r} is in training already.")
        generators = run_generators(run.seed)
        self._engine.load(len(self._trainings), generators.weights_seed)
        stream = BatchStream(self.proxy, generators.order)
        self._trainings.append(_Training(run, self._n_admitted, stream))
        self._n_admitted += 1

    def withdraw(self, key: Hashable) -> None:
        """End a run now; its slot is free at once.

        Raises:
            KeyError: no run of that key is in training.
        """
        if key not in self.active:
            raise KeyError(f"no run with the key {key!r} is in training.")
        self._leave(self.active.index(key))

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
        left = math.inf if max_steps is None else max_steps
        while self._trainings and left:
            n_steps = int(min(CHUNK_STEPS, left, self._steps_to_next_report()))
            self._train(n_steps)
            left -= n_steps
            if measurements := self._measure():
                return measurements
        return []

    def untrained(self, seed: Seed) -> Mapping[str, float]:
        """`val_loss` and `val_error` of a seed's model before its first step."""
        if seed not in self._untrained:
            self._engine.load(self.slots, run_generators(seed).weights_seed)
            self._untrained[seed] = self._judge(self.slots, "validation", "val")
        return self._untrained[seed]

    def _steps_to_next_report(self) -> int:
        return min(training.next_report - training.n_steps for training in self._trainings)

    def _train(self, n_steps: int) -> None:
        samples = torch.stack([t.stream.take(n_steps) for t in self._trainings], dim=1)
        lrs = [t.run.lr_table[t.n_steps : t.n_steps + n_steps] for t in self._trainings]
        losses = self._engine.train(samples, np.stack(lrs, axis=1))
        for slot, training in enumerate(self._trainings):
            training.losses.extend(losses[:, slot].tolist())
            training.n_steps += n_steps

    def _measure(self) -> list[Measurement]:
        measured = []
        # From the last slot down: whoever leaves is replaced by one that has been looked at.
        for slot in reversed(range(len(self._trainings))):
            training = self._trainings[slot]
            measurement = self._measurement(slot, training)
            if measurement is not None:
                measured.append((training.number, measurement))
                training.losses.clear()
            if training.is_over or (measurement is not None and measurement.last):
                self._leave(slot)
        return [measurement for _, measurement in sorted(measured, key=lambda pair: pair[0])]

    def _measurement(self, slot: int, training: _Training) -> Measurement | None:
        run, step = training.run, training.n_steps
        if (diverged := training.diverged_at_step) is not None:
            return _divergence(run, diverged)
        if step not in run.report_steps:
            return None
        metrics = {
            **self._judge(slot, "validation", "val"),
            "train_loss": float(np.mean(training.losses)),
        }
        if training.is_over and run.test_at_end:
            metrics |= self._judge(slot, "test", "test")
        if not all(math.isfinite(value) for value in metrics.values()):
            return _divergence(run, step)
        return Measurement(key=run.key, step=step, metrics=metrics, last=training.is_over)

    def _judge(self, slot: int, split: SplitName, prefix: str) -> dict[str, float]:
        loss, error = self._engine.evaluate(slot, split)
        return {f"{prefix}_loss": loss, f"{prefix}_error": error}

    def _leave(self, slot: int) -> None:
        last = len(self._trainings) - 1
        if slot != last:
            self._engine.move(last, slot)
            self._trainings[slot] = self._trainings[last]
        self._trainings.pop()


def _divergence(run: Run, step: int) -> Measurement:
    return Measurement(key=run.key, step=step, metrics={}, last=True, diverged_at_step=step)
