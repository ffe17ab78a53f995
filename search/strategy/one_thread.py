"""`on_one_thread`: the model's algebra without the threads of a BLAS, as in a worker.

Its matrices are small: two threads wait for each other more than they compute, and a sum that they share is
rounded otherwise, so that a command would not tell what a worker has kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

P = ParamSpec("P")
T = TypeVar("T")


def on_one_thread(function: Callable[P, T]) -> Callable[P, T]:
    """The same function; while it computes, every BLAS of this process has one thread."""

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        with threadpool_limits(1, user_api="blas"):
            return function(*args, **kwargs)

    return limited
