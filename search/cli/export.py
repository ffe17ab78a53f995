"""`warmboot export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from search.cli.options import StorageOption, address, talk
from search.cli.terminal import tell
from warmboot.exporters.targets import EXPORTERS

NAME = "export"


def command(
    name: Annotated[str, typer.Argument(help="The study.")],
    total_steps: Annotated[
        int | None, typer.Option("--total-steps", help="Optimizer steps of your own training.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Or: its epochs ...")] = None,
    steps_per_epoch: Annotated[
        int | None, typer.Option("--steps-per-epoch", help="... and optimizer steps an epoch.")
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar=f"[{'|'.join(EXPORTERS)}]",
            help="json: the schedule file; torch: a Python file that needs only torch; numbers: one per "
            "line; others: a Python file for that library.",
        ),
    ] = "json",
    trial: Annotated[int | None, typer.Option("--trial", help="This trial instead of the answer.")] = None,
    leader: Annotated[
        bool,
        typer.Option("--leader", help="The best searched schedule, even if a baseline is the answer."),
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="NAME",
            help="The baseline of that name at its best peak lr: linear, cosine, ...",
        ),
    ] = None,
    with_lr: Annotated[
        bool | None,
        typer.Option(
            "--with-lr/--without-lr",
            help="Keep the peak lr? Default: yes if your own training was searched; no for a built-in proxy, "
            "because its lr seldom suits another model.",
            show_default=False,
        ),
    ] = None,
    however_far: Annotated[
        bool,
        typer.Option(
            "--however-far",
            help="Extrapolate the peak lr without limit: also beyond 30 times the longest trained horizon "
            "and below a third of the shortest.",
        ),
    ] = False,
    max_deviation: Annotated[
        float | None,
        typer.Option(
            "--max-deviation",
            min=0.0,
            help="Largest mean deviation of a cawb export from the schedule, as a fraction of the peak lr. "
            "Default: 0.1.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file; stdout if left out.")] = None,
    storage: StorageOption = None,
) -> None:
    """Export the answer of a study.

    The best searched schedule, or the baseline that nothing beat, rescaled to your own training.

    Example: warmboot export char_lm --total-steps 15000 > schedule.json
    """
    from search.cli.output_file import write_whole
    from search.cli.snapshots import change_lines
    from search.export.export import Choice, export, horizon_from
    from search.results.evidence import evidence_lines
    from search.storage.database import open_for_reading
    from search.storage.study_change import accepted_changes
    from search.storage.study_record import find_study

    horizon = horizon_from(total_steps, epochs, steps_per_epoch)
    record = find_study(open_for_reading(address(storage)), name)
    made = export(
        record,
        format=format,
        horizon=horizon,
        choice=Choice(trial=trial, leader=leader, baseline=baseline),
        with_lr=with_lr,
        however_far=however_far,
        max_deviation=max_deviation,
    )
    if output is None:
        sys.stdout.write(made.text)
        sys.stdout.flush()
    else:
        write_whole(output, made.text)
    console = talk()
    for line in evidence_lines(record.spec, made.candidate, made.lead):
        tell(console, line)
    for line in change_lines(accepted_changes(record.attributes)):
        tell(console, line)
    for i, line in enumerate(made.at_horizon):
        tell(console, f"{'' if i else 'horizon':10s}{line}")
    if made.deviation is not None:
        tell(console, f"deviation {made.deviation}")
    if made.optunas_best is not None and trial is None and baseline is None:
        tell(
            console,
            f"note      Optuna's best trial is {made.optunas_best}, by a single run; here all runs together "
            "decide.",
        )
    if output is not None:
        tell(console, f"written to {output}")
