"""Function proxies as a user may write them, good and bad; the host process imports them from here."""

from __future__ import annotations

import os
import sys
import time

import warmboot
from warmboot import function_proxy
from warmboot.proxies import Context
from warmboot.schedule import WarmbootSchedule

KEPT: list[int] = []


@function_proxy
def good(schedule: WarmbootSchedule, context: Context) -> None:
    """Reports where it runs, for how many runs it has lived, and the last lr."""
    KEPT.append(context.seed)
    context.report(0, val=9.0)
    lr = schedule.lr_table(context.total_steps)[-1]
    context.report(context.total_steps, val=1.0, process=os.getpid(), runs=len(KEPT), lr=lr)


@function_proxy
def obedient(schedule: WarmbootSchedule, context: Context) -> None:
    """Does what `params` says."""
    what, lr = context.params["do"], schedule.lr
    assert lr is not None
    print("doing", what)
    if what == "raise":
        raise ValueError("no data")
    if what == "exit":
        sys.exit("enough")
    if what == "crash":
        os.kill(os.getpid(), 11)
    if what == "hang":
        time.sleep(120)
    if what == "memory":
        raise MemoryError
    if what == "input":
        sys.stdin.read()
    if what == "diverge":
        context.report(0, val=1.0)
        for step in range(1, 100):
            context.report(step, val=float("nan"))
            time.sleep(0.05)
    assert warmboot.params() == {"do": what}
    if what != "nothing":
        warmboot.report(context.total_steps, val=1.0, process=os.getpid())


@function_proxy
def deaf(schedule: WarmbootSchedule, context: Context) -> None:
    """Trains as it likes."""
    context.report(0, val=9.0)
    context.report(context.total_steps, val=1.0)


@function_proxy
def attached(schedule: WarmbootSchedule, context: Context) -> None:
    """Does not use what it is called with, but asks for the lr as a script does."""
    lr = warmboot.lr(0.1, context.total_steps)
    context.report(context.total_steps, val=sum(lr(step) for step in range(context.total_steps)))


@function_proxy
def short(schedule: WarmbootSchedule, context: Context) -> None:
    """Trains six tenths."""
    context.report(context.total_steps * 6 // 10, val=schedule.factors(context.total_steps)[0])


def unmarked(schedule: WarmbootSchedule, context: Context) -> None:
    """Lacks its decorator."""


@function_proxy
def resuming(schedule: WarmbootSchedule, context: Context) -> None:
    """Crashes half-way the first time, and goes on from there the second."""
    folder = warmboot.checkpoint_dir()
    assert folder is not None
    assert folder == context.checkpoint_dir()
    began_at = 50 if (folder / "half").exists() else 0
    lr = schedule.lr
    assert lr is not None
    if began_at == 0:
        context.report(50, val=2.0, began_at=0)
        (folder / "half").touch()
        os.kill(os.getpid(), 9)
    context.report(100, val=lr, began_at=began_at)
