"""The operations that the engine says it has."""

from __future__ import annotations

from dataclasses import dataclass

from steep import _core

FUNCTION, METHOD, INTERNAL, FUNCTIONAL = 1, 2, 4, 8


@dataclass(frozen=True)
class Parameter:
    """One parameter of an entry, as its signature has it."""

    name: str
    annotation: str
    default: str | None
    kind: str


@dataclass(frozen=True)
class Entry:
    """One entry of the registry; overloads of a name are entries of their own."""

    name: str
    family: str
    where: int
    signature: str
    parameters: tuple[Parameter, ...]
    returns: str
    doc: str
    cases: str
    out: bool


def _entry(row: dict[str, object]) -> Entry:
    parameters = tuple(Parameter(**parameter) for parameter in row["parameters"])
    return Entry(**{**row, "parameters": parameters})


ENTRIES = [_entry(row) for row in _core.registry()]
METHODS = {entry.name: entry for entry in reversed(ENTRIES) if entry.where & METHOD}
