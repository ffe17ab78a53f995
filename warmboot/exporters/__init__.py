"""A schedule for somebody else's program: one small adapter for each target."""

from warmboot.exporters.numbers import to_numbers
from warmboot.exporters.torch_script import to_torch_script

__all__ = ["to_numbers", "to_torch_script"]
