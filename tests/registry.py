"""The operations that the engine says it has."""

from __future__ import annotations

from dataclasses import dataclass

from steep import _core

FUNCTION, METHOD, INTERNAL = 1, 2, 4


@dataclass(frozen=True)
class Entry:
    """One entry of the registry; overloads of a name are entries of their own."""

    name: str
    where: int
    signature: str
    doc: str
    cases: str
    out: bool


ENTRIES = [Entry(**row) for row in _core.registry()]
METHODS = {entry.name: entry for entry in reversed(ENTRIES) if entry.where & METHOD}
