"""`Group`: the runs of a population that share one stack, and their measurements.

The runs in training always fill the first `K` slots: when one leaves and no other comes, the last moves
into its place, and empty slots cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from search.population.engine import Losses, Score, SplitName
from search.population.task import Batches, Task
from search.runs.run import Measurement, Run
from search.runs.seeds import Seed


@dataclass(eq=False)
class Training:
    """A run in its slot."""

    run: Run
    number: int
    """How many runs were admitted to the population before."""
    stream: Batches
    n_steps: int = 0
    """Steps trained so far."""
    losses: list[NDArray[np.float64]] = field(default_factory=list)
    """Training losses since the last measurement, in pieces."""
    diverged_at_step: int | None = None
    """Number of the first step whose loss was not finite."""
    measured: list[Measurement] = field(default_factory=list)
    """All measurements so far."""

    @property
    def next_report(self) -> int:
        """The step of the next measurement; the horizon, once all reports are made."""
        return next((s for s in self.run.report_steps if s > self.n_steps), self.run.total_steps)

    @property
    def is_over(self) -> bool:
        return self.n_steps == self.run.total_steps

    def record(self, losses: NDArray[np.float64]) -> None:
        """Take in the losses of the steps made last."""
        self.losses.append(losses)
        finite = np.isfinite(losses)
        if not finite.all():
            self.diverged_at_step = self.n_steps - len(losses) + int(finite.argmin())


class Group:
    """Up to `slots` runs of one kind of a task."""

    def __init__(self, task: Task, kind: Hashable, *, slots: int) -> None:
        self._task, self._kind = task, kind
        self._spare_slot = slots
        # One slot more than runs: untrained models are looked at there.
        self._engine = task.engine(kind, n_slots=slots + 1)
        self._trainings: list[Training] = []
        self._losses: Losses | None = None
        """Of the steps made last, until they are looked at."""

    @property
    def trainings(self) -> Sequence[Training]:
        """The runs in training, in the order of their slots."""
        return self._trainings

    @property
    def chunk_steps(self) -> int:
        """Steps that are trained before their losses are looked at, at most."""
        return self._engine.chunk_steps

    @property
    def steps_at_once(self) -> int:
        """How many steps are trained before anybody has to look, at most."""
        to_next_report = (training.next_report - training.n_steps for training in self._trainings)
        return min(self.chunk_steps, *to_next_report)

    def admit(self, run: Run, number: int) -> None:
        """Put a run into the next slot."""
        self._engine.load(len(self._trainings), run.seed, run.params)
        self._trainings.append(Training(run, number, self._task.batches(self._kind, run.seed)))

    def state(self, slot: int) -> dict[str, Any]:
        """All that is needed to go on with the run in a slot."""
        training = self._trainings[slot]
        return {
            "n_steps": training.n_steps,
            "losses": [loss for piece in training.losses for loss in piece.tolist()],
            "measured": [(found.step, dict(found.metrics)) for found in training.measured],
            "stream": training.stream.state(),
            "engine": self._engine.state(slot),
        }

    def restore(self, state: Mapping[str, Any]) -> list[Measurement]:
        """Go on with the run that was admitted last; its measurements so far."""
        slot = len(self._trainings) - 1
        training = self._trainings[slot]
        self._engine.restore(slot, state["engine"])
        training.stream.restore(state["stream"])
        training.n_steps, training.losses = state["n_steps"], [np.array(state["losses"])]
        training.measured = [
            Measurement(key=training.run.key, step=step, metrics=metrics, last=False)
            for step, metrics in state["measured"]
        ]
        return list(training.measured)

    def leave(self, slot: int) -> None:
        """Free a slot; the last run moves into it."""
        last = len(self._trainings) - 1
        if slot != last:
            self._engine.move(last, slot)
            self._trainings[slot] = self._trainings[last]
        self._trainings.pop()

    def untrained(self, seed: Seed) -> Mapping[str, float]:
        """Metrics of a seed's model on the validation split before its first step."""
        self._engine.load(self._spare_slot, seed, {})
        (score,) = self._engine.evaluate([self._spare_slot], "validation")
        return _metrics(score, "val")

    def train(self, n_steps: int) -> None:
        """Train every run for `n_steps`, none of them past its next report; `measure` looks at what came of
        it. What the host can do for the next steps it does while an accelerator is at these."""
        samples = torch.stack([t.stream.take(n_steps) for t in self._trainings], dim=1)
        lrs = [t.run.lr_table[t.n_steps : t.n_steps + n_steps] for t in self._trainings]
        self._losses = self._engine.train(samples, np.stack(lrs, axis=1))
        for training in self._trainings:
            training.n_steps += n_steps
            training.stream.draw_ahead(min(self.chunk_steps, training.run.total_steps - training.n_steps))

    def measure(
        self, last_states: dict[Hashable, dict[str, Any]] | None = None
    ) -> list[tuple[int, Measurement]]:
        """New measurements, each with the number of its run; runs that are over leave.

        `last_states`: takes the states of those that have trained to their horizon, by key.
        """
        found, measured = self._measurements(), []
        # From the last slot down: a run that leaves is replaced by one that has been looked at.
        for slot in reversed(range(len(self._trainings))):
            training, measurement = self._trainings[slot], found.get(slot)
            if measurement is not None:
                measured.append((training.number, measurement))
                training.measured.append(measurement)
                training.losses.clear()
            if last_states is not None and training.is_over:
                last_states[training.run.key] = self.state(slot)
            if training.is_over or (measurement is not None and measurement.last):
                self.leave(slot)
        return measured

    def _measurements(self) -> dict[int, Measurement]:
        """By slot. Models that report at one moment are judged in one call, and before the losses are waited
        for: so an accelerator has them all to do."""
        reports = [slot for slot, t in enumerate(self._trainings) if t.n_steps in t.run.report_steps]
        judged = self._judged(reports)
        self._record_losses()
        found = {}
        for slot, training in enumerate(self._trainings):
            run, step = training.run, training.n_steps
            if training.diverged_at_step is not None:
                found[slot] = _divergence(run, training.diverged_at_step)
            elif slot in judged:
                metrics = judged[slot] | {"train_loss": float(np.mean(np.concatenate(training.losses)))}
                found[slot] = (
                    Measurement(key=run.key, step=step, metrics=metrics, last=training.is_over)
                    if all(map(math.isfinite, metrics.values()))
                    else _divergence(run, step)
                )
        return found

    def _record_losses(self) -> None:
        if self._losses is None:
            return
        # Each run's own piece, so that none holds the memory of all.
        for training, losses in zip(self._trainings, self._losses().T, strict=True):
            training.record(losses.copy())
        self._losses = None

    def _judged(self, slots: list[int]) -> dict[int, dict[str, float]]:
        """Metrics of models that report now, but for those of their training."""
        metrics = self._scores(slots, "validation", "val")
        runs = {slot: self._trainings[slot] for slot in slots}
        ended = [slot for slot, t in runs.items() if t.is_over and t.run.test_at_end]
        for slot, scores in self._scores(ended, "test", "test").items():
            metrics[slot] |= scores
        averaged = [slot for slot, t in runs.items() if t.n_steps in t.run.averaged_steps]
        both: tuple[tuple[list[int], SplitName, str], ...] = (
            (averaged, "validation", "averaged_val"),
            ([slot for slot in averaged if slot in ended], "test", "averaged_test"),
        )
        for slots, split, prefix in both:
            for slot, scores in self._scores(slots, split, prefix, averaged=True).items():
                # Averages that overflow are left out, and the run goes on without them.
                metrics[slot] |= scores if math.isfinite(scores[f"{prefix}_loss"]) else {}
        return metrics

    def _scores(
        self, slots: list[int], split: SplitName, prefix: str, *, averaged: bool = False
    ) -> dict[int, dict[str, float]]:
        if not slots:
            return {}
        scores = self._engine.evaluate(slots, split, averaged)
        return {slot: _metrics(score, prefix) for slot, score in zip(slots, scores, strict=True)}


def _metrics(score: Score, prefix: str) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in score.items()}


def _divergence(run: Run, step: int) -> Measurement:
    return Measurement(key=run.key, step=step, metrics={}, last=True, diverged_at_step=step)
