"""Why a test is skipped here: what it needs and no package of Python brings."""

from __future__ import annotations

import pytest

from search.proxies.datasets import FASHION_MNIST, find

NEEDS_FASHION_MNIST = pytest.mark.skipif(
    find(FASHION_MNIST) is None,
    reason="Fashion-MNIST is not here: apt-get install dataset-fashion-mnist, or warmboot data fashion-mnist",
)
