"""The former place of `warmboot.baselines`."""

from warmboot.baseline_schedules import standards

__all__ = ["standards"]
