"""`DownloadBar`: how far a file has come: a moving bar in a terminal, else a line when it is here."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from search.cli.terminal import tell


class DownloadBar:
    """A `search.proxies.fetching.Bar`."""

    def __init__(self, name: str, console: Console) -> None:
        self.total = 0
        self._name, self._console = name, console
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._progress.add_task(name, total=None)
        self._done = 0

    def update(self, n: int, /) -> None:
        self._progress.start()  # which a second time changes nothing
        self._done = min(self._done + n, self.total) if self.total else self._done + n
        self._progress.update(self._task, completed=self._done, total=self.total or None)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        self.stop()
        if not self._console.is_terminal:
            tell(self._console, f"{self._name}: {self._done / 1e6:.1f} MB")

    def stop(self) -> None:
        self._progress.stop()
