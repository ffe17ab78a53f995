"""Proxies: short training tasks that stand in for the user's own. Start at `proxy.py`."""

import warnings
from typing import TYPE_CHECKING

from search.proxies import proxy as _home
from search.proxies.registry import build_proxy, builtin_proxies

if TYPE_CHECKING:
    from search.proxies.proxy import SGD as SGD
    from search.proxies.proxy import AdamW as AdamW
    from search.proxies.proxy import Proxy as Proxy
    from search.proxies.proxy import RandomBatches as RandomBatches
    from search.proxies.proxy import ShuffledEpochs as ShuffledEpochs
    from search.proxies.proxy import Split as Split

__all__ = ["build_proxy", "builtin_proxies"]

# Proxies that were written for earlier versions import these from here.
_MOVED = ("AdamW", "Proxy", "RandomBatches", "SGD", "ShuffledEpochs", "Split")


def __getattr__(name: str) -> object:
    if name not in _MOVED:
        raise AttributeError(f"module 'search.proxies' has no attribute {name!r}")
    warnings.warn(
        f"from warmboot.proxies import {name}, no longer from search", DeprecationWarning, stacklevel=2
    )
    value: object = getattr(_home, name)
    globals()[name] = value  # so it is said once
    return value
