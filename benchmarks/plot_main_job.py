"""The README's picture of a result, drawn from the record that `main_job.py` has made.

python benchmarks/plot_main_job.py docs/images/result.png
"""

from __future__ import annotations

import json
import sys
from typing import Any

import matplotlib as mpl
import numpy as np
from main_job import RECORD

from warmboot.schedule_file import reads

mpl.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {"study 0": "#d1495b", "linear": "#00798c", "cosine": "#8d99ae"}
LABELS = {"study 0": "found by the study", "linear": "linear to zero, tuned", "cosine": "cosine, tuned"}
STEPS = 600


def main() -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=(3, 2))
    draw_schedules(left, record)
    draw_losses(right, record)
    figure.tight_layout()
    figure.savefig(sys.argv[1], dpi=110)


def draw_schedules(axes: Any, record: dict[str, Any]) -> None:
    for name, label in LABELS.items():
        schedule = reads(json.dumps(record["schedule_files"][name])).schedule
        axes.plot(schedule.lr_table(STEPS), color=COLOURS[name], label=label, linewidth=2)
    axes.set(xlabel="optimizer step", ylabel="learning rate", title="the schedules")
    axes.legend(frameon=False)


def draw_losses(axes: Any, record: dict[str, Any]) -> None:
    """Every seed a dot, the mean a bar; all arms are trained on the same seeds."""
    for place, name in enumerate(LABELS):
        values = record["test_loss"][name]["values"]
        spread = np.linspace(-0.2, 0.2, len(values))
        axes.scatter(place + spread, values, s=14, color=COLOURS[name], alpha=0.7)
        axes.hlines(np.mean(values), place - 0.3, place + 0.3, color="black", linewidth=1.5)
    axes.set_xticks(range(len(LABELS)), ["found", "linear", "cosine"])
    axes.set(ylabel="test loss", title=f"{len(values)} fresh seeds each")


if __name__ == "__main__":
    main()
