"""Which way an objective is better."""

from __future__ import annotations

from typing import Literal

Direction = Literal["minimize", "maximize"]


def sign_of(direction: Direction) -> float:
    """Factor that makes lower better: 1.0 or -1.0; of a difference `baseline - candidate`, that makes a gain.

    Raises:
        ValueError: it is no direction.

    >>> sign_of("minimize"), sign_of("maximize")
    (1.0, -1.0)
    """
    if direction not in ("minimize", "maximize"):
        raise ValueError(f"direction must be 'minimize' or 'maximize' but is {direction!r}.")
    return 1.0 if direction == "minimize" else -1.0
