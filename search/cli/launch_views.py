"""Watching a launch: a live panel in a terminal, plain lines everywhere else."""

from __future__ import annotations

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.cli.best_so_far import BestSoFar
from search.cli.drawn_on import DrawnOn, undisturbed
from search.cli.how_far import EVERY_SECONDS, can_be_drawn_on
from search.cli.snapshots import training_lines
from search.cli.terminal import tell
from search.launch.launch import LaunchView, Setting
from search.launch.placement import processes_text
from search.results.candidate import Candidate
from search.results.progress_text import confirming_text, counts_text, pace_text
from search.results.status import StudyStatus
from warmboot.preview import draw

_CURVE_HEIGHT = 6


def view_for(console: Console) -> LaunchView:
    """A live panel where the console is a terminal that can be drawn on, plain lines where it is not."""
    return LiveView(console) if can_be_drawn_on(console) else PlainView(console)


class PlainView:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, console: Console, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._console, self._every_seconds = console, every_seconds
        self._next_line_at = 0.0
        self._last_line = ""
        self._best_so_far = BestSoFar()
        self._why_said = ""

    def begin(self, setting: Setting, snapshot: StudyStatus) -> None:
        self.note(_opening_text(setting, snapshot))

    def update(self, snapshot: StudyStatus, confirming: tuple[int, int] | None) -> None:
        if time.monotonic() < self._next_line_at:
            return
        self._next_line_at = time.monotonic() + self._every_seconds
        parts = [counts_text(snapshot), *training_lines(snapshot), _pace_text(snapshot, confirming)]
        if snapshot.best is not None:
            parts.append(f"best {_value_text(snapshot, snapshot.best)}{self._why(snapshot)}")
        line = "; ".join(part for part in parts if part)
        if line != self._last_line:
            self.note(line)
        self._last_line = line

    def note(self, text: str) -> None:
        tell(self._console, text)

    def end(self) -> None:
        pass

    def _why(self, snapshot: StudyStatus) -> str:
        """Why it has become worse, said once."""
        why = self._best_so_far.why_worse(snapshot)
        said, self._why_said = self._why_said, why
        return f", {why}" if why and why != said else ""


class LiveView:
    """A panel that is redrawn in place: progress, the best so far with its curve, pace and time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._terminal = DrawnOn(console.file)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._best_so_far = BestSoFar()

    def begin(self, setting: Setting, snapshot: StudyStatus) -> None:
        self.note(_opening_text(setting, snapshot))
        self._terminal.begin()
        with undisturbed():
            self._live.start()
        self.update(snapshot, None)

    def update(self, snapshot: StudyStatus, confirming: tuple[int, int] | None) -> None:
        width = min(self._console.width - 1, 100)  # after a full line a terminal is between two lines
        why_worse = self._best_so_far.why_worse(snapshot)
        panel = live_panel(snapshot, confirming, width, why_worse)
        with undisturbed():
            self._live.update(panel, refresh=True)

    def note(self, text: str) -> None:
        with undisturbed():
            tell(self._console, text)

    def end(self) -> None:
        with undisturbed():
            self._live.stop()
            self._terminal.end()


def live_panel(
    snapshot: StudyStatus, confirming: tuple[int, int] | None, width: int, why_worse: str = ""
) -> RenderableType:
    """The panel at one moment, `width` columns wide; `why_worse`: than the best was before."""
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
    body += [Text(line) for line in training_lines(snapshot)]
    if snapshot.best is not None:
        body += _best(snapshot, snapshot.best, width - 16, why_worse)
    elif not snapshot.finished:
        body.append(Text("the first trials train" if snapshot.running else "workers are starting"))
    return Panel(Group(*body), title=snapshot.spec.name, width=width, border_style="cyan")


def _best(snapshot: StudyStatus, best: Candidate, width: int, why_worse: str) -> list[RenderableType]:
    curve = draw(best.schedule.lr_table(snapshot.spec.horizon_steps), width=width, height=_CURVE_HEIGHT)
    lines: list[RenderableType] = [
        Text(""),
        Text.assemble(("best so far  ", "bold"), _value_text(snapshot, best)),
        *([Text(why_worse, "dim")] if why_worse else []),
        Text(best.describe(), style="green"),
        Text(curve, style="cyan", no_wrap=True),
    ]
    other = snapshot.other
    if other is not None:
        name = "best baseline" if other.standard else "best other one"
        lines.append(Text(f"{name}  {other.describe()}: {_value_text(snapshot, other)}", "dim"))
    return lines


def _opening_text(setting: Setting, snapshot: StudyStatus) -> str:
    spec = snapshot.spec
    how = "new study" if setting.created else f"resuming after {snapshot.finished} trials"
    processes = processes_text(setting.workers, setting.slots, together=setting.together)
    return (
        f"{spec.name}: {how}; {spec.limit_text}, {spec.horizon_steps} steps each on "
        f"{spec.proxy.name}, {processes} on {setting.device}"
    )


def _pace_text(snapshot: StudyStatus, confirming: tuple[int, int] | None) -> str:
    if confirming is not None:
        return confirming_text(confirming)
    return pace_text(snapshot)


def _value_text(snapshot: StudyStatus, candidate: Candidate) -> str:
    seeds = len(candidate.values)
    return f"{snapshot.spec.objective} {candidate.mean:#.4g} ({seeds} seed{'s' * (seeds > 1)})"
