"""`Replayed`: work that is done again and again from the same memory, as a CUDA graph where that is the same.

Work on a small model is dozens of operations of microseconds each, and starting them from Python takes longer
than they do. A CUDA graph starts them all at once, and asks for two things: that it reads and writes the same
memory every time, and that some of the work is done before it is captured, so that everything this changes is
put back. A graph is taken only if it gives the same bits.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from search.population.memory import ran_out

WARM_UPS = 2
"""Rounds before a capture: libraries choose their algorithms in the first."""

Round = Callable[[], None]
Capture = Callable[[Round], Round]


def capture_on(device: torch.device) -> Capture | None:
    """How work on a device is captured; None: it is done as it is."""
    return captured if device.type == "cuda" else None


def captured(one_round: Round) -> Round:
    """A CUDA graph of a round; makes some rounds."""
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UPS):
            one_round()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        one_round()
    return graph.replay


class Replayed:
    """Something computed from the same memory again and again, into memory of its own.

    By a replay, if it can be captured and gives the same bits; else as it is. Nothing of what is `changed` is
    another once this is made.

    Args:
        compute: reads and writes the same memory every time; gives a tensor that nothing else holds.
        capture: makes of a round something that does the same, and may make some rounds meanwhile; None:
            nothing is captured, nor computed before it is asked for.
        changed: all that computing changes and the next time reads.

    Raises:
        torch.OutOfMemoryError: memory ran out.
        Exception: what computing raises.
    """

    def __init__(
        self, compute: Callable[[], Tensor], capture: Capture | None, changed: Sequence[Tensor] = ()
    ) -> None:
        self._compute, self._changed = compute, changed
        self._result: Tensor | None = None
        self._round = self._as_it_is if capture is None else self._checked(capture)

    def __call__(self) -> Tensor:
        """The result, a copy."""
        self._round()
        return self._last.clone()

    @property
    def _last(self) -> Tensor:
        assert self._result is not None
        return self._result

    def _as_it_is(self) -> None:
        computed = self._compute()
        if self._result is None:
            self._result = computed
        else:
            self._result.copy_(computed)

    def _checked(self, capture: Capture) -> Round:
        """A replay, if it is as good as the round."""
        before = [tensor.clone() for tensor in self._changed]
        expected = self._tried(
            self._as_it_is, before
        )  # an error of the work itself is not one of the capture
        made, why = self._as_it_is, ""
        try:
            replay = capture(self._as_it_is)
            given = self._tried(replay, before)
            if all(torch.equal(*pair) for pair in zip(expected, given, strict=True)):
                made = replay
            else:
                why = "a replay gives other numbers"
        except RuntimeError as error:
            if ran_out(error):
                raise
            why = str(error).partition("\n")[0]
        _copy(before, self._changed)
        if why:
            warnings.warn(
                f"operations are started one by one, without a graph: {why}", RuntimeWarning, stacklevel=2
            )
        return made

    def _tried(self, one_round: Round, before: Sequence[Tensor]) -> list[Tensor]:
        """What a round makes of the state before."""
        _copy(before, self._changed)
        one_round()
        # Not a number is not equal to itself; slots behind the last run may hold anything.
        return [tensor.nan_to_num() for tensor in (self._last, *self._changed)]


def _copy(kept: Sequence[Tensor], to: Sequence[Tensor]) -> None:
    for source, target in zip(kept, to, strict=True):
        target.copy_(source)
