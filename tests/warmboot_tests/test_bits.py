"""The same step gives the same bits, alone or in an array, whatever vector unit numpy uses."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from warmboot.curves import Cosine, Curve, OneMinusSqrt, Polynomial, Rex

CURVES: list[Curve] = [Cosine(), OneMinusSqrt(), Rex(), *(Polynomial(power=p) for p in (0.3, 2, 7))]


@pytest.mark.parametrize("curve", CURVES, ids=repr)
def test_a_curve_has_the_same_bits_alone_in_parts_and_at_any_offset(curve: Curve) -> None:
    x = np.random.default_rng(0).random(5003)  # no multiple of any vector's width
    whole = curve.values(x)
    alone = np.array([curve.values(x[i : i + 1])[0] for i in range(x.size)])
    assert alone.tobytes() == whole.tobytes()
    for length in range(1, 20):
        assert curve.values(x[7 : 7 + length]).tobytes() == whole[7 : 7 + length].tobytes()
    padded = np.empty(x.size + 8)
    for offset in range(8):
        padded[offset : offset + x.size] = x
        shifted = curve.values(padded[offset : offset + x.size])
        assert shifted.tobytes() == whole.tobytes()


@pytest.mark.parametrize("disabled", ["X86_V4 AVX512_ICL", "X86_V3 X86_V4 AVX512_ICL"])
def test_bits_are_consistent_on_smaller_vector_units_as_well(disabled: str) -> None:
    names = set(np.show_config(mode="dicts")["SIMD Extensions"].get("found", []))
    if not set(disabled.split()) <= names:
        pytest.skip(f"numpy does not dispatch to {disabled} on this machine")
    code = (
        "from tests.warmboot_tests import test_bits as t\n"
        "for c in t.CURVES: t.test_a_curve_has_the_same_bits_alone_in_parts_and_at_any_offset(c)"
    )
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": disabled}
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=root, check=True, timeout=600)


@pytest.mark.parametrize("curve", CURVES, ids=repr)
def test_a_curve_never_rises_on_a_long_horizon(curve: Curve) -> None:
    x = np.arange(1_000_001) / 1_000_000
    assert np.all(np.diff(curve.values(x)) <= 0.0)
