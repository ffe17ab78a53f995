"""What a proxy of one's own is written with; a whole one of each kind stands in the documentation.

`function_proxy` marks a function that trains as it likes, with what it is told in `Context`. The others make
a model that Warmboot trains, many at once where it can: they are the service's, found by its place and
imported when they are asked for, since they need torch.
"""

from typing import TYPE_CHECKING

from warmboot.function_proxies import Context, function_proxy
from warmboot.service import service_module

if TYPE_CHECKING:
    from search.proxies.counter_random import uniform, whole
    from search.proxies.proxy import SGD, AdamW, Augment, Proxy, RandomBatches, ShuffledEpochs, Split

__all__ = [
    "SGD",
    "AdamW",
    "Augment",
    "Context",
    "Proxy",
    "RandomBatches",
    "ShuffledEpochs",
    "Split",
    "function_proxy",
    "uniform",
    "whole",
]
_DRAWS = ("uniform", "whole")
"""What an augmentation draws its random numbers with."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'warmboot.proxies' has no attribute {name!r}")
    home = "search.proxies.counter_random" if name in _DRAWS else "search.proxies.proxy"
    value = getattr(service_module(home, f"warmboot.proxies.{name}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
