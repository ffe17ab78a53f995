"""The model computes on one BLAS thread whatever the process has, and leaves that as it was."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from search.strategy.one_thread import on_one_thread


def _blas_threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_a_function_has_one_thread_of_blas_and_others_as_many_as_before() -> None:
    with threadpool_limits(2, user_api="blas"):
        assert on_one_thread(_blas_threads)() == {1}
        assert _blas_threads() == {2}
