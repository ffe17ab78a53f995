"""Watching a launch: a live panel in a terminal, plain lines everywhere else."""

from __future__ import annotations

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.cli.snapshots import counts_text
from search.durations import duration_text
from search.launch.launch import LaunchView, Setting
from search.results import Contender
from search.snapshot import Snapshot
from warmboot.preview import draw

_PLAIN_EVERY_SECONDS = 5.0
_CURVE_HEIGHT = 6


def view_for(console: Console) -> LaunchView:
    """A live panel where the console is a terminal, plain lines where it is not."""
    return LiveView(console) if console.is_terminal else PlainView(console)


class PlainView:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_line_at = 0.0
        self._last_line = ""

    def begin(self, setting: Setting, snapshot: Snapshot) -> None:
        self.note(_opening_text(setting, snapshot))

    def update(self, snapshot: Snapshot, confirming: tuple[int, int] | None) -> None:
        if time.monotonic() < self._next_line_at:
            return
        self._next_line_at = time.monotonic() + _PLAIN_EVERY_SECONDS
        parts = [counts_text(snapshot), _pace_text(snapshot, confirming)]
        if snapshot.best is not None:
            parts.append(f"best {_value_text(snapshot, snapshot.best)}")
        line = "; ".join(part for part in parts if part)
        if line != self._last_line:
            self.note(line)
        self._last_line = line

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def end(self) -> None:
        pass


class LiveView:
    """A panel that is redrawn in place: progress, the best so far with its curve, pace and time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=True)

    def begin(self, setting: Setting, snapshot: Snapshot) -> None:
        self._console.print(_opening_text(setting, snapshot), markup=False)
        self._live.start()
        self.update(snapshot, None)

    def update(self, snapshot: Snapshot, confirming: tuple[int, int] | None) -> None:
        width = min(self._console.width, 100)
        self._live.update(live_panel(snapshot, confirming, width), refresh=True)

    def note(self, text: str) -> None:
        self._console.print(text, markup=False)

    def end(self) -> None:
        self._live.stop()


def live_panel(snapshot: Snapshot, confirming: tuple[int, int] | None, width: int) -> RenderableType:
    """The panel at one moment, `width` columns wide."""
    bar = ProgressBar(
        total=1.0,
        completed=snapshot.share_done,
        complete_style="cyan",
        width=None,
    )
    head = Table.grid(expand=True, padding=(0, 1))
    head.add_column(ratio=1)
    head.add_column(justify="right", no_wrap=True)
    head.add_row(bar, Text(_pace_text(snapshot, confirming)))
    body: list[RenderableType] = [head, Text(counts_text(snapshot), style="dim")]
    if snapshot.best is not None:
        body += _best(snapshot, snapshot.best, width - 16)
    else:
        body.append(Text("workers are starting: the first trials end in a few seconds"))
    return Panel(Group(*body), title=snapshot.spec.name, width=width, border_style="cyan")


def _best(snapshot: Snapshot, best: Contender, width: int) -> list[RenderableType]:
    curve = draw(best.schedule.lr_table(snapshot.spec.horizon_steps), width=width, height=_CURVE_HEIGHT)
    lines: list[RenderableType] = [
        Text(""),
        Text.assemble(("best so far  ", "bold"), _value_text(snapshot, best)),
        Text(best.describe(), style="green"),
        Text(curve, style="cyan", no_wrap=True),
    ]
    other = snapshot.other
    if other is not None and other.key != best.key:
        name = "best plain one" if other.standard else "best other one"
        lines.append(Text(f"{name}  {other.describe()}: {_value_text(snapshot, other)}", "dim"))
    return lines


def _opening_text(setting: Setting, snapshot: Snapshot) -> str:
    spec = snapshot.spec
    how = "new study" if setting.created else f"going on after {snapshot.finished} trials"
    processes = "1 process" if setting.workers == 1 else f"{setting.workers} processes"
    return (
        f"{spec.name}: {how}; {spec.limit_text}, {spec.horizon_steps} steps each on "
        f"{spec.proxy.name}, {processes} x {setting.slots} runs at once on {setting.device}"
    )


def _pace_text(snapshot: Snapshot, confirming: tuple[int, int] | None) -> str:
    if confirming is not None:
        return f"confirming the best on fresh seeds: {confirming[0]} of {confirming[1]} runs"
    if not snapshot.trials_per_second or snapshot.seconds_left is None:
        return ""
    left = duration_text(snapshot.seconds_left)
    return f"{snapshot.trials_per_second:.1f} trials/s, {left} left"


def _value_text(snapshot: Snapshot, contender: Contender) -> str:
    seeds = len(contender.values)
    return f"{snapshot.spec.objective} {contender.mean:.4f} ({seeds} seed{'s' * (seeds > 1)})"
