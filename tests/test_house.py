"""Rules of the house that a reader should not have to check: who may import whom, and sizes."""

import ast
import functools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_MODULE_LINES = 300

# Rooms of `search/`: packages and loose modules, from the command line down. Each may import only from the
# rows below its own (and from inside itself). A new room gets its row here.
SEARCH_LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("entry", "session"),
    ("cli",),
    ("plan", "transfer", "extension", "cluster"),
    ("launch", "verdict"),
    ("worker",),
    ("export", "report", "training", "trackers"),
    ("results", "population"),
    ("strategy", "storage", "early_stopping", "proxies", "scripts"),
    ("spec",),
    ("runs", "statistics", "dashboard", "checkpoints"),
    ("direction", "processes", "durations", "errors", "messages"),
)

# What users of a declared model or of `launch` get is told to type checkers; it is imported when asked for.
TYPES_OF_THE_SERVICE = {("warmboot/proxies.py", "typing"), ("warmboot/launching.py", "typing")}

# The base install has numpy alone; this file is imported only when its names are used.
NEEDS_TORCH = "warmboot/warmboot_lr.py"


@dataclass(frozen=True)
class Import:
    """One imported module: its dotted name, where, and when it is imported."""

    name: str
    place: str
    line: int
    when: str
    """`start` (with the module), `call` (inside a function) or `typing` (never)."""

    def __str__(self) -> str:
        return f"{self.place}:{self.line} imports {self.name}"


def imports_of(source: str, place: str) -> Iterator[Import]:
    """Every import in `source`, `from a import b` as `a.b`, since b may be a module."""

    def visit(node: ast.AST, when: str) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, place, node.lineno, when)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                home = "." * node.level + (node.module or "")
                yield Import(f"{home}.{alias.name}", place, node.lineno, when)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for line in node.body:
                yield from visit(line, "typing")
            for line in node.orelse:
                yield from visit(line, when)
            return
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            when = "call" if when == "start" else when
        for child in ast.iter_child_nodes(node):
            yield from visit(child, when)

    return visit(ast.parse(source), "start")


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@functools.cache
def imports(package: str) -> tuple[Import, ...]:
    return tuple(
        found
        for file in files(package)
        for found in imports_of(file.read_text(), str(file.relative_to(ROOT)))
    )


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def top(name: str) -> str:
    return name.partition(".")[0]


def unit(place: str) -> str:
    """The module or package of `search/` that a file belongs to; empty for its `__init__`."""
    name = Path(place).relative_to("search").parts[0].removesuffix(".py")
    return "" if name == "__init__" else name


def test_the_test_reads_imports_as_python_does() -> None:
    source = (
        "import a.b\nfrom c import d\n"
        "if TYPE_CHECKING:\n    import e\n"
        "class K:\n    def f(self):\n        from .g import h\n"
    )
    found = [(each.name, each.when) for each in imports_of(source, "here.py")]
    expected = [("a.b", "start"), ("c.d", "start"), ("e", "typing"), (".g.h", "call")]
    assert found == expected


def test_imports_are_absolute() -> None:
    relative = [str(found) for found in imports("warmboot") + imports("search") if found.name[0] == "."]
    assert relative == []


def test_warmboot_never_imports_search() -> None:
    found = [each for each in imports("warmboot") if top(each.name) == "search"]
    assert {(each.place, each.when) for each in found} <= TYPES_OF_THE_SERVICE


def test_processes_of_ours_do_not_find_search_by_luck_of_the_path() -> None:
    """`python -m search.x` may run somebody else's; `service_command` makes a command that does not."""
    by_name = re.compile(r'"-m",(?!\s*"warmboot[".])')
    files_that_do = [
        str(file.relative_to(ROOT)) for file in files("search") if by_name.search(file.read_text())
    ]
    assert files_that_do == []


def test_warmboot_runs_on_numpy_alone() -> None:
    allowed = sys.stdlib_module_names | {"warmboot", "numpy"}
    foreign = [
        str(found)
        for found in imports("warmboot")
        if found.when != "typing"
        and top(found.name) not in allowed
        and (top(found.name), found.place) != ("torch", NEEDS_TORCH)
        and (top(found.name), found.when) != ("matplotlib", "call")
    ]
    assert foreign == []


def test_no_imports_inside_warmboot_run_in_a_circle() -> None:
    places = {module_of(file): str(file.relative_to(ROOT)) for file in files("warmboot")}
    graph: dict[str, set[str]] = {place: set() for place in places.values()}
    for found in imports("warmboot"):
        home = found.name if found.name in places else found.name.rpartition(".")[0]
        if found.when != "typing" and home in places and home != "warmboot":
            graph[found.place].add(places[home])
    assert list(TopologicalSorter(graph).static_order()), "raises where there is a circle"


def test_matplotlib_is_imported_only_where_a_picture_is_drawn() -> None:
    eager = [
        str(found)
        for found in imports("warmboot") + imports("search")
        if top(found.name) == "matplotlib" and found.when == "start"
    ]
    assert eager == []


def test_every_part_of_search_has_a_layer() -> None:
    placed = [name for row in SEARCH_LAYERS for name in row]
    present = {unit(str(file.relative_to(ROOT))) for file in files("search")} - {""}
    assert sorted(placed) == sorted(present)


def test_imports_inside_search_run_down_the_layers() -> None:
    row_of = {name: row for row, names in enumerate(SEARCH_LAYERS) for name in names}
    upward = []
    for found in imports("search"):
        importer = unit(found.place)
        if top(found.name) != "search" or not importer:
            continue
        imported = found.name.split(".")[1]
        if imported != importer and row_of.get(imported, 0) <= row_of.get(importer, 0):
            upward.append(str(found))
    assert upward == []


@pytest.mark.parametrize("package", ["warmboot", "search"])
def test_modules_are_short(package: str) -> None:
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files(package)}
    assert {file: n for file, n in lines.items() if n > LONGEST_MODULE_LINES} == {}


def test_no_module_is_named_after_a_dependency() -> None:
    """A script that lies beside a `torch.py` imports that file in place of torch."""
    dependencies = set(packages_distributions()) - {"warmboot", "search"}
    names = {
        part.removesuffix(".py")
        for file in files("warmboot") + files("search")
        for part in file.relative_to(ROOT).parts
    }
    assert sorted(names & dependencies - {"__init__"}) == []
