"""The console command `warmboot`, which is `python -m warmboot` too: the service's, found by its place."""

from importlib import import_module

from warmboot.service import claim_name


def main() -> None:
    """Run the command line; where the service's needs are not installed, say how to install them."""
    claim_name()
    import_module("search.entry").main()
