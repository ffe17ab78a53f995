"""What `WarmbootLR` says of its use, each at most once: the sentences, and what they are made of."""

from collections.abc import Sequence

from warmboot.lr_trace import OtherLr, close

WRONG_ORDER = (
    "step() was called before the first optimizer.step(): the first lr of the schedule was not trained with, "
    "and it ends a step early. Call optimizer.step() first, then the scheduler's step(). If a GradScaler "
    "skipped the optimizer's first step, all is well."
)


def past_end(step: int, total_steps: int) -> str:
    """The schedule is over and the training is not."""
    return (
        f"step {step} is past the end of its schedule (total_steps={total_steps}); the last lr is held from "
        "here on. Give the horizon that you train for as total_steps, and step once for each optimizer step."
    )


def drifted(what_happened: str) -> str:
    """The scheduler steps more often than its optimizer."""
    return (
        f"{what_happened}. Step it once after each optimizer.step(): not for each accumulated micro-batch, "
        "not once for each process, and not where a GradScaler skipped the optimizer's step. If total_steps "
        "counts the scheduler's steps on purpose, all is well."
    )


def peak_of_nobody(lr: float, initial_lrs: Sequence[float]) -> str | None:
    """The schedule has an lr that no group has; None where one has it."""
    if any(close(one, lr) for one in initial_lrs):
        return None
    return (
        f"the schedule was made for a peak lr of {lr:g}, but no group of the optimizer has it (their lrs: "
        f"{_list(initial_lrs)}). The groups' own lrs are used; build the optimizer with lr=schedule.lr to "
        "use its."
    )


def begun_at_another_lr(other: OtherLr) -> str:
    """A group came with an lr that is not its `initial_lr`."""
    since = "" if other.set_by_us is None else f", not the {other.set_by_us:g} that was set last"
    return (
        f"a group came with lr {other.lr:g}{since}, but the schedule multiplies its initial_lr, "
        f"{other.initial_lr:g}, which an earlier scheduler left there: the {other.lr:g} has no effect. To "
        'begin from another lr, set group["initial_lr"] with group["lr"]; to go on with a saved run, load '
        "the scheduler's state as well as the optimizer's."
    )


def changed_by_others(lr: float, set_by_us: float, now: float) -> str:
    """The lr was set between our steps."""
    return (
        f"a group's lr was changed from {set_by_us:g} to {lr:g}, by hand or by another scheduler, and is now "
        f"set to {now:g}: each step sets it to its initial_lr times the factor. Change "
        'group["initial_lr"] to scale what is to come.'
    )


def changed_in_trial(lr: float, set_by_us: float, step: int) -> str:
    """The lr was set between the steps of a trial: what trains is not quite what is ranked."""
    return (
        f"before step {step} of the schedule a group's lr was {lr:g} where the trial's schedule had set "
        f"{set_by_us:g}: a callback, another scheduler or the script itself sets it too, and what trained "
        "with it is not the schedule that is ranked. In a trial let only the scheduler that attach gives set "
        "the lr: leave out whatever else does (in Lightning BackboneFinetuning, at each epoch's start), or "
        'change group["initial_lr"], the peak that the schedule multiplies.'
    )


def other_base_lrs(saved: Sequence[float], here: Sequence[float], factor: float) -> str | None:
    """A state is loaded whose groups had other lrs; None where they are the same.

    Nothing is said of an optimizer that was loaded without its base lrs before its scheduler was
    built: then the lr of that time, base lr times `factor`, was taken for one.
    """
    if all(
        close(one, base_lr) or close(one, base_lr * factor) for one, base_lr in zip(here, saved, strict=False)
    ):
        return None
    return (
        f"this state is of a run with the base lrs {_list(saved)}, and here they are {_list(here)}: it goes "
        "on with those of the run, without a jump in lr. To go on with others, set each "
        'group["initial_lr"] after loading.'
    )


def _list(lrs: Sequence[float]) -> str:
    return ", ".join(f"{lr:g}" for lr in lrs)
