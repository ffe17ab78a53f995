"""`BatchStream`: the batches of one run, in the order its seed fixes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from search.proxies.proxy import Proxy


class BatchStream:
    """Hands out sample numbers; drawn an epoch at a time, so any way to cut the run gives the same.

    >>> from search.proxies import build_proxy
    >>> proxy = build_proxy("char_lm_mlp", {})
    >>> one, other = (BatchStream(proxy, torch.Generator().manual_seed(1)) for _ in range(2))
    >>> torch.equal(one.take(100), torch.cat([other.take(59), other.take(41)]))
    True
    """

    def __init__(self, proxy: Proxy, generator: torch.Generator) -> None:
        self._proxy, self._generator = proxy, generator
        self._drawn = torch.empty(0, proxy.batch_size, dtype=torch.int64)

    def take(self, n_steps: int) -> Tensor:
        """Sample numbers of the next `n_steps` batches: int64, `n_steps x batch_size`."""
        self.draw_ahead(n_steps)
        taken, self._drawn = self._drawn[:n_steps], self._drawn[n_steps:]
        return taken

    def draw_ahead(self, n_steps: int) -> None:
        """Draw now what the next `n_steps` take."""
        while len(self._drawn) < n_steps:
            self._drawn = torch.cat([self._drawn, self._draw_epoch()])

    def state(self) -> dict[str, Tensor]:
        """What comes next, as copies."""
        return {"generator": self._generator.get_state(), "drawn": self._drawn.clone()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from such a state."""
        self._generator.set_state(state["generator"])
        self._drawn = state["drawn"]

    def _draw_epoch(self) -> Tensor:
        return self._proxy.batches.draw_epoch(
            self._generator,
            n_samples=len(self._proxy.train),
            n_steps=self._proxy.steps_per_epoch,
            batch_size=self._proxy.batch_size,
        )
