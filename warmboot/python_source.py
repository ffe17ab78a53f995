"""Python source that is looked at and never run: what a module assigns, and how often it binds a name."""

import ast
from collections import Counter
from typing import Any

from warmboot.checks import show
from warmboot.errors import ScheduleFileError


def parsed_python(text: str, subject: str) -> ast.Module:
    """The file's syntax tree; nothing is run.

    Raises:
        ScheduleFileError: it is no Python.
    """
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ScheduleFileError(subject, [f"is no Python: {error}"]) from None


def assigned(module: ast.Module) -> dict[str, ast.expr]:
    """What the module itself assigns to a plain name."""
    return {
        node.targets[0].id: node.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def literal(name: str, node: ast.expr) -> Any:
    """The value of an expression of plain numbers, lists and text.

    Raises:
        ValueError: it is another; the message says how it must be written.
    """
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise ValueError(
            f"{name} must be written as plain numbers but is {show(ast.unparse(node))}"
        ) from None


def rebound(module: ast.Module, names: tuple[str, ...]) -> list[str]:
    """Those of the names that the module binds more than once, or decorates, or that it may bind unseen.

    What is written down under such a name need not be what is there when the file is run.

    >>> rebound(ast.parse("def lf(x): return x\\nlf = abs\\nstart = 0"), ("lf", "start"))
    ['lf']
    """
    bound: Counter[str] = Counter()
    pending: list[ast.AST] = list(module.body)
    while pending:
        node = pending.pop()
        bound.update(_bound_by(node))
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            pending += ast.iter_child_nodes(node)
    for node in ast.walk(module):  # a function may bind the module's names
        bound.update(2 * node.names if isinstance(node, ast.Global) else ())
    return [name for name in names if bound[name] + 2 * bound["*"] > 1]


def _bound_by(node: ast.AST) -> list[str]:
    """The names that this node binds by itself."""
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.alias):
        return [node.asname or node.name.partition(".")[0]]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name] * (2 if node.decorator_list else 1)
    return []
