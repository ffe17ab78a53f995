"""The former place of `warmboot.free`, for modules that import from here."""

from warmboot.free import Context, free_proxy

__all__ = ["Context", "free_proxy"]
