"""Proxies: short training tasks that stand in for the user's own. Start at `proxy.py`."""

from search.proxies.proxy import SGD, AdamW, Proxy, RandomBatches, ShuffledEpochs, Split
from search.proxies.registry import build_proxy, builtin_proxies

__all__ = [
    "SGD",
    "AdamW",
    "Proxy",
    "RandomBatches",
    "ShuffledEpochs",
    "Split",
    "build_proxy",
    "builtin_proxies",
]
