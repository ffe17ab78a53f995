"""The console command. Only this module is imported before the service's packages are known to be there."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; where the service is not installed, say how to install it."""
    from warmboot.extras import extra_of, missing_text  # which says so in a line where Python is too old

    try:
        from search.cli.app import run
    except ModuleNotFoundError as error:
        if extra_of(error) is None:
            raise
        print(f"warmboot: {missing_text(error, 'the command line')}", file=sys.stderr)
        raise SystemExit(2) from None
    run()
