"""The figures of a report, as plotly makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from optuna.trial import FrozenTrial, TrialState

from search.results import Contender
from search.strategy.progress import PURPOSE, SHAPE, SWEEP

BEST, STANDARD, OTHER = "#0b7285", "#e8590c", "#adb5bd"
PURPOSES = {"peak lr": "#7048e8", SHAPE: "#0b7285", "another seed": "#2b8a3e"}
HEIGHT = 380
MOST_CURVES = 40


def schedules(best: Contender, standard: Contender | None, total_steps: int) -> go.Figure:
    """The lr of each step of the best schedule, and of the best standard."""
    figure = _figure("optimizer step", "lr")
    steps = np.arange(total_steps)
    if standard is not None and standard.key != best.key:
        table = standard.schedule.lr_table(total_steps)
        name = f"best standard: {standard.describe()}"
        figure.add_scatter(x=steps, y=table, name=name, line={"color": STANDARD, "dash": "dash"})
    figure.add_scatter(
        x=steps, y=best.schedule.lr_table(total_steps), name=f"best: {best.describe()}", line={"color": BEST}
    )
    return figure


def tried(trials: Sequence[FrozenTrial], objective: str) -> go.Figure:
    """Every full run in its order, by what it was for."""
    figure = _figure("trial", objective)
    complete = [t for t in trials if t.state == TrialState.COMPLETE]
    for purpose in dict.fromkeys(t.user_attrs.get(PURPOSE, SHAPE) for t in complete):
        chosen = [t for t in complete if t.user_attrs.get(PURPOSE, SHAPE) == purpose]
        figure.add_scatter(
            x=[t.number for t in chosen],
            y=[t.value for t in chosen],
            text=[t.user_attrs.get("schedule", "") for t in chosen],
            mode="markers",
            name=purpose,
            marker={"color": PURPOSES.get(purpose, BEST), "size": 7},
        )
    return figure


def peak_lrs(trials: Sequence[FrozenTrial], objective: str) -> go.Figure:
    """Value by peak lr; the short trainings of the sweep beside the full ones."""
    figure = _figure("peak lr", objective)
    figure.update_xaxes(type="log")
    full = [t for t in trials if t.state == TrialState.COMPLETE and "lr" in t.params]
    short = [t for t in trials if t.user_attrs.get(PURPOSE) == SWEEP and t.intermediate_values]
    figure.add_scatter(
        x=[t.params["lr"] for t in full],
        y=[t.value for t in full],
        text=[t.user_attrs.get("schedule", "") for t in full],
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
    trials: Sequence[FrozenTrial], best: Contender, standard: Contender | None, objective: str
) -> go.Figure:
    """The objective on the way: the last trials, and above them those of the best and the best standard."""
    figure = _figure("optimizer step", objective)
    own = dict.fromkeys(best.trial_numbers, ("best", BEST))
    if standard is not None and standard.key != best.key:
        own |= dict.fromkeys(standard.trial_numbers, ("best standard", STANDARD))
    others = [t for t in trials if t.state == TrialState.COMPLETE and t.number not in own][-MOST_CURVES:]
    shown: set[str] = set()
    for trial in [*others, *(t for t in trials if t.number in own)]:
        run = trial.user_attrs.get("runs", [{}])[0]
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


def gains(verdict: Mapping[str, Any], direction: str) -> go.Figure:
    """The gain of each pair of the verdict, and the interval of the last look against the margin."""
    sign = 1.0 if direction == "minimize" else -1.0
    values = sign * np.subtract(verdict["standard_values"], verdict["candidate_values"])
    look, margin = verdict["looks"][-1], verdict["margin"]
    figure = _figure("pair of runs on one fresh seed", f"gain in {verdict['objective']}")
    figure.add_hrect(y0=-margin, y1=margin, fillcolor=OTHER, opacity=0.25, line_width=0)
    figure.add_hline(y=0, line={"color": "#495057", "width": 1})
    figure.add_scatter(
        x=list(range(1, len(values) + 1)), y=values, mode="markers", name="pairs", marker={"color": BEST}
    )
    if look["low"] is not None and look["high"] is not None:
        figure.add_scatter(
            x=[len(values) + 2],
            y=[look["mean"]],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [look["high"] - look["mean"]],
                "arrayminus": [look["mean"] - look["low"]],
            },
            mode="markers",
            name="mean, 95%",
            marker={"color": STANDARD, "size": 10},
        )
    return figure


def _figure(x: str, y: str) -> go.Figure:
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
