"""`[population]` of a study file: how many runs train together, and how trials are proposed for them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from search.spec.proxy import Strict
from search.spec.rounds import Rounds, chosen_rounds

Way = Literal["auto", "stacked", "vmap", "one_by_one"]
"""How runs are trained: layers stacked by hand, the model's own forward computed for many, or each alone."""
AUTO: Way = "auto"
STACKED: Way = "stacked"
VMAP: Way = "vmap"
ONE_BY_ONE: Way = "one_by_one"
MOST_SLOTS = 4096


class PopulationSpec(Strict):
    """How many runs train together in one process."""

    slots: Literal["auto"] | Annotated[int, Field(ge=1, le=MOST_SLOTS)] = "auto"
    """By default measured when the study is made, and kept with it."""
    way: Way = AUTO
    """By default chosen by timing when the study is made, and kept with it."""
    round: Literal["auto"] | Annotated[int, Field(ge=1, le=4096)] = "auto"
    """Trials that are proposed at once."""
    delay: Literal["auto"] | Annotated[int, Field(ge=0, le=100_000)] = "auto"
    """How many numbers before a round its knowledge ends; more keep more slots busy."""
    reproducible: Literal["auto"] | bool = "auto"
    """Whether the same file gives the same study; by default where runs train together."""

    _measured: tuple[str, int] | None = PrivateAttr(default=None)

    def trained(self, way: Way, measured: tuple[str, int] | None) -> PopulationSpec:
        """The same in a way, with as many slots as were measured on a kind of device, if they were."""
        known = self.model_copy(update={"way": way})
        known._measured = measured
        return known

    def slots_on(self, device: str) -> int:
        """How many runs train together in one process of a device: as asked, as measured there, or
        `default_slots`."""
        if self.slots != "auto":
            return self.slots
        if self._measured is not None and self._measured[0] == device_kind(device):
            return self._measured[1]
        return default_slots(device)

    def rounds(self, n_runs: int | None, *, together: bool) -> Rounds | None:
        """The rounds of a study; None where it need not be the same every time.

        Args:
            n_runs: full runs that it can afford; None where time limits it.
            together: whether its runs train together and take equal times.
        """
        if not (together if self.reproducible == "auto" else self.reproducible):
            return None
        size, delay = (None if given == "auto" else given for given in (self.round, self.delay))
        return chosen_rounds(n_runs, size=size, delay=delay)


def default_slots(device: str) -> int:
    """Runs at once in one process where that was not measured."""
    return 8 if device == "cpu" else 64


def device_kind(device: str) -> str:
    """Kind of a device of torch.

    >>> device_kind("cuda:1")
    'cuda'
    """
    return device.partition(":")[0]
