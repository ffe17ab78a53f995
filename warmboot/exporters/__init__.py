"""A schedule for somebody else's program: one small adapter for each target.

Each `to_*` is a pure function of a schedule that returns text; `EXPORTERS` has them by name. A name is looked
up where it lives when it is asked for: who lists the targets need not import what makes them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for type checkers, which cannot read the table below
    from warmboot.exporters.cawb_arguments import LARGEST_MEAN_DEVIATION as LARGEST_MEAN_DEVIATION
    from warmboot.exporters.cawb_arguments import CawbExport as CawbExport
    from warmboot.exporters.cawb_arguments import cawb_export as cawb_export
    from warmboot.exporters.cawb_arguments import to_cawb as to_cawb
    from warmboot.exporters.lightning_dict import to_lightning as to_lightning
    from warmboot.exporters.mmengine_scheduler import to_mmengine as to_mmengine
    from warmboot.exporters.optax_schedule import to_optax as to_optax
    from warmboot.exporters.targets import EXPORTERS as EXPORTERS
    from warmboot.exporters.targets import Target as Target
    from warmboot.exporters.targets import to_numbers as to_numbers
    from warmboot.exporters.timm_scheduler import to_timm as to_timm
    from warmboot.exporters.torch_script import to_torch_script as to_torch_script
    from warmboot.exporters.transformers_trainer import to_transformers as to_transformers
    from warmboot.exporters.ultralytics_trainer import to_ultralytics as to_ultralytics

_NAMES_BY_HOME = {
    "cawb_arguments": "LARGEST_MEAN_DEVIATION CawbExport cawb_export to_cawb",
    "lightning_dict": "to_lightning",
    "mmengine_scheduler": "to_mmengine",
    "optax_schedule": "to_optax",
    "targets": "EXPORTERS Target to_numbers",
    "timm_scheduler": "to_timm",
    "torch_script": "to_torch_script",
    "transformers_trainer": "to_transformers",
    "ultralytics_trainer": "to_ultralytics",
}
_HOME_OF = {name: home for home, names in _NAMES_BY_HOME.items() for name in names.split()}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'warmboot.exporters' has no attribute {name!r}")
    value = getattr(import_module(f"warmboot.exporters.{_HOME_OF[name]}"), name)
    globals()[name] = value  # the next look-up finds it without asking here
    return value


def __dir__() -> list[str]:
    return __all__
