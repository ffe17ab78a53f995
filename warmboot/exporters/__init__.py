"""A schedule for somebody else's program: one small adapter for each target.

Each `to_*` is a pure function of a schedule that returns text; `EXPORTERS` has them by name.
"""

from warmboot.exporters.cawb_arguments import LARGEST_MEAN_DEVIATION, CawbExport, cawb_export, to_cawb
from warmboot.exporters.lightning_dict import to_lightning
from warmboot.exporters.mmengine_scheduler import to_mmengine
from warmboot.exporters.optax_schedule import to_optax
from warmboot.exporters.targets import EXPORTERS, Target, to_numbers
from warmboot.exporters.timm_scheduler import to_timm
from warmboot.exporters.torch_script import to_torch_script
from warmboot.exporters.transformers_trainer import to_transformers
from warmboot.exporters.ultralytics_trainer import to_ultralytics

__all__ = [
    "EXPORTERS",
    "LARGEST_MEAN_DEVIATION",
    "CawbExport",
    "Target",
    "cawb_export",
    "to_cawb",
    "to_lightning",
    "to_mmengine",
    "to_numbers",
    "to_optax",
    "to_timm",
    "to_torch_script",
    "to_transformers",
    "to_ultralytics",
]
