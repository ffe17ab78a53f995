"""`Say`: what goes on, told to a person, in whatever way he is spoken to."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]
"""Tells a person one line."""
