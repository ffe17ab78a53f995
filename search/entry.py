"""The console command. Only this module is imported before the service's packages are known to be there."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; where the service is not installed, say how to install it."""
    import warmboot  # noqa: F401  # where Python is too old, it says so in a line

    try:
        from search.cli.app import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in ("search", "warmboot"):
            raise
        print(
            f"warmboot: the command line needs the package {error.name!r}; install the service with: "
            "pip install 'warmboot[search]'",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    run()
