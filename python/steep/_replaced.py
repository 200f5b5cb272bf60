"""Attributes that hold another value for the time of a call, as `steep.func.functional_call` sets.

What a recorded call reads of them is what it has put there itself, and not what they hold between
calls. So it notes the places, and whoever looks for what the call depends on passes them over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["note_replaced", "take_replaced"]

_places: dict[tuple[int, str], None] = {}  # the ids of dicts of attributes, and names


def note_replaced(places: Iterable[tuple[dict[str, Any], str]]) -> None:
    """Say that these attributes have been replaced, and are as before again."""
    for values, name in places:
        _places[id(values), name] = None


def take_replaced() -> set[tuple[int, str]]:
    """The places noted since this was called last."""
    found = set(_places)
    _places.clear()
    return found
