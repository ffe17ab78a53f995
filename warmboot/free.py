"""The former name of `warmboot.function_proxies`, for modules that import from here."""

import warnings

from warmboot.function_proxies import Context
from warmboot.function_proxies import function_proxy as free_proxy

__all__ = ["Context", "free_proxy"]

warnings.warn(
    "warmboot.free has another name: from warmboot import function_proxy, and Context from warmboot.proxies",
    DeprecationWarning,
    stacklevel=2,
)
