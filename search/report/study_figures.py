"""Figures of a whole study: who leads, which peak lr suits which shape, what the budget has bought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from search.direction import Direction, sign_of
from search.report.figures import BEST, OTHER, SEARCHED, STANDARD, new_figure, shown_values
from search.results.candidate import Candidate
from search.results.headline import baseline_name
from search.runs.trial_attributes import BASELINE, PURPOSE, SWEEP
from search.spec.budget import steps_of
from warmboot.schedule import WarmbootSchedule

MOST_STEPS_DRAWN = 160
"""Of one schedule, the ends of its cycles besides."""
MOST_POINTS = 400
"""Trials that are drawn: the best, and of the others a part that is even over the study."""
DASHES = ("solid", "dot", "dashdot", "longdash", "longdashdot")
SHAPE_COLOURS = ("#7048e8", "#2b8a3e", "#c2255c", "#5c940d", "#862e9c", "#087f5b")


def leaders(first: Sequence[Candidate], baseline: Candidate | None, total_steps: int) -> go.Figure:
    """The lr of each of the leading schedules, the best in front, over that of the best baseline."""
    figure = new_figure("optimizer step", "lr")
    if baseline is not None:
        steps, lrs = _drawn(baseline.schedule, total_steps)
        name = f"baseline: {short(baseline)}"
        figure.add_scatter(x=steps, y=lrs, name=name, line={"color": STANDARD, "width": 3})
    others = [each for each in first if baseline is None or each.key != baseline.key]
    for rank, candidate in reversed(list(enumerate(others, start=1))):
        steps, lrs = _drawn(candidate.schedule, total_steps)
        line = {"color": BEST if rank == 1 else OTHER, "width": 3 if rank == 1 else 1.5}
        line |= {"dash": DASHES[(rank - 1) % len(DASHES)]}
        figure.add_scatter(x=steps, y=lrs, name=f"{rank}: {short(candidate)}", line=line)
    figure.update_layout(legend={"traceorder": "reversed"})
    return figure


def peak_lrs_by_shape(trials: Sequence[FrozenTrial], objective: str, direction: Direction) -> go.Figure:
    """Value by peak lr: a line for each baseline, through the mean of its runs, and the searched ones."""
    figure = new_figure("peak lr", objective)
    figure.update_xaxes(type="log")
    full = [t for t in trials if t.state == TrialState.COMPLETE and "lr" in t.params]
    searched = [t for t in full if BASELINE not in t.user_attrs]
    for name, some in (
        ("searched, no restart", [t for t in searched if not t.params.get("n_restarts")]),
        ("searched, with restarts", [t for t in searched if t.params.get("n_restarts")]),
    ):
        kept = thinned(some, direction)
        symbol = {"color": SEARCHED, "symbol": "circle" if "no" in name else "diamond-open", "size": 7}
        if kept:
            figure.add_scatter(
                x=[t.params["lr"] for t in kept],
                y=[t.value for t in kept],
                text=[f"trial {t.number}" for t in kept],
                mode="markers",
                name=name,
                marker=symbol,
            )
    for (name, points), colour in zip(_baseline_points(full).items(), SHAPE_COLOURS * 3, strict=False):
        lrs = sorted(points)
        means = [float(np.mean(points[lr])) for lr in lrs]
        figure.add_scatter(
            x=lrs, y=means, mode="lines+markers", name=name, line={"color": colour, "width": 1}
        )
    return _on_scale(figure, trials)


def over_budget(
    trials: Sequence[FrozenTrial],
    *,
    objective: str,
    direction: Direction,
    total_steps: int,
    noise_sd: float | None,
) -> go.Figure:
    """Value of each full run over the share of the training done so far, and the best run until then.

    The band is one standard deviation between seeds to either side of the best: what lies in it may be luck.

    Args:
        trials: all of the study.
        objective: its name.
        direction: of the objective.
        total_steps: the study's horizon.
        noise_sd: standard deviation between seeds; None where it is not known.
    """
    figure = new_figure("share of the training done so far, %", objective)
    ended = sorted((t for t in trials if t.datetime_complete is not None), key=_end)
    if not ended:
        return figure
    trained = list(accumulate(steps_of(trial, total_steps) for trial in ended))
    shares = [100.0 * steps / max(1, trained[-1]) for steps in trained]
    share_of = dict(zip((t.number for t in ended), shares, strict=True))
    full = [t for t in ended if t.state == TrialState.COMPLETE and t.value is not None]
    kept = thinned(full, direction)
    figure.add_scatter(
        x=[share_of[t.number] for t in kept],
        y=[t.value for t in kept],
        text=[f"trial {t.number}" for t in kept],
        mode="markers",
        name="full runs",
        marker={"color": OTHER, "size": 6},
    )
    best = _bests(full, direction)
    if best and noise_sd:
        value = float(best[-1].value or 0.0)
        figure.add_hrect(
            y0=value - noise_sd,
            y1=value + noise_sd,
            fillcolor=BEST,
            opacity=0.15,
            line_width=0,
            annotation={"text": "one sd between seeds", "font": {"color": BEST}},
            annotation_position="top right",
        )
    figure.add_scatter(
        x=[*(share_of[t.number] for t in best), 100.0],
        y=[*(t.value for t in best), *(t.value for t in best[-1:])],
        name="best run so far",
        line={"color": BEST, "shape": "hv"},
    )
    return _on_scale(figure, trials)


def short(candidate: Candidate) -> str:
    """A name that fits a legend: of the baseline that it is, or the first trial that proposed it."""
    if candidate.standard is not None:
        return f"{baseline_name(candidate)}, peak {candidate.schedule.lr:.3g}"
    return f"trial {candidate.trial_numbers[0]}, peak {candidate.schedule.lr:.3g}"


def thinned(trials: Sequence[FrozenTrial], direction: Direction) -> list[FrozenTrial]:
    """At most `MOST_POINTS` of complete trials, the best half of them for certain."""
    if len(trials) <= MOST_POINTS:
        return list(trials)
    sign = sign_of(direction)
    best = sorted(trials, key=lambda t: sign * float(t.value or 0.0))[: MOST_POINTS // 2]
    numbers = {t.number for t in best}
    others = [t for t in trials if t.number not in numbers]
    even = np.linspace(0, len(others) - 1, MOST_POINTS // 2).round().astype(int)
    numbers |= {others[i].number for i in even}
    return [t for t in trials if t.number in numbers]


def _drawn(schedule: WarmbootSchedule, total_steps: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Steps, the ends of each cycle among them, and their lrs."""
    layout = schedule.layout(total_steps)
    edges = [edge for cycle in layout.cycles for edge in (cycle.start, cycle.end - 1)]
    even = np.linspace(0, total_steps - 1, min(total_steps, MOST_STEPS_DRAWN)).round().astype(int)
    steps = np.unique([*even, *edges])
    return steps, schedule.lr_table(total_steps)[steps]


def _baseline_points(full: Iterable[FrozenTrial]) -> dict[str, dict[float, list[float]]]:
    """Baseline -> peak lr -> values."""
    found: dict[str, dict[float, list[float]]] = {}
    for trial in full:
        name = trial.user_attrs.get(BASELINE)
        if name is not None and trial.user_attrs.get(PURPOSE) != SWEEP:
            points = found.setdefault(str(name), defaultdict(list))
            points[float(trial.params["lr"])].append(float(trial.value or 0.0))
    return found


def _bests(full: Sequence[FrozenTrial], direction: Direction) -> list[FrozenTrial]:
    """The runs that were better than all before them."""
    sign, found = sign_of(direction), list[FrozenTrial]()
    for trial in full:
        if not found or sign * float(trial.value or 0.0) < sign * float(found[-1].value or 0.0):
            found.append(trial)
    return found


def _on_scale(figure: go.Figure, trials: Sequence[FrozenTrial]) -> go.Figure:
    """On the scale that all pictures of values have."""
    shown = shown_values(trials)
    if shown is not None:
        figure.update_yaxes(range=list(shown))
    return figure


def _end(trial: FrozenTrial) -> tuple[float, int]:
    assert trial.datetime_complete is not None, "it has ended"
    return trial.datetime_complete.timestamp(), trial.number
