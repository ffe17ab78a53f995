"""The study files that come with the package."""

from __future__ import annotations

from pathlib import Path


def packaged_studies() -> dict[str, Path]:
    """The studies that come with the package: name -> file."""
    here = Path(__file__).parents[1]
    for folder in (here / "packaged_studies", here.parent / "studies"):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return {}
