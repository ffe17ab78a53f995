"""Optional packages: which extra brings each, and the command that installs it here."""

import json
import shlex
import sys
from pathlib import Path

_IMPORTS_OF = {
    "search": "torch optuna sqlalchemy optuna_dashboard pydantic typer click rich platformdirs filelock "
    "psutil matplotlib plotly scipy alembic waitress pydantic_core threadpoolctl pooch requests cloudpickle",
    "postgres": "psycopg",
    "digits": "sklearn",
    "mnist1d": "mnist1d",
    "tensorboard": "tensorboard",
    "mlflow": "mlflow",
    "wandb": "wandb",
    "ray": "ray",
    "slurm": "submitit",
}
EXTRA_OF = {package: extra for extra, packages in _IMPORTS_OF.items() for package in packages.split()}
"""What is imported -> the extra that brings it."""


def extra_of(error: ImportError) -> str | None:
    """The extra that brings what could not be imported; None for a package that is none of ours."""
    return EXTRA_OF.get((error.name or "").partition(".")[0])


def missing_text(error: ImportError, what: str) -> str:
    """One line: what is missing, and the command that brings it.

    Args:
        error: with the name of a package of `EXTRA_OF`.
        what: needs it, as in "the command line".
    """
    extra = extra_of(error)
    assert extra is not None, "a package that no extra brings"
    package = (error.name or "").partition(".")[0]
    return f"{what} needs the package {package}, which is not installed: {install_command(extra)}"


def install_command(extra: str) -> str:
    """The command that adds an extra to this installation, from where it was installed."""
    editable, source = _source()
    words = [sys.executable, "-m", "pip", "install", *(["-e"] if editable else []), f"{source}[{extra}]"]
    return shlex.join(words)


def _source() -> tuple[bool, str]:
    """Whether the installation is editable, and what pip calls its source: a path, or the name."""
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import unquote, urlsplit

    try:
        text = distribution("warmboot").read_text("direct_url.json") or "{}"
    except PackageNotFoundError:  # from a checkout that is only on the path
        checkout = Path(__file__).parents[1]
        return False, str(checkout) if (checkout / "pyproject.toml").is_file() else "warmboot"
    known = json.loads(text)
    url = urlsplit(known.get("url", ""))
    path = unquote(url.path)
    if url.scheme == "file" and Path(path).exists():
        return bool(known.get("dir_info", {}).get("editable")), path
    return False, "warmboot"
