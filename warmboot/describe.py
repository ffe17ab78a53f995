"""A schedule in words."""

from warmboot.curves import Constant
from warmboot.schedule import WarmbootSchedule


def describe(schedule: WarmbootSchedule) -> str:
    """The schedule as one short line.

    >>> describe(WarmbootSchedule(warmup=0.05, restarts=[1 / 3, 2 / 3], step_scale=0.8))
    'cosine to 0, 5% warm-up, restarts at 33.3% and 66.7% each at 0.8 x the peak before'
    """
    parts = [_curve(schedule), _lr(schedule), _warmup(schedule), _restarts(schedule)]
    if schedule.hold and not isinstance(schedule.curve, Constant):
        whole = "each cycle" if schedule.restarts else "what follows warm-up"
        parts.append(f"holding the peak for {percent(schedule.hold)} of {whole}")
    return ", ".join(part for part in parts if part)


def percent(fraction: float) -> str:
    """
    >>> percent(1 / 3), percent(0.05)
    ('33.3%', '5%')
    """
    return f"{100 * fraction:.3g}%"


def _curve(schedule: WarmbootSchedule) -> str:
    if isinstance(schedule.curve, Constant):
        return "constant"
    floor = f"{percent(schedule.eta_min)} of the peak" if schedule.eta_min else "0"
    return f"{schedule.curve.describe()} to {floor}"


def _lr(schedule: WarmbootSchedule) -> str:
    return "" if schedule.lr is None else f"peak lr {schedule.lr:.4g}"


def _warmup(schedule: WarmbootSchedule) -> str:
    if schedule.warmup_steps is not None:
        return f"{schedule.warmup_steps} steps of warm-up" if schedule.warmup_steps else ""
    return f"{percent(schedule.warmup)} warm-up" if schedule.warmup else ""


def _restarts(schedule: WarmbootSchedule) -> str:
    if not schedule.restarts:
        return ""
    where = _listed([percent(restart) for restart in schedule.restarts])
    text = f"{'restart' if len(schedule.restarts) == 1 else 'restarts'} at {where}"
    if isinstance(schedule.step_scale, tuple):
        scales = _listed([f"{scale:.3g}" for scale in schedule.step_scale])
        return f"{text} at {scales} x the peak before"
    if schedule.step_scale == 1.0:
        return text
    each = "" if len(schedule.restarts) == 1 else "each "
    return f"{text} {each}at {schedule.step_scale:.3g} x the peak before"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
