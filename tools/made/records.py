"""The operations' records, as the engine gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from steep import _core

FUNCTION, METHOD, INTERNAL, FUNCTIONAL = 1, 2, 4, 8


@dataclass(frozen=True)
class Parameter:
    """One parameter as the record writes it; `kind` is positional, keyword or variadic."""

    name: str
    annotation: str
    default: str | None = None
    kind: str = "positional"


@dataclass(frozen=True)
class Module:
    """The module that holds a function's arguments; `name` is file and class, under steep.nn."""

    name: str
    function: str
    doc: str
    parameters: tuple[Parameter, ...] | None = None
    shows: str | None = None


@dataclass(frozen=True)
class Record:
    """One entry of the registry; overloads of a name are records of their own."""

    name: str
    family: str
    where: int
    signature: str
    parameters: tuple[Parameter, ...]
    returns: str
    doc: str
    cases: str
    out: bool


def parameters_of(rows: list[dict[str, Any]] | None) -> tuple[Parameter, ...] | None:
    """Rows of parameters as objects; None where there are none to speak of."""
    return None if rows is None else tuple(Parameter(**row) for row in rows)


def record_of(row: dict[str, Any]) -> Record:
    """A row of `_core.registry()` as an object."""
    return Record(**{**row, "parameters": parameters_of(row["parameters"])})


def module_of(row: dict[str, Any]) -> Module:
    """A row of `_core.registry_modules()` as an object."""
    return Module(**{**row, "parameters": parameters_of(row["parameters"])})


RECORDS = [record_of(row) for row in _core.registry()]
MODULES = [module_of(row) for row in _core.registry_modules()]
FIRST = {record.name: record for record in reversed(RECORDS)}  # of overloads, the one with the text
