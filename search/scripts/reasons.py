"""How a run can fail, in words: one line each, the same for the same cause, so that it can be counted."""

from __future__ import annotations

import signal
import traceback

from search.scripts.bounded_log import TAIL_BYTES
from search.scripts.out_of_memory import says_out_of_memory
from search.scripts.printed_errors import error_line, printed_error
from warmboot.function_host import CALLED_EXIT

NEVER_REPORTED = (
    "never reported: it ended without an error, but made no report past step 0; "
    "call warmboot.report(step, val=...), after the last step too: some trainings of a search are short"
)
TRAINED_TWICE = (
    "another process still has this training's folder for checkpoints; this one saves nothing and begins at "
    "its first step"
)
_GIVE_A_RANGE = "give a range in the study file: lr = { low = ..., high = ..., log = true }"
NEVER_ATTACHED = (
    "never attached: it ended without an error, but did not call warmboot.attach; call it in the script, or "
    f"{_GIVE_A_RANGE}"
)

_BREACHES = {
    "attach": ("never attached: ", "but nothing here has taken the trial's schedule"),
    "steps": ("but the trial's schedule was followed for",),
    "objective": ("but not the study's objective",),
    "horizon": ("but the trial's horizon is", "lies past the horizon of"),
}
"""What the search asks of a script -> words of the reasons that say it was not done, whatever the numbers."""


def breach_of_contract(reason: str) -> str | None:
    """What the script does not do that the search asks of every training; None where something else failed.

    >>> breach_of_contract(trains_without_attach(40)), breach_of_contract(time_limit(60))
    ('attach', None)
    """
    return next((name for name, words in _BREACHES.items() if any(each in reason for each in words)), None)


def time_limit(seconds: float) -> str:
    return f"time limit: it took longer than {seconds:g} s (time_limit) and was ended"


def silence_limit(seconds: float) -> str:
    return (
        f"silence limit: it neither printed nor reported anything for {seconds:g} s (silence_limit), "
        "was taken to hang, and was ended"
    )


def bad_report(problem: str) -> str:
    return f"bad report: {problem}"


def trains_without_attach(step: int) -> str:
    return (
        f"never attached: it reported step {step} and had not called warmboot.attach; call that before "
        f"training, or {_GIVE_A_RANGE}"
    )


def bad_own_lr(own_lr: float) -> str:
    return (
        f"bad lr: the lr of the optimizer's first group is {own_lr:g}, and a search starts from a finite "
        f"number above 0; make the optimizer with such an lr, or {_GIVE_A_RANGE}"
    )


def stopped_short(step: int, total_steps: int) -> str:
    return (
        f"stopped short: it ended without an error, but its last report is of step {step} and the trial "
        f"asked for {total_steps}; train all of them, count optimizer steps in what is reported, and "
        f"report once more after the last: warmboot.report({total_steps}, val=...)"
    )


def diverged_without_step_0(metric: str, step: int, value: float) -> str:
    return (
        f"diverged: {metric} is {value} at step {step}, and there is no report at step 0 to say what the "
        f"untrained model is worth; call warmboot.report(0, {metric}=...) before training"
    )


def untrained_not_finite(metric: str, value: float) -> str:
    return f"bad report: {metric} of the untrained model (step 0) is {value}; it must be a finite number"


def can_not_start(program: str, error: OSError) -> str:
    """The program or its folder is not there, or may not be used."""
    where = error.filename if isinstance(error.filename, str) else program
    return f"can't be started: {where}: {error.strerror}"


def bad_end(exit_code: int, output: str, *, oom_killed: bool) -> str:
    """A command that ended with an exit code other than 0; -n means signal n.

    >>> bad_end(1, "Traceback ...\\nValueError: no data\\n=====\\n", oom_killed=False)
    'exit code 1: ValueError: no data'
    >>> bad_end(-9, "", oom_killed=True)
    'out of memory: killed by the system (SIGKILL)'
    """
    error = printed_error(output)
    if oom_killed:
        how = " (SIGKILL)" if exit_code == -9 else ""
        return f"out of memory: killed by the system{how}"
    if error is not None and says_out_of_memory(f"{error.text}\n{output[-TAIL_BYTES:]}"):
        return f"out of memory: exit code {exit_code}: {error.line}"
    if exit_code < 0:
        return f"killed: it was ended by {_signal_name(-exit_code)}, which the search did not send"
    return f"exit code {exit_code}, no output" if error is None else f"exit code {exit_code}: {error.line}"


def raised(traceback_text: str) -> str:
    """A function that raised, or called `sys.exit`."""
    kind = "out of memory" if says_out_of_memory(traceback_text) else "raised"
    last = traceback_text.rstrip().rpartition("\n")[2]
    return f"{kind}: {last if last.startswith(CALLED_EXIT) else error_line(traceback_text)}"


def traceback_with_reason() -> str:
    """The traceback of the error that is handled at present; its last line is the error in one line."""
    text = traceback.format_exc().rstrip()
    line = error_line(text)
    return text if text.endswith(f"\n{line}") else f"{text}\n\n{line}"


def kept_output(output: str, tail: str) -> str:
    """The part of the output that is kept: its end, and an error before it."""
    error = printed_error(output)
    if error is None or error.text in tail:
        return tail
    return f"{error.text[-TAIL_BYTES:]}\n...\n{tail}"


def with_tail(reason: str, tail: str) -> str:
    """The reason as it is kept with a trial: what was printed last, then the reason as the last line."""
    reason = reason.rstrip(".") + "."
    return f"The last output:\n{tail}\n\n{reason}" if tail else reason


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
