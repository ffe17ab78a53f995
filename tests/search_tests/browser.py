"""Debian's Chromium, as `benchmarks/screenshots.py` drives it; tests skip where it is absent."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def screenshots_module() -> Any:
    """The module of `benchmarks/`, which is no package; skips where the browser is not installed."""
    spec = importlib.util.spec_from_file_location("screenshots", ROOT / "benchmarks/screenshots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if missing := module.missing_program():
        pytest.skip(f"{missing} is not installed: apt-get install chromium chromium-driver")
    return module
