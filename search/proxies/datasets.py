"""Data sets that no package of Python brings: what each consists of, and where it is looked for.

The first of these places that has one of its files counts: the folder that a study names, the folder of
Debian's package, the user's cache, which `warmboot data NAME` fills. A place that has some of the files, or
has them damaged, is told, not passed over.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import platformdirs

from search.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """One file of a data set, published compressed."""

    name: str
    """Without the `.gz`; a folder may have it with or without."""
    content_sha256: str
    """Of what is in it: compressed by others, as for Debian, the file is another and its content the same."""
    published_sha256: str
    """Of the `.gz` file at its address."""

    @property
    def published_name(self) -> str:
        return f"{self.name}.gz"


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Files that belong together."""

    name: str
    about: str
    files: tuple[DataFile, ...]
    n_bytes: int
    """Of the published files together."""
    addresses: tuple[str, ...]
    """Where it is published: each followed by a file's published name, the first is tried first."""
    system_folder: Path
    """Where a package of the operating system puts it."""
    system_package: str

    @property
    def way_out(self) -> str:
        """The one command that gets it."""
        return f"warmboot data {self.name} gets it ({self.n_bytes / 1e6:.0f} MB)"


FASHION_MNIST = DataSet(
    name="fashion-mnist",
    about="70,000 pictures of clothes, 28 x 28 grey, ten classes (Xiao, Rasul, Vollgraf, arXiv 1708.07747)",
    files=(
        DataFile(
            name="train-images-idx3-ubyte",
            content_sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            published_sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        DataFile(
            name="train-labels-idx1-ubyte",
            content_sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            published_sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        DataFile(
            name="t10k-images-idx3-ubyte",
            content_sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            published_sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        DataFile(
            name="t10k-labels-idx1-ubyte",
            content_sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            published_sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
    n_bytes=30_878_645,
    addresses=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    system_folder=Path("/usr/share/datasets/fashion-mnist"),
    system_package="dataset-fashion-mnist",
)
DATA_SETS: Mapping[str, DataSet] = MappingProxyType({FASHION_MNIST.name: FASHION_MNIST})
"""By name, as in `warmboot data NAME`."""


class Place(NamedTuple):
    """A folder that has a data set, and what it is."""

    folder: Path
    kind: str


def cache_folder(data_set: DataSet) -> Path:
    """Where `warmboot data` puts it."""
    return platformdirs.user_cache_path("warmboot", appauthor=False) / data_set.name


def find(data_set: DataSet, folder: str = "") -> Place | None:
    """The place that counts; None where there is none.

    Args:
        folder: that a study names; empty: none. If it names one, no other is looked at.
    """
    return next((place for place in _places(data_set, folder) if _present(data_set, place.folder)), None)


def read(data_set: DataSet, folder: str = "") -> dict[str, bytes]:
    """The content of each file by its name, decompressed and checked.

    Raises:
        UsageError: it is not there, or what is there is another's; with the way out.
    """
    place = find(data_set, folder)
    if place is None:
        raise UsageError(_missing_text(data_set, folder))
    absent = _absent(data_set, place.folder)
    if absent:
        raise UsageError(
            f"data set {data_set.name}: {place.folder} ({place.kind}) has a part of it, but not "
            f"{', '.join(f'{each.name}[.gz]' for each in absent)}; complete the folder, or delete it: then "
            f"{data_set.way_out}."
        )
    return {each.name: _checked(data_set, each, place) for each in data_set.files}


def _places(data_set: DataSet, folder: str) -> Iterator[Place]:
    if folder:
        yield Place(Path(folder).expanduser(), "named by the study")
        return
    yield Place(data_set.system_folder, f"Debian's package {data_set.system_package}")
    yield Place(cache_folder(data_set), "the user's cache")


def _present(data_set: DataSet, folder: Path) -> bool:
    """Whether a folder has any of the files."""
    return len(_absent(data_set, folder)) < len(data_set.files)


def _absent(data_set: DataSet, folder: Path) -> list[DataFile]:
    return [each for each in data_set.files if _path(each, folder) is None]


def _path(file: DataFile, folder: Path) -> Path | None:
    candidates = (folder / file.published_name, folder / file.name)
    return next((path for path in candidates if path.is_file()), None)


def _checked(data_set: DataSet, file: DataFile, place: Place) -> bytes:
    path = _path(file, place.folder)
    assert path is not None, "a file that is absent was told before"
    way_out = f"delete {path.parent} and have it again: {data_set.way_out}"
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"data set {data_set.name}: {path} can't be read ({error}); {way_out}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != file.content_sha256:
        raise UsageError(
            f"data set {data_set.name}: the content of {path} must have the SHA-256 {file.content_sha256} "
            f"but has {found}; {way_out}."
        )
    return content


def _missing_text(data_set: DataSet, folder: str) -> str:
    looked = ", ".join(str(place.folder) for place in _places(data_set, folder))
    or_package = "" if folder else f"; so does Debian's package {data_set.system_package}"
    to_folder = f" --to {folder}" if folder else ""
    way_out = data_set.way_out.replace(f" {data_set.name}", f" {data_set.name}{to_folder}", 1)
    return f"data set {data_set.name} is not in {looked}: {way_out}{or_package}."
