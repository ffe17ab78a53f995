"""Every export by its name: a function from a schedule file to the text for that target."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from warmboot.errors import ScheduleError
from warmboot.exporters.cawb_arguments import to_cawb
from warmboot.exporters.lightning_dict import to_lightning
from warmboot.exporters.mmengine_scheduler import to_mmengine
from warmboot.exporters.numbers import to_numbers
from warmboot.exporters.optax_schedule import to_optax
from warmboot.exporters.timm_scheduler import to_timm
from warmboot.exporters.torch_script import to_torch_script
from warmboot.exporters.transformers_trainer import to_transformers
from warmboot.exporters.ultralytics_trainer import to_ultralytics
from warmboot.schedule_file import ScheduleFile, writes


class Target(NamedTuple):
    """One kind of export.

    `render` makes the text; `words` is a line for a help page; `horizon` says what it needs of the
    file's horizon: nothing (`"any"`), `"steps"`, or its `"epochs"` with their steps as well. Where
    something is missing `render` raises a `ScheduleError`.
    """

    render: Callable[[ScheduleFile], str]
    words: str
    horizon: Literal["any", "steps", "epochs"] = "any"


def _numbers(file: ScheduleFile) -> str:
    if file.horizon is None:
        raise ScheduleError("numbers", ["needs a horizon: total_steps, or epochs with steps_per_epoch"])
    return to_numbers(file.schedule, file.horizon.total_steps, with_lr=file.schedule.lr is not None)


def _cawb(file: ScheduleFile) -> str:
    horizon = file.horizon
    if horizon is None or horizon.epochs is None or horizon.steps_per_epoch is None:
        raise ScheduleError("cawb", ["needs a horizon in epochs: epochs with steps_per_epoch"])
    return to_cawb(
        file.schedule,
        epochs=horizon.epochs,
        steps_per_epoch=horizon.steps_per_epoch,
        origin=file.origin,
    )


def _python(to_target: Callable[..., str]) -> Callable[[ScheduleFile], str]:
    def render(file: ScheduleFile) -> str:
        total_steps = None if file.horizon is None else file.horizon.total_steps
        return to_target(file.schedule, total_steps=total_steps, origin=file.origin)

    return render


EXPORTERS: dict[str, Target] = {
    "json": Target(writes, "the schedule file"),
    "torch": Target(_python(to_torch_script), "Python that needs torch alone"),
    "numbers": Target(_numbers, "one number a line", "steps"),
    "transformers": Target(_python(to_transformers), "a Hugging Face Trainer"),
    "lightning": Target(_python(to_lightning), "what configure_optimizers returns"),
    "mmengine": Target(_python(to_mmengine), "a registered scheduler for MMEngine"),
    "ultralytics": Target(_python(to_ultralytics), "a YOLO trainer"),
    "timm": Target(_python(to_timm), "a scheduler for timm's training script"),
    "optax": Target(_python(to_optax), "a schedule for optax, in jax"),
    "cawb": Target(_cawb, "arguments of CosineAnnealingWarmbootingLR", "epochs"),
}
