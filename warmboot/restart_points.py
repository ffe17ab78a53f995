"""Where restarts lie: a map between the unit cube and ordered restart points with a least cycle length.

Sorting independent positions would make every permutation of the parameters the same schedule, which
confuses samplers. Order statistics drawn one after another have no such symmetry: given the one before,
the next of `n` sorted uniforms is the least of those that remain.
"""

from __future__ import annotations

from collections.abc import Sequence

# Restart points are derived from floats; a point on a cell's edge may fall outside it by rounding alone.
_ROUNDING = 1e-12


def fractions_from_unit(units: Sequence[float], *, warmup: float, min_cycle: float) -> tuple[float, ...]:
    """Restart fractions from independent uniforms.

    With `n` restarts, `g = min_cycle`, `p_0 = 0`:
    `p_j = p_(j-1) + (1 - p_(j-1)) (1 - (1 - u_j)^(1 / (n - j + 1)))` are uniform order statistics, and
    `restart_j = warmup + j g + (1 - warmup - (n + 1) g) p_j` leaves every cycle at least `g`.

    Args:
        units: `u_1 .. u_n`, each in [0, 1].
        warmup: fraction of the horizon, [0, 1).
        min_cycle: least cycle as a fraction of the horizon, with `warmup + (n + 1) min_cycle < 1`.

    >>> fractions_from_unit([0.5], warmup=0.0, min_cycle=0.05)
    (0.5,)
    """
    n = len(units)
    room = 1 - warmup - (n + 1) * min_cycle
    position, fractions = 0.0, []
    for j, u in enumerate(units, start=1):
        position += (1 - position) * (1 - (1 - u) ** (1 / (n - j + 1)))
        fractions.append(warmup + j * min_cycle + room * position)
    return tuple(fractions)


def unit_from_fractions(
    fractions: Sequence[float], *, warmup: float, min_cycle: float
) -> tuple[float, ...] | None:
    """The inverse of `fractions_from_unit`; None where a cycle is shorter than `min_cycle`.

    >>> unit_from_fractions([0.5], warmup=0.0, min_cycle=0.05)
    (0.5,)
    """
    n = len(fractions)
    room = 1 - warmup - (n + 1) * min_cycle
    if room <= 0:
        return None
    before, units = 0.0, []
    for j, fraction in enumerate(fractions, start=1):
        position = (fraction - warmup - j * min_cycle) / room
        if not before - _ROUNDING <= position <= 1 + _ROUNDING:
            return None
        step = 0.0 if before >= 1 else (position - before) / (1 - before)
        units.append(min(max(1 - (1 - min(max(step, 0.0), 1.0)) ** (n - j + 1), 0.0), 1.0))
        before = position
    return tuple(units)
