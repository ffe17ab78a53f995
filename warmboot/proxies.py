"""What a proxy of one's own is written with; a whole one of each kind stands in the documentation.

`function_proxy` marks a function that trains as it likes, with what it is told in `Context`. The others make
a model that Warmboot trains, many at once where it can: they are the service's, found by its place and
imported when they are asked for, since they need torch.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from warmboot.extras import extra_of, missing_text
from warmboot.function_proxies import Context, function_proxy
from warmboot.service import NAME, lend_name, place

if TYPE_CHECKING:
    from search.proxies.proxy import SGD, AdamW, Proxy, RandomBatches, ShuffledEpochs, Split

__all__ = [
    "SGD",
    "AdamW",
    "Context",
    "Proxy",
    "RandomBatches",
    "ShuffledEpochs",
    "Split",
    "function_proxy",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'warmboot.proxies' has no attribute {name!r}")
    lend_name()
    try:
        value = getattr(import_module("search.proxies.proxy"), name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(_why_not(name, error), name=error.name) from error
    globals()[name] = value
    return value


def _why_not(name: str, error: ModuleNotFoundError) -> str:
    """What is in the way of the service, and the way out."""
    what = f"warmboot.proxies.{name}"
    if extra_of(error) is not None:
        return missing_text(error, what)
    theirs = find_spec(NAME)
    if theirs is not None and list(theirs.submodule_search_locations or []) != [str(place())]:
        return (
            f"{what} needs Warmboot's package {NAME!r}, and here that name is {theirs.origin}: give yours "
            "another name, or leave it off the path (where warmboot runs a factory, the name is Warmboot's)"
        )
    return f"{what}: {error}"


def __dir__() -> list[str]:
    return __all__
