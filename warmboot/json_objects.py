"""JSON objects of unknown origin: values that fit into one, and text into one without silent repair."""

import json
import math
from typing import Any

from warmboot.checks import show

# Deeper nesting than this is a mistake or an attack, and breaks readers of other languages too.
_DEEPEST = 50
# Python refuses to read back integers of over 4,300 digits.
_LARGEST_INTEGER = 10**4000


def json_object_problems(name: str, value: object, *, largest_bytes: int) -> list[str]:
    """Why `value` does not come back from JSON as it is; nothing if it does."""
    if not isinstance(value, dict):
        return [f"{name} must be a JSON object but got {show(value)} ({type(value).__name__})"]
    problems = _value_problems(name, value, depth=0)
    if not problems:
        size = len(json.dumps(value, ensure_ascii=False).encode())
        if size >= largest_bytes:
            problems.append(f"{name} must be under {largest_bytes:,} bytes but has {size:,}")
    return problems


def _value_problems(place: str, value: object, depth: int) -> list[str]:
    if depth > _DEEPEST:
        return [f"{place[:60]}... is nested deeper than {_DEEPEST} levels"]
    if type(value) is dict:
        found = [_text_problem(f"a key of {place}", key) for key in value]
        inner = [_value_problems(f"{place}.{key}", item, depth + 1) for key, item in value.items()]
    elif type(value) is list:
        found = []
        inner = [_value_problems(f"{place}[{i}]", item, depth + 1) for i, item in enumerate(value)]
    else:
        found, inner = [_scalar_problem(place, value)], []
    return [problem for problem in found if problem] + [one for some in inner for one in some]


def _scalar_problem(place: str, value: object) -> str | None:
    if value is None or type(value) is bool:
        return None
    if type(value) is int:
        return None if abs(value) < _LARGEST_INTEGER else f"{place} is an integer of over 4,000 digits"
    if type(value) is float:
        return None if math.isfinite(value) else f"{place} must be finite but got {value}"
    if type(value) is str:
        return _text_problem(place, value)
    return f"{place} must be a JSON value but got {show(value)} ({type(value).__name__})"


def _text_problem(place: str, text: object) -> str | None:
    if type(text) is not str:
        return f"{place} must be text but got {show(text)}"
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"{place} holds half a character (a lone surrogate): {show(text)}"
    return None


def load_json(text: str) -> tuple[Any, list[str]]:
    """Parse JSON, with a problem for each thing that `json` would let pass.

    Returns:
        The value and the problems: repeated keys (of which the first counts), NaN and infinities.

    Raises:
        ValueError, RecursionError: where the text is no JSON at all.
    """
    problems: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                problems.append(f"the key {show(key)} is repeated in one object; keep one of them")
            found.setdefault(key, value)
        return found

    def constant(name: str) -> float:
        problems.append(f"{name} is not a JSON number; numbers must be finite")
        return 0.0

    def number(digits: str) -> float:
        value = float(digits)
        if math.isinf(value):
            problems.append(f"the number {show(digits)} is too large; numbers must be finite")
            return 0.0
        return value

    value = json.loads(text, object_pairs_hook=unique, parse_constant=constant, parse_float=number)
    return value, problems
