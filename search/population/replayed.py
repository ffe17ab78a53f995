"""`replayed`: work that is done again and again from the same memory, as a CUDA graph where that is the same.

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


def replayed(
    one_round: Round,
    capture: Capture | None,
    *,
    results: Callable[[], Tensor],
    changed: Sequence[Tensor] = (),
) -> Round:
    """A replay of one round, if it can be captured and gives the same bits; else the round itself.

    Nothing of what is `changed` is another afterwards.

    Args:
        one_round: reads and writes the same memory every time.
        capture: makes of a round something that does the same, and may make some rounds meanwhile.
        results: what the round made last gave.
        changed: all that a round changes and the next one reads.

    Raises:
        torch.OutOfMemoryError: memory ran out.
        Exception: what the round itself raises.
    """
    if capture is None:
        return one_round
    before = [tensor.clone() for tensor in changed]

    def tried(some_round: Round) -> list[Tensor]:
        """What a round makes of the state before."""
        _copy(before, changed)
        some_round()
        # Not a number is not equal to itself; slots behind the last run may hold anything.
        return [tensor.nan_to_num() for tensor in (results(), *changed)]

    expected = tried(one_round)  # an error of the work itself is not one of the capture
    made, why = one_round, ""
    try:
        replay = capture(one_round)
        given = tried(replay)
        if all(torch.equal(*pair) for pair in zip(expected, given, strict=True)):
            made = replay
        else:
            why = "a replay gives other numbers"
    except RuntimeError as error:
        if ran_out(error):
            raise
        why = str(error).partition("\n")[0]
    _copy(before, changed)
    if why:
        warnings.warn(
            f"operations are started one by one, without a graph: {why}", RuntimeWarning, stacklevel=2
        )
    return made


def _copy(kept: Sequence[Tensor], to: Sequence[Tensor]) -> None:
    for source, target in zip(kept, to, strict=True):
        target.copy_(source)
