"""`Study`: a study in a notebook or a script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from search.cli.output_file import write_whole
from search.cli.snapshots import snapshot_json, status_lines, summary_lines
from search.errors import RunError, UsageError
from search.export.export import Choice, export, horizon_from
from search.launch.checks import resolve_device
from search.report.compact import compact_report
from search.report.page import report
from search.results.evidence import evidence_lines
from search.results.status import StudyStatus, read_status
from search.scripts.handed_function import HandedFunction
from search.session.best import Best, best_of
from search.session.found import Exported, Status, Transfer, Verdict
from search.session.progress import trainings_shown
from search.spec.permission import Permission
from search.statistics.sequential import STATED_PLAN
from search.storage.address import storage_option
from search.storage.study_record import StudyRecord
from search.transfer.transfer import TransferOptions, hold_transfer
from search.verdict.verdict import Options, hold_contest
from warmboot.schedule import WarmbootSchedule

if TYPE_CHECKING:
    import optuna


class Study:
    """A study that was launched or opened; shown in a notebook as a short form of its report.

    Every property reads the study as it is now, whoever works on it. What goes wrong raises `UsageError` (the
    request can't be carried out as given) or `RunError` (the work failed), with the words of the command
    line.
    """

    def __init__(
        self,
        record: StudyRecord,
        *,
        permission: Permission,
        function: HandedFunction | None = None,
        device: str = "auto",
        progress: bool = True,
    ) -> None:
        self._record, self._permission, self._function = record, permission, function
        self._device, self._progress = device, progress

    @property
    def name(self) -> str:
        """The study's name in its storage."""
        return self._record.name

    @property
    def optuna(self) -> optuna.Study:
        """The study of Optuna with all its trials, as `optuna.load_study` gives it."""
        return self._record.load()

    @property
    def status(self) -> Status:
        """How it stands, in the words of `warmboot status`."""
        snapshot = self._snapshot()
        lines = tuple(status_lines(snapshot, self._storage_words))
        return Status(lines, snapshot_json(snapshot), snapshot.state, snapshot.share_done)

    @property
    def best(self) -> Best:
        """The answer, and how sure that is.

        Raises:
            RunError: no trial is complete yet.
        """
        snapshot = self._with_results()
        assert snapshot.lead is not None
        return best_of(snapshot, snapshot.lead)

    def verdict(
        self,
        *,
        pairs: int | None = None,
        margin: float | None = None,
        steps: bool = False,
        baselines: dict[str, WarmbootSchedule] | None = None,
        accept_change: bool = False,
        progress: bool | None = None,
    ) -> Verdict:
        """Compare the best searched schedule with the strongest baseline, on fresh seeds and test data.

        Args:
            pairs: of trainings at most: 5, 10, 20 or 30; fewer are quicker and settle less.
            margin: differences that do not matter to you, in the objective's unit.
            steps: measure the gain in steps after any outcome, not only after a win.
            baselines: schedules of your own by name, tuned and compared as the others are.
            accept_change: train although the function or script has changed.
            progress: show how many trainings are done; None: as the study was launched.

        Raises:
            UsageError: what it trains is not here or another one; `pairs` is none of the looks.
            RunError: no trial is complete yet, or a training fails.
        """
        if pairs is not None and pairs not in STATED_PLAN.looks:
            looks = ", ".join(map(str, STATED_PLAN.looks))
            raise UsageError(f"pairs: got {pairs}; accepted are {looks}: a verdict can end only there.")
        options = Options(
            device=resolve_device(self._device),
            permission=self._permission,
            baselines={name: each.replace(lr=None) for name, each in (baselines or {}).items()},
            steps=steps,
            most_pairs=pairs,
            margin=margin,
            accept_change=accept_change,
            handed=None if self._function is None else self._function.over,
        )
        with trainings_shown(self._shows(progress)) as (say, how_far):
            result = hold_contest(self._record, options, say, how_far)
        return Verdict(tuple(result.told()), result.for_programs(), result.outcome, result.sentence)

    def transfer(
        self,
        *,
        horizons: tuple[int, ...] = (),
        pairs: int = 8,
        accept_change: bool = False,
        progress: bool | None = None,
    ) -> Transfer:
        """Measure the best searched schedule at several lengths of training.

        Args:
            horizons: in optimizer steps, three or more over a factor of 9; empty: a ninth, a third and the
                whole of the study's.
            pairs: fresh seeds at each horizon, 3 to 30.
            accept_change: train although the function or script has changed.
            progress: show how many trainings are done; None: as the study was launched.

        Raises:
            UsageError: horizons that can't be trained; what it trains is not here or another one.
            RunError: no trial is complete yet, or a training fails.
        """
        if not 3 <= pairs <= 30:
            raise UsageError(f"pairs: got {pairs}; accepted is a whole number from 3 to 30.")
        options = TransferOptions(
            device=resolve_device(self._device),
            permission=self._permission,
            horizons=tuple(horizons),
            n_pairs=pairs,
            accept_change=accept_change,
            handed=None if self._function is None else self._function.over,
        )
        with trainings_shown(self._shows(progress)) as (say, how_far):
            found = hold_transfer(self._record, options, say, how_far)
        return Transfer(tuple(found.lines()), found.to_json(), found)

    def export(
        self,
        path: str | Path | None = None,
        *,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        format: str = "json",
        trial: int | None = None,
        leader: bool = False,
        baseline: str | None = None,
        with_lr: bool | None = None,
        however_far: bool = False,
    ) -> Exported:
        """The answer for your own training, as `warmboot export` writes it.

        Args:
            path: a file to write; None writes none.
            total_steps: optimizer steps of your training.
            epochs, steps_per_epoch: or these two.
            format: json, torch, optax, ...; see the page on exports.
            trial: the schedule of this trial instead of the answer.
            leader: the best searched schedule, even if a baseline is the answer.
            baseline: the baseline of this name at its best peak lr: linear, cosine, ...
            with_lr: keep the peak lr; None: that of your own training, not that of a built-in proxy.
            however_far: extrapolate the peak lr without limit.

        Raises:
            UsageError: no such format, schedule or horizon.
            RunError: no trial is complete yet.
        """
        made = export(
            self._record,
            format=format,
            horizon=horizon_from(total_steps, epochs, steps_per_epoch),
            choice=Choice(trial=trial, leader=leader, baseline=baseline),
            with_lr=with_lr,
            however_far=however_far,
        )
        written = None if path is None else Path(path)
        if written is not None:
            write_whole(written, made.text, option="path")
        lines = evidence_lines(self._record.spec, made.candidate, made.lead)
        told = [*lines, *made.at_horizon, *([] if written is None else [f"written to {written}"])]
        return Exported(tuple(told), made.file.origin, made.text, made.file.schedule, written)

    def report(self, path: str | Path | None = None) -> Path:
        """Write all results into one HTML file; None: NAME.html here.

        Raises:
            RunError: no trial is complete yet.
        """
        snapshot = self._with_results()
        written = Path(f"{self.name}.html" if path is None else path)
        trials = self.optuna.get_trials(deepcopy=False)
        made = report(snapshot, trials, self._record.attributes.proxy, self._storage_words)
        write_whole(written, made, option="path")
        return written

    def __repr__(self) -> str:
        return "\n".join(summary_lines(self._snapshot(), self._storage_words)).strip()

    def _repr_html_(self) -> str:
        return compact_report(self._snapshot(), self._storage_words)

    def _snapshot(self) -> StudyStatus:
        return read_status(self._record, self._record.reader(), settle=True)

    def _with_results(self) -> StudyStatus:
        snapshot = self._snapshot()
        if snapshot.lead is None:
            failed = snapshot.counts.get("fail", 0)
            raise RunError(f"study {self.name!r} has no completed trial yet ({failed} failed).")
        return snapshot

    @property
    def _storage_words(self) -> tuple[str, ...]:
        return storage_option(self._record.database.url)

    def _shows(self, progress: bool | None) -> bool:
        return self._progress if progress is None else progress
