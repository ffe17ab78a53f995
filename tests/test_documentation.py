"""What the pages point at is there: files, headings, and a line for every record."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def links(page: Path) -> Iterator[str]:
    """The relative links of a page, code blocks left out."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    yield from (link for link in LINK.findall(text) if not link.startswith(("http:", "https:", "mailto:")))


def anchors(page: Path) -> set[str]:
    """The anchors that a forge makes of a page's headings."""
    headings = re.findall(r"(?m)^#+ +(.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link}: no such file"
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_the_readme_of_the_benchmarks_reads_every_record() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    patterns = re.findall(r"`?(?:records/)?([\w*]+)\.json", text)
    for record in (ROOT / "benchmarks" / "records").glob("*.json"):
        assert any(re.fullmatch(pattern.replace("*", ".*"), record.stem) for pattern in patterns), (
            f"{record.name} is not mentioned in benchmarks/README.md"
        )


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "README.md").read_bytes()) < 9_000
