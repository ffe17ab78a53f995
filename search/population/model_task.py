"""`ModelTask`: a declared model as a population trains it."""

from __future__ import annotations

from collections.abc import Hashable

import torch

from search.population.device_data import DeviceData
from search.population.engine import Engine
from search.population.engines import make_engine
from search.population.settings import StackKind, stack_kind, with_batch_size
from search.population.stream import BatchStream
from search.proxies.proxy import Proxy
from search.runs.run import Run
from search.runs.seeds import Seed, run_generators
from search.spec.population import Way


class ModelTask:
    """Runs of one proxy; see `Task`. Those of another batch size, or with settings of their own, are another
    kind."""

    def __init__(self, proxy: Proxy, *, device: torch.device, way: Way) -> None:
        self._proxy, self._way = proxy, way
        self._data = DeviceData(proxy, device)
        self.plain = stack_kind({}, proxy)

    def kind(self, run: Run) -> StackKind:
        return stack_kind(run.params, self._proxy, averaged=bool(run.averaged_steps))

    def engine(self, kind: Hashable, *, n_slots: int) -> Engine:
        assert isinstance(kind, StackKind)
        return make_engine(self._batched(kind), self._data, n_slots=n_slots, kind=kind, way=self._way)

    def batches(self, kind: Hashable, seed: Seed) -> BatchStream:
        return BatchStream(self._batched(kind), run_generators(seed).order)

    def _batched(self, kind: Hashable) -> Proxy:
        assert isinstance(kind, StackKind)
        return with_batch_size(self._proxy, kind.batch_size)
