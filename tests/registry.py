"""The operations that the engine says it has."""

from __future__ import annotations

from dataclasses import dataclass

from steep import _core


@dataclass(frozen=True)
class Entry:
    """One entry of the registry; overloads of a name are entries of their own."""

    name: str
    where: str
    signature: str
    doc: str
    cases: str | None


ENTRIES = [Entry(*fields) for fields in _core.registry()]
METHODS = {entry.name: entry for entry in reversed(ENTRIES) if entry.where in ("method", "both")}
