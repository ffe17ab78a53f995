"""How a run can fail, in words: one line each, the same for the same cause, so that it can be counted."""

from __future__ import annotations

import signal

from search.scripts.out_of_memory import says_out_of_memory

NEVER_REPORTED = (
    "never reported: it ended without an error, but made no report past step 0; "
    "call warmboot.report(step, val=...)"
)
_GIVE_A_RANGE = "give a range in the study file: lr = { low = ..., high = ..., log = true }"
NEVER_ATTACHED = (
    "never attached: it ended without an error, but did not call warmboot.attach; call it in the script, or "
    f"{_GIVE_A_RANGE}"
)
_LONGEST_LINE = 300


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


def bad_end(exit_code: int, tail: str, *, oom_killed: bool) -> str:
    """A command that ended with an exit code other than 0; -n means signal n.

    >>> bad_end(1, "Traceback ...\\nValueError: no data", oom_killed=False)
    'exit code 1: ValueError: no data'
    >>> bad_end(-9, "", oom_killed=True)
    'out of memory: the system killed it (SIGKILL) for want of memory'
    """
    last = last_line(tail)
    if oom_killed:
        how = " (SIGKILL)" if exit_code == -9 else ""
        return f"out of memory: the system killed it{how} for want of memory"
    if says_out_of_memory(tail):
        return f"out of memory: exit code {exit_code}: {last}"
    if exit_code < 0:
        return f"killed: it was ended by {_signal_name(-exit_code)}, which the search did not send"
    return f"exit code {exit_code}: {last}" if last else f"exit code {exit_code}, without a word"


def with_tail(reason: str, tail: str) -> str:
    """The reason as it is kept with a trial: what was printed last, then the reason as the last line."""
    reason = reason.rstrip(".") + "."
    return f"The last output:\n{tail}\n\n{reason}" if tail else reason


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip()[:_LONGEST_LINE] if lines else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
