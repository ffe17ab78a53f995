"""Hooks of mkdocs: what the site has beside the pages in `docs/`.

The README, the changelog and others lie outside `docs/`, where a repository page shows them. Here they become
pages too, the API gets a page for `warmboot` and one for each room of `search`, and every link to a file of
the repository leads to a page with its text. So a link works on a repository page and in the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import warmboot

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "index.md": "README.md",
    "benchmarks.md": "benchmarks/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changes.md": "CHANGELOG.md",
}
"""Pages of the site by the files they are made of."""
LANGUAGES = {".py": "python", ".toml": "toml", ".yml": "yaml", ".cff": "yaml", ".json": "json"}

_LINK = re.compile(r"(?<=\]\()([^)\s#]+)((?:#[^)\s]*)?)(?=\))")
_ROOM = re.compile(r'\b(\w+)\["\w+ · ([^"]+)"\]')


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the API to the navigation."""
    rooms = [{room: f"api/search/{room}.md"} for room in _rooms()]
    config.nav = [*(config.nav or []), {"API": [{"warmboot": "api/warmboot.md"}, {"search": rooms}]}]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages = {uri: _read(source) for uri, source in OUTSIDE.items()}
    pages["api/warmboot.md"] = _names_page()
    pages |= {f"api/search/{room}.md": _room_page(room, purpose) for room, purpose in _rooms().items()}
    linked = {target for page in _sources() for target in _targets(page) if _site_uri(target) not in pages}
    pages |= {_site_uri(target): _file_page(target) for target in linked if not target.startswith("docs/")}
    for uri, text in pages.items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to files of the repository at their pages."""
    uri = page.file.src_uri
    source = OUTSIDE.get(uri, f"docs/{uri}")

    def replaced(link: re.Match[str]) -> str:
        target = _target(source, link[1])
        if target is None:
            return link[0]
        return posixpath.relpath(_site_uri(target), posixpath.dirname(uri) or ".") + link[2]

    return _LINK.sub(replaced, markdown)


def _sources() -> Iterator[str]:
    """Files that become pages, by their paths in the repository."""
    yield from OUTSIDE.values()
    yield from (f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))


def _targets(source: str) -> Iterator[str]:
    """Files of the repository that a page links to."""
    links = (_target(source, link[1]) for link in _LINK.finditer(_read(source)))
    yield from (target for target in links if target is not None)


def _target(source: str, link: str) -> str | None:
    """The file or folder of the repository that a relative link means; None if there is none."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    return path if (ROOT / path).exists() and not link.startswith("/") else None


def _site_uri(target: str) -> str:
    """Where the site shows a file of the repository."""
    pages = {source: uri for uri, source in OUTSIDE.items()}
    if target in pages:
        return pages[target]
    return target.removeprefix("docs/") if target.startswith("docs/") else f"files/{target}.md"


def _file_page(target: str) -> str:
    """The text of a file, or a list of the files in a folder."""
    path = ROOT / target
    title = f"# `{target}`\n\n"
    if path.is_dir():
        return title + "\n".join(f"- `{each.name}`" for each in sorted(path.iterdir()) if each.is_file())
    return f"{title}`````{LANGUAGES.get(path.suffix, 'text')}\n{path.read_text(encoding='utf-8')}\n`````\n"


def _names_page() -> str:
    """Everything that `import warmboot` offers."""
    names = (f"::: warmboot.{warmboot._HOME_OF[name]}.{name}" for name in warmboot.__all__)
    return "\n\n".join(["# `warmboot`", *names])


def _rooms() -> dict[str, str]:
    """The rooms of `search` and their purposes, in the order of the architecture's picture."""
    drawn = dict(_ROOM.findall(_read("docs/architecture.md")))
    packages = sorted(path.parent.name for path in (ROOT / "search").glob("*/__init__.py"))
    return drawn | {name: "" for name in packages if name not in drawn}


def _room_page(room: str, purpose: str) -> str:
    modules = sorted(path.stem for path in (ROOT / "search" / room).glob("*.py") if path.stem != "__init__")
    entries = (f"::: search.{room}.{module}" for module in modules)
    return "\n\n".join([f"# `search.{room}`", purpose, *entries])


def _read(source: str) -> str:
    return (ROOT / source).read_text(encoding="utf-8")
