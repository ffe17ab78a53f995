"""`Group`: the runs of a population that share one stack, and their measurements.

The runs in training always fill the first `K` slots: when one leaves and no other comes, the last moves
into its place, and empty slots cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from search.population.engine import DeviceData, Engine, SplitName
from search.population.engines import make_engine
from search.population.settings import StackKind, optimizer_of, with_batch_size
from search.population.stream import BatchStream
from search.proxies.proxy import Proxy
from search.runs.run import Measurement, Run
from search.runs.seeds import Seed, run_generators


@dataclass(eq=False)
class Training:
    """A run in its slot."""

    run: Run
    number: int
    """How many runs were admitted to the population before."""
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


class Group:
    """Up to `slots` runs of one `StackKind`."""

    def __init__(self, proxy: Proxy, data: DeviceData, *, slots: int, kind: StackKind) -> None:
        self._proxy = with_batch_size(proxy, kind.batch_size)
        self._spare_slot = slots
        # One slot more than runs: untrained models are looked at there.
        self._engine: Engine = make_engine(self._proxy, data, n_slots=slots + 1, kind=kind)
        self._trainings: list[Training] = []

    @property
    def trainings(self) -> Sequence[Training]:
        """The runs in training, in the order of their slots."""
        return self._trainings

    @property
    def steps_to_next_report(self) -> int:
        return min(training.next_report - training.n_steps for training in self._trainings)

    def admit(self, run: Run, number: int) -> None:
        """Put a run into the next slot."""
        generators = run_generators(run.seed)
        slot, settings = len(self._trainings), optimizer_of(run.params, self._proxy)
        self._engine.load(slot, generators.weights_seed, settings)
        self._trainings.append(Training(run, number, BatchStream(self._proxy, generators.order)))

    def leave(self, slot: int) -> None:
        """Free a slot; the last run moves into it."""
        last = len(self._trainings) - 1
        if slot != last:
            self._engine.move(last, slot)
            self._trainings[slot] = self._trainings[last]
        self._trainings.pop()

    def untrained(self, seed: Seed) -> Mapping[str, float]:
        """`val_loss` and `val_error` of a seed's model before its first step."""
        weights_seed = run_generators(seed).weights_seed
        self._engine.load(self._spare_slot, weights_seed, self._proxy.optimizer)
        return self._score(self._spare_slot, "validation", "val")

    def train(self, n_steps: int) -> None:
        """Train every run for `n_steps`, none of them past its next report."""
        samples = torch.stack([t.stream.take(n_steps) for t in self._trainings], dim=1)
        lrs = [t.run.lr_table[t.n_steps : t.n_steps + n_steps] for t in self._trainings]
        losses = self._engine.train(samples, np.stack(lrs, axis=1))
        for slot, training in enumerate(self._trainings):
            training.losses.extend(losses[:, slot].tolist())
            training.n_steps += n_steps

    def measure(self) -> list[tuple[int, Measurement]]:
        """New measurements, each with the number of its run; runs that are over leave."""
        measured = []
        # From the last slot down: a run that leaves is replaced by one that has been looked at.
        for slot in reversed(range(len(self._trainings))):
            training = self._trainings[slot]
            measurement = self._measurement(slot, training)
            if measurement is not None:
                measured.append((training.number, measurement))
                training.losses.clear()
            if training.is_over or (measurement is not None and measurement.last):
                self.leave(slot)
        return measured

    def _measurement(self, slot: int, training: Training) -> Measurement | None:
        run, step = training.run, training.n_steps
        if (diverged := training.diverged_at_step) is not None:
            return _divergence(run, diverged)
        if step not in run.report_steps:
            return None
        metrics = {
            **self._score(slot, "validation", "val"),
            "train_loss": float(np.mean(training.losses)),
        }
        if training.is_over and run.test_at_end:
            metrics |= self._score(slot, "test", "test")
        if not all(math.isfinite(value) for value in metrics.values()):
            return _divergence(run, step)
        if step in run.averaged_steps:
            metrics |= self._judge_average(slot)
        return Measurement(key=run.key, step=step, metrics=metrics, last=training.is_over)

    def _score(self, slot: int, split: SplitName, prefix: str) -> dict[str, float]:
        loss, error = self._engine.evaluate(slot, split)
        return {f"{prefix}_loss": loss, f"{prefix}_error": error}

    def _judge_average(self, slot: int) -> dict[str, float]:
        """Metrics of the averaged weights; empty if they overflow, and the run continues without them."""
        loss, error = self._engine.evaluate(slot, "validation", averaged=True)
        return {"averaged_val_loss": loss, "averaged_val_error": error} if math.isfinite(loss) else {}


def _divergence(run: Run, step: int) -> Measurement:
    return Measurement(key=run.key, step=step, metrics={}, last=True, diverged_at_step=step)
