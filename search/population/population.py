"""`Population`: up to `slots` runs trained together, each ended, cancelled and replaced by itself.

    population = Population(proxy, slots=16)
    while there is work:
        while population.free_slots and a run waits:
            population.admit(run)
        for measurement in population.advance():
            ...

**The equality law.** On one CPU, with one torch thread, a run's measurements are equal bit for bit
over slot, number of slots, neighbours (one diverging among them, or with other settings), refills and
withdrawals. So a result belongs to the schedule, the settings and the seed, not to the company it was
trained in.

Chains of usual layers are stacked; other models are trained together by `vmap`, or one step after the other,
and keep the same promises. The way is the study's (`search.population.choice`): within one, bits are equal;
two of them agree to about 1e-5 after 20 steps.

Runs of one batch size share a stack (a `Group`); where a study searches it there are several, trained in
turn, and all of them share the slots.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import torch

from search.population.closed_form import ClosedFormTask
from search.population.group import Group, Training
from search.population.model_task import ModelTask
from search.population.task import Task
from search.proxies.noisy_quadratic import NoisyQuadratic
from search.proxies.registry import AnyProxy
from search.runs.run import Measurement, Run
from search.runs.seeds import Seed
from search.spec.population import AUTO, Way


class Population:
    """Up to `slots` runs of one proxy, trained together in this process. Not thread-safe."""

    def __init__(
        self, proxy: AnyProxy, *, slots: int, device: str | torch.device = "cpu", way: Way = AUTO
    ) -> None:
        """
        Args:
            proxy: a model that is trained, or a task whose loss is computed.
            slots: most runs at once, >= 1; 8 to 32 are fastest on a CPU.
            device: of torch, for a model, whose data is moved there once; what is computed is computed on the
                CPU.
            way: how a model's runs are trained; see `search.population.engines.make_engine`.

        Raises:
            Exception: whatever the proxy's model raises when it is looked at with its data.
        """
        if slots < 1:
            raise ValueError(f"slots must be at least 1 but got {slots}.")
        self.proxy, self.slots = proxy, slots
        self._task: Task = (
            ClosedFormTask(proxy)
            if isinstance(proxy, NoisyQuadratic)
            else ModelTask(proxy, device=torch.device(device), way=way)
        )
        self._groups: dict[Hashable, Group] = {self._task.plain: self._new_group(self._task.plain)}
        self._n_admitted = 0
        self.last_states: dict[Hashable, dict[str, Any]] | None = None
        """Takes the states of runs that have trained to their horizon, by key; None: they are dropped."""
        self._untrained: dict[Seed, Mapping[str, float]] = {}

    @property
    def free_slots(self) -> int:
        """How many runs can be admitted now."""
        return self.slots - sum(len(group.trainings) for group in self._groups.values())

    @property
    def active(self) -> tuple[Hashable, ...]:
        """Keys of the runs in training, group by group in the order of their slots."""
        return tuple(training.run.key for training in self._trainings())

    def admit(self, run: Run) -> None:
        """Put a run into a free slot; it trains with the next `advance`.

        Raises:
            ValueError: there is no free slot, a run of that key is in training, or its `params` are not
                such as a run of this proxy can have.
        """
        if not self.free_slots:
            raise ValueError(
                f"run {run.key!r} finds no free slot: all {self.slots} train; wait for a "
                "measurement with last=True, or cancel a run."
            )
        if any(run.key == training.run.key for training in self._trainings()):
            raise ValueError(f"a run with the key {run.key!r} is in training already.")
        self._group(self._task.kind(run)).admit(run, self._n_admitted)
        self._n_admitted += 1

    def state(self, key: Hashable) -> dict[str, Any]:
        """All that is needed to go on with a run: tensors on the CPU, numbers and text.

        Raises:
            KeyError: no run of that key is in training.
        """
        group, slot = self._found(key)
        return group.state(slot)

    def resume(self, run: Run, state: Mapping[str, Any]) -> list[Measurement]:
        """As `admit`, but the run goes on from a state of it, bit for bit; what it was measured until then.

        Raises:
            ValueError: as `admit`.
        """
        self.admit(run)
        group, _ = self._found(run.key)
        return group.restore(state)

    def cancel(self, key: Hashable) -> None:
        """End a run now; its slot is free at once.

        Raises:
            KeyError: no run of that key is in training.
        """
        group, slot = self._found(key)
        group.leave(slot)

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
        while left and (groups := [group for group in self._groups.values() if group.trainings]):
            n_steps = int(min(left, *(group.steps_at_once for group in groups)))
            for group in groups:
                group.train(n_steps)
            measured = [found for group in groups for found in group.measure(self.last_states)]
            left -= n_steps
            if measured:
                return [measurement for _, measurement in sorted(measured, key=lambda pair: pair[0])]
        return []

    @property
    def chunk_steps(self) -> int:
        """Steps that are trained before anybody looks: fewer at once cost more."""
        return self._groups[self._task.plain].chunk_steps

    def untrained(self, seed: Seed) -> Mapping[str, float]:
        """Metrics of a seed's model on the validation split before its first step."""
        if seed not in self._untrained:
            self._untrained[seed] = self._groups[self._task.plain].untrained(seed)
        return self._untrained[seed]

    def _found(self, key: Hashable) -> tuple[Group, int]:
        for group in self._groups.values():
            for slot, training in enumerate(group.trainings):
                if training.run.key == key:
                    return group, slot
        raise KeyError(f"no run with the key {key!r} is in training.")

    def _trainings(self) -> list[Training]:
        return [training for group in self._groups.values() for training in group.trainings]

    def _group(self, kind: Hashable) -> Group:
        """The group of a kind; whenever one is made, others that stand empty give their memory back."""
        if kind not in self._groups:
            plain = self._task.plain
            self._groups = {k: g for k, g in self._groups.items() if g.trainings or k == plain}
            self._groups[kind] = self._new_group(kind)
        return self._groups[kind]

    def _new_group(self, kind: Hashable) -> Group:
        return Group(self._task, kind, slots=self.slots)
