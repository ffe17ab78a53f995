"""The first place of what is `warmboot.function_proxies` now, for modules that import from here."""

import warnings

from warmboot.function_proxies import Context
from warmboot.function_proxies import function_proxy as free_proxy

__all__ = ["Context", "free_proxy"]

warnings.warn(
    "search.scripts.free has moved: from warmboot import function_proxy, and Context from warmboot.proxies",
    DeprecationWarning,
    stacklevel=2,
)
