"""Hypothesis strategies for schedules and what goes with them, in one place."""

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from warmboot.curves import Constant, Cosine, Curve, Linear, OneMinusSqrt, Polynomial, Rex
from warmboot.errors import ScheduleError
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_record import Horizon, ScheduleFile


def fractions(*, exclude_one: bool = True) -> st.SearchStrategy[float]:
    return st.floats(0.0, 1.0, exclude_max=exclude_one, allow_subnormal=False)


def curves() -> st.SearchStrategy[Curve]:
    plain: list[Curve] = [Cosine(), Linear(), OneMinusSqrt(), Rex(), Constant()]
    powers = st.floats(0.01, 100.0)
    return st.sampled_from(plain) | st.builds(Polynomial, power=powers)


@st.composite
def schedules(draw: st.DrawFn) -> WarmbootSchedule:
    """Any valid schedule, now and then with rising peaks or an absolute warm-up."""
    fields: dict[str, Any] = {}
    if draw(st.booleans()):
        fields["warmup_steps"] = draw(st.integers(0, 50))
        low = 0.0
    else:
        low = fields["warmup"] = draw(st.floats(0.0, 0.99, allow_subnormal=False))
    inside = st.floats(low, 1.0, exclude_min=True, exclude_max=True)
    restarts = sorted(draw(st.lists(inside, max_size=4, unique=True)))
    rising = draw(st.booleans())
    scales = st.floats(0.01, 3.0 if rising else 1.0)
    each = st.lists(scales, min_size=len(restarts), max_size=len(restarts))
    return WarmbootSchedule(
        **fields,
        lr=draw(st.none() | st.floats(1e-8, 1e3)),
        restarts=restarts,
        step_scale=draw(scales | each),
        hold=draw(fractions()),
        eta_min=draw(fractions(exclude_one=False)),
        curve=draw(curves()),
        allow_rising=rising,
    )


@st.composite
def laid_out(draw: st.DrawFn, longest: int = 400) -> tuple[WarmbootSchedule, int]:
    """A schedule and a horizon in steps that has room for it."""
    schedule, total_steps = draw(schedules()), draw(st.integers(1, longest))
    try:
        schedule.layout(total_steps)
    except ScheduleError:
        assume(False)
    return schedule, total_steps


def origins() -> st.SearchStrategy[dict[str, Any]]:
    """Any JSON object."""
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    floats = st.floats(allow_nan=False, allow_infinity=False)
    scalars = st.none() | st.booleans() | st.integers() | floats | text
    values = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=6,
    )
    return st.dictionaries(text, values, max_size=4)


@st.composite
def schedule_files(draw: st.DrawFn) -> ScheduleFile:
    schedule, total_steps = draw(laid_out())
    horizons = [None, Horizon(total_steps), Horizon(total_steps, epochs=1)]
    horizons.append(Horizon(total_steps, epochs=total_steps, steps_per_epoch=1))
    return ScheduleFile(schedule, draw(st.sampled_from(horizons)), draw(origins()))
