"""The first shapes of a study: shapes that are known to do well, and baselines.

Linear to zero comes first, since its sweep gives the others their peak lr. Then shapes that did well
elsewhere (a slower or a faster fall, a small floor, a short warm-up; compare Naganuma et al., arXiv
2603.10301, and Defazio et al., arXiv 2310.07831) and the standards take turns. Only what lies inside the
study's space is tried.
"""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.baseline_schedules import baselines
from warmboot.curves import Polynomial
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange, Space

KNOWN = (
    "linear_warmup",
    "linear",
    "cosine_floor",
    WarmbootSchedule(curve="linear", eta_min=0.05),
    WarmbootSchedule(curve=Polynomial(power=0.8)),
    "cosine",
    WarmbootSchedule(curve=Polynomial(power=1.2), eta_min=0.05, hold=0.1),
    "wsd",
    WarmbootSchedule(curve="linear", eta_min=0.05, warmup=0.03),
    "cosine_warmup",
    "rex",
    "one_cycle",
    "sgdr",
    "constant",
)


def portfolio(space: Space, earlier: Sequence[WarmbootSchedule] = ()) -> list[WarmbootSchedule]:
    """The shapes inside `space`, without an lr, in the order in which they are tried.

    Args:
        space: the study's.
        earlier: what did best in earlier studies; it comes right after the first shape.

    >>> space = Space(lr=FloatRange(low=0.1, high=1.0), curve=("linear", "cosine"))
    >>> [shape.describe() for shape in portfolio(space)]
    ['linear to 0', 'cosine to 0']
    """
    everybody_knows = baselines()
    known = [everybody_knows[entry] if isinstance(entry, str) else entry for entry in KNOWN]
    inside = [shape for shape in known if _inside(space, shape)]
    welcome = [shape for shape in earlier if _inside(space, shape)]
    return list(dict.fromkeys([*inside[:1], *welcome, *inside[1:]]))


def _inside(space: Space, shape: WarmbootSchedule) -> bool:
    lr = space.lr.low if isinstance(space.lr, FloatRange) else space.lr
    return space.params_of(shape.replace(lr=lr)) is not None
