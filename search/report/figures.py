"""The figures of a report, as plotly makes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from search.direction import Direction, sign_of
from search.report.pictures import ANSWER, COMPARED
from search.results.candidate import Candidate
from search.results.transfer import ShapeTrend, TransferResult
from search.results.verdict import VerdictResult
from search.runs.trial_attributes import PURPOSE, RUNS, SCHEDULE, SHAPE, SWEEP, kept
from search.statistics.intervals import Interval
from search.statistics.log_trend import FARTHEST

BEST, STANDARD, SEARCHED, OTHER = ANSWER, COMPARED, "#1971c2", "#868e96"
PURPOSES = {"peak lr": "#845ef7", SHAPE: SEARCHED, "another seed": "#37b24d"}
HEIGHT = 380
MOST_CURVES = 40
MOST_OUTLIERS = 8
"""With fewer trials every one is shown."""
FAR_OFF = 4.0
"""Times the spread of the others, beyond which a value does not set the scale."""
COLOURS = (BEST, STANDARD, "#c2255c")


def tried(trials: Sequence[FrozenTrial], objective: str) -> go.Figure:
    """Every full run in its order, by what it was for."""
    figure = new_figure("trial", objective)
    complete = [t for t in trials if t.state == TrialState.COMPLETE]
    for purpose in dict.fromkeys(t.user_attrs.get(PURPOSE, SHAPE) for t in complete):
        chosen = [t for t in complete if t.user_attrs.get(PURPOSE, SHAPE) == purpose]
        figure.add_scatter(
            x=[t.number for t in chosen],
            y=[t.value for t in chosen],
            text=[t.user_attrs.get(SCHEDULE, "") for t in chosen],
            mode="markers",
            name=purpose,
            marker={"color": PURPOSES.get(purpose, BEST), "size": 7},
        )
    return figure


def peak_lrs(trials: Sequence[FrozenTrial], objective: str) -> go.Figure:
    """Value by peak lr; the short trainings of the sweep beside the full ones."""
    figure = new_figure("peak lr", objective)
    figure.update_xaxes(type="log")
    full = [t for t in trials if t.state == TrialState.COMPLETE and "lr" in t.params]
    short = [t for t in trials if t.user_attrs.get(PURPOSE) == SWEEP and t.intermediate_values]
    figure.add_scatter(
        x=[t.params["lr"] for t in full],
        y=[t.value for t in full],
        text=[t.user_attrs.get(SCHEDULE, "") for t in full],
        mode="markers",
        name="full runs",
        marker={"color": BEST, "size": 7},
    )
    figure.add_scatter(
        x=[t.params["lr"] for t in short],
        y=[t.intermediate_values[max(t.intermediate_values)] for t in short],
        mode="markers",
        name="short trainings to find the peak lr",
        marker={"color": OTHER, "symbol": "x", "size": 9},
    )
    return figure


def learning_curves(
    trials: Sequence[FrozenTrial], best: Candidate, other: Candidate | None, objective: str
) -> go.Figure:
    """The objective on the way: the last trials, and above them those of the answer and its opponent."""
    figure = new_figure("optimizer step", objective)
    own = dict.fromkeys(best.trial_numbers, ("answer", BEST))
    if other is not None:
        own |= dict.fromkeys(other.trial_numbers, ("compared with", STANDARD))
    others = [t for t in trials if t.state == TrialState.COMPLETE and t.number not in own][-MOST_CURVES:]
    shown: set[str] = set()
    for trial in [*others, *(t for t in trials if t.number in own)]:
        run = kept(trial, RUNS, [{}])[0]
        if objective not in run:
            continue
        name, colour = own.get(trial.number, ("others", OTHER))
        figure.add_scatter(
            x=run["step"],
            y=run[objective],
            name=name,
            legendgroup=name,
            showlegend=name not in shown,
            text=f"trial {trial.number}",
            line={"color": colour, "width": 1 if name == "others" else 2},
            opacity=0.4 if name == "others" else 1.0,
        )
        shown.add(name)
    return figure


def gains(verdict: VerdictResult, direction: Direction) -> go.Figure:
    """The gain of each pair of the verdict, and the interval of the last look against the margin."""
    sign = sign_of(direction)
    values = sign * np.subtract(verdict.standard_values, verdict.candidate_values)
    look, margin = verdict.looks[-1], verdict.margin
    figure = new_figure("pair of runs on one fresh seed", f"gain in {verdict.objective}")
    figure.add_hrect(
        y0=-margin,
        y1=margin,
        fillcolor=OTHER,
        opacity=0.25,
        line_width=0,
        annotation_text="a mean in here is as good",
        annotation_position="bottom right",
    )
    figure.add_hline(y=0, line={"color": "#495057", "width": 1})
    figure.add_scatter(
        x=list(range(1, len(values) + 1)), y=values, mode="markers", name="pairs", marker={"color": BEST}
    )
    if math.isfinite(look.interval.half_width):
        figure.add_scatter(
            x=[len(values) + 2],
            y=[look.mean],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [look.high - look.mean],
                "arrayminus": [look.mean - look.low],
            },
            mode="markers",
            name="mean, 95%",
            marker={"color": STANDARD, "size": 10},
        )
    return figure


def lrs_over_horizons(found: TransferResult) -> go.Figure:
    """Each shape's best peak lr at each horizon, and the power law through them."""
    figure = new_figure("optimizer steps", "best peak lr")
    figure.update_xaxes(type="log")
    figure.update_yaxes(type="log")
    steps = _reach(found)
    for side, colour in zip(_sides(found), COLOURS, strict=False):
        predicted = [side.law.predict(int(n), however_far=True) for n in steps]
        _band(figure, steps, [interval for _, interval in predicted], colour)
        figure.add_scatter(x=steps, y=[lr for lr, _ in predicted], line={"color": colour}, showlegend=False)
        figure.add_scatter(
            x=found.horizons, y=side.lrs, mode="markers", name=side.name, marker={"color": colour, "size": 9}
        )
    return figure


def gains_over_horizons(found: TransferResult) -> go.Figure:
    """The gain over each standard at each horizon, and the line through it."""
    figure = new_figure("optimizer steps", f"gain in {found.objective}")
    figure.update_xaxes(type="log")
    figure.add_hline(y=0, line={"color": "#495057", "width": 1})
    steps = _reach(found)
    for against, colour in zip(found.standards, COLOURS[1:], strict=False):
        predicted = [against.margin.trend.at(int(n)) for n in steps]
        _band(figure, steps, [interval for _, interval in predicted], colour)
        measured = against.margin.measured
        figure.add_scatter(
            x=list(measured),
            y=[gain for gain, _ in measured.values()],
            error_y={
                "type": "data",
                "array": [interval.half_width for _, interval in measured.values()],
            },
            mode="markers",
            name=f"over {against.side.name}",
            marker={"color": colour, "size": 9},
        )
    return figure


def shown_values(trials: Sequence[FrozenTrial]) -> tuple[float, float] | None:
    """The range of values that tells the good trials apart, for all pictures of values; None: all of them.

    The worst, as of a peak lr that is too high, would press the others onto a line.
    """
    values = [t.value for t in trials if t.state == TrialState.COMPLETE and t.value is not None]
    if len(values) < MOST_OUTLIERS:
        return None
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    reach = FAR_OFF * max(high - middle, middle - low)
    if not reach or (max(values) <= high + reach and min(values) >= low - reach):
        return None
    inside = [value for value in values if low - reach <= value <= high + reach]
    margin = 0.05 * (max(inside) - min(inside))
    return min(inside) - margin, max(inside) + margin


def _sides(found: TransferResult) -> list[ShapeTrend]:
    return [found.leader, *(against.side for against in found.standards)]


def _reach(found: TransferResult) -> NDArray[np.float64]:
    return np.geomspace(found.horizons[0], FARTHEST * found.horizons[-1], 40).round()


def _band(figure: go.Figure, steps: NDArray[np.float64], intervals: Sequence[Interval], colour: str) -> None:
    low, high = [i.low for i in intervals], [i.high for i in intervals]
    figure.add_scatter(
        x=[*steps, *steps[::-1]],
        y=[*high, *low[::-1]],
        fill="toself",
        fillcolor=colour,
        opacity=0.15,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
    )


def new_figure(x: str, y: str) -> go.Figure:
    """An empty figure with the titles of its axes."""
    figure = go.Figure()
    figure.update_layout(
        template="plotly_white",
        height=HEIGHT,
        margin={"l": 60, "r": 20, "t": 20, "b": 50},
        legend={"orientation": "h", "y": -0.2},
    )
    figure.update_xaxes(title=x)
    figure.update_yaxes(title=y)
    return figure
