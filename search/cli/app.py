"""The `warmboot` command: its subcommands, and the one place where errors become exit codes."""

from __future__ import annotations

import functools
import io
import os
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn, TextIO

import typer

from search.cli import (
    copy,
    dashboard,
    data,
    delete,
    doctor,
    export,
    extend,
    launch,
    logs,
    migrate,
    plan,
    preview,
    priority,
    report,
    reset,
    status,
    stop,
    transfer,
    verdict,
    worker,
)
from search.cli.options import talk
from search.cli.terminal import tell
from search.errors import RunError, UsageError
from search.processes.ending_signals import ending_signals
from warmboot.errors import ScheduleError
from warmboot.extras import extra_of, missing_text

EXIT_FAILED, EXIT_USAGE = 1, 2

app = typer.Typer(
    name="warmboot",
    help="Find the learning-rate schedule your training needs, and export it as a file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_SEARCHING = (launch, plan, worker, status, logs, stop, priority)
_AFTERWARDS = (verdict, transfer, extend, report, export, dashboard, preview)
_KEEPING = (data, doctor, copy, reset, delete, migrate)
for module in (*_SEARCHING, *_AFTERWARDS, *_KEEPING):
    app.command(name=module.NAME)(module.command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"warmboot {version('warmboot')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """The options of `warmboot` itself; `run` takes `--debug` wherever it stands."""


class _Ended(BaseException):
    """A signal asked this process to end; unwinds everything, so that trials are handed back."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code


def run() -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 128 + n ended by signal n.

    So Ctrl-C gives 130, SIGTERM 143, and a terminal that is closed (SIGHUP) 129.
    """
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    terminals = [number for number in (1, 2) if os.isatty(number)]
    for stream in (sys.stdout, sys.stderr):
        make_readable(stream)
    for number in (signal.SIGINT, *ending_signals()):
        signal.signal(number, functools.partial(_end, terminals))
    raise SystemExit(_exit_code(arguments, debug))


def make_readable(stream: TextIO) -> None:
    """Write UTF-8 into pipes and files, whatever the encoding of the terminal; in a terminal, replace the
    characters it cannot show, so that no text ends a command with an error."""
    if isinstance(stream, io.TextIOWrapper):
        if stream.isatty():
            stream.reconfigure(errors="replace")
        else:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _exit_code(arguments: list[str], debug: bool) -> int:
    try:
        code = _code_of_app(arguments)
        sys.stdout.flush()
        return code
    except _Ended as end:
        return end.exit_code
    except BrokenPipeError:
        # The reader of a pipe has seen enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        return _report(error)


def _code_of_app(arguments: list[str]) -> int:
    try:
        app(arguments, prog_name="warmboot")
    except SystemExit as end:  # typer's own way out, after a mistake on the command line too
        if isinstance(end.__context__, BrokenPipeError):  # which typer takes for a failure
            raise end.__context__ from None
        return end.code if isinstance(end.code, int) else 0
    return 0


def _report(error: Exception) -> int:
    if isinstance(error, UsageError | ScheduleError):
        code, text = EXIT_USAGE, str(error)
    elif isinstance(error, RunError):
        code, text = EXIT_FAILED, str(error)
    elif isinstance(error, ImportError) and extra_of(error) is not None:
        code, text = EXIT_USAGE, missing_text(error, "this")
    elif isinstance(error, OSError):
        code, text = EXIT_FAILED, f"{error.filename or 'system'}: {error.strerror or error}"
    else:
        code = EXIT_FAILED
        text = f"unexpected {type(error).__name__}: {error}\nShow where with: warmboot --debug ..."
    tell(talk(), f"warmboot: {text}")
    return code


def _end(terminals: list[int], number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGHUP:  # the terminal is gone: what is said from here on would fail
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for terminal in terminals:
            os.dup2(nowhere, terminal)
    raise _Ended(128 + number)
