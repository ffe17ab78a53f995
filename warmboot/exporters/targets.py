"""`EXPORTERS`, the table of all exports: a name, what makes the text, words for a help page.

Who adds one adds a line here; `warmboot export` and its help read the names from this table. What makes a
text is imported when it is asked to: a help page takes no time for that.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple

from warmboot.errors import ScheduleError

if TYPE_CHECKING:
    from warmboot.schedule import WarmbootSchedule
    from warmboot.schedule_file import ScheduleFile


class Target(NamedTuple):
    """One kind of export.

    `render` makes the text; `words` is a line for a help page; `horizon` says what it needs of the
    file's horizon: nothing (`"any"`), `"steps"`, or its `"epochs"` with their steps as well. Where
    something is missing `render` raises a `ScheduleError`.
    """

    render: Callable[[ScheduleFile], str]
    words: str
    horizon: Literal["any", "steps", "epochs"] = "any"


def to_numbers(schedule: WarmbootSchedule, total_steps: int, *, with_lr: bool = False) -> str:
    """Each step's factor, or with `with_lr` its lr, one a line, as text that reads back to the same float.

    Raises:
        ScheduleError: a `ValueError`, if the horizon has no room for the schedule, or `with_lr`
            is asked of a schedule without an lr.

    >>> from warmboot import WarmbootSchedule
    >>> print(to_numbers(WarmbootSchedule(lr=0.5, curve="linear"), 3, with_lr=True), end="")
    0.5
    0.25
    0.0
    """
    values = schedule.lr_table(total_steps) if with_lr else schedule.factors(total_steps)
    return "".join(f"{value!r}\n" for value in values.tolist())


def _numbers(file: ScheduleFile) -> str:
    if file.horizon is None:
        raise ScheduleError("numbers", ["needs a horizon: total_steps, or epochs with steps_per_epoch"])
    return to_numbers(file.schedule, file.horizon.total_steps, with_lr=file.schedule.lr is not None)


def _json(file: ScheduleFile) -> str:
    from warmboot.schedule_file import writes

    return writes(file)


def _cawb(file: ScheduleFile) -> str:
    from warmboot.exporters.cawb_arguments import to_cawb

    horizon = file.horizon
    if horizon is None or horizon.epochs is None or horizon.steps_per_epoch is None:
        raise ScheduleError("cawb", ["needs a horizon in epochs: epochs with steps_per_epoch"])
    return to_cawb(
        file.schedule,
        epochs=horizon.epochs,
        steps_per_epoch=horizon.steps_per_epoch,
        origin=file.origin,
    )


def _python(home: str, name: str) -> Callable[[ScheduleFile], str]:
    """The function of that name in that module of this package."""

    def render(file: ScheduleFile) -> str:
        to_target: Callable[..., str] = getattr(import_module(f"warmboot.exporters.{home}"), name)
        total_steps = None if file.horizon is None else file.horizon.total_steps
        return to_target(file.schedule, total_steps=total_steps, origin=file.origin)

    return render


EXPORTERS: dict[str, Target] = {
    "json": Target(_json, "the schedule file"),
    "torch": Target(_python("torch_script", "to_torch_script"), "Python that needs torch alone"),
    "numbers": Target(_numbers, "one number a line", "steps"),
    "transformers": Target(_python("transformers_trainer", "to_transformers"), "a Hugging Face Trainer"),
    "lightning": Target(_python("lightning_dict", "to_lightning"), "what configure_optimizers returns"),
    "mmengine": Target(_python("mmengine_scheduler", "to_mmengine"), "a registered scheduler for MMEngine"),
    "ultralytics": Target(_python("ultralytics_trainer", "to_ultralytics"), "a YOLO trainer"),
    "timm": Target(_python("timm_scheduler", "to_timm"), "a scheduler for timm's training script"),
    "optax": Target(_python("optax_schedule", "to_optax"), "a schedule for optax, in jax"),
    "cawb": Target(_cawb, "arguments of CosineAnnealingWarmbootingLR", "epochs"),
}
