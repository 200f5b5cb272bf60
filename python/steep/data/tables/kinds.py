"""What each column of a table is for a network: a number, a category, a date, or nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from steep.data.tables.columns import Array, Column, as_number
from steep.data.tables.frames import Frame
from steep.data.tables.naming import nearest

__all__ = ["Decision", "TableWarning", "decide", "decide_all"]


class TableWarning(UserWarning):
    """A table's column is left out, for a reason that its message gives."""


class Decision(NamedTuple):
    """A column's kind, ``"number"``, ``"category"``, ``"date"`` or ``"dropped"``, and why."""

    kind: str
    why: str = ""


def decide_all(
    frame: Frame, overrides: Mapping[str, Collection[str]], max_categories: int, what: str
) -> dict[str, Decision]:
    """The kind of every column, by what it holds, or as `overrides` (names by kind) have it.

    Raises:
        ValueError: if a name is no column's, or is given two kinds.
    """
    chosen: dict[str, str] = {}
    for kind, names in overrides.items():
        for name in names:
            if name not in frame.names:
                raise ValueError(
                    f"{what}: there is no column {name!r} to be a {kind}"
                    f"{nearest(name, frame.names)}"
                    if kind != "dropped"
                    else f"{what}: there is no column {name!r} to drop{nearest(name, frame.names)}"
                )
            if chosen.get(name, kind) != kind:
                raise ValueError(
                    f"{what}: column {name!r} is said to be {chosen[name]} and {kind}; one of them"
                )
            chosen[name] = kind
    decisions = {}
    for name in frame.names:
        if chosen.get(name) == "dropped":
            decisions[name] = Decision("dropped", "as asked")
        else:
            decisions[name] = decide(frame[name], chosen.get(name), max_categories)
    return decisions


def decide(column: Column, chosen: str | None, max_categories: int) -> Decision:
    """The kind of one column, judged by the training rows that it holds."""
    missing = column.missing()
    if missing.all():
        return Decision("dropped", "the training rows hold no value")
    gaps = bool(missing.any())
    known = column.values[~missing] if gaps else column.values
    # Most columns show in their first rows already that they change.
    if not gaps and all((part == known[0]).all() for part in (known[:100], known[100:])):
        value = column.levels[known[0]] if column.kind == "levels" else known[0]
        return Decision("dropped", f"constant, {value} in all training rows")
    if chosen is not None:
        return Decision(chosen, "as asked")
    if _is_written_index(column.name, known):
        return Decision("dropped", "it numbers the rows: an index that was written with the table")
    if column.kind != "levels":
        return Decision(column.kind)
    distinct = np.flatnonzero(np.bincount(known))
    hint = ""
    if not column.declared:
        levels = [column.levels[code] for code in distinct]
        if all(map(_is_number, levels)):
            return Decision("number", "text that is all numbers")
        if _all_dates(column._replace(values=distinct)):
            return Decision("date", "text that is all dates")
        hint = _hint(levels)
    return _category(len(distinct), len(known), max_categories, hint)


def _hint(levels: list[Any]) -> str:
    """What texts seem to be meant for, though not all of them fit."""
    odd = [level for level in levels if not _is_number(level)]
    if len(odd) <= min(5, len(levels) / 5):
        shown = ", ".join(map(repr, odd[:3])) + (", ..." if len(odd) > 3 else "")
        return (
            f"{len(levels) - len(odd)} of its {len(levels)} texts are numbers, {shown} "
            f"{'is' if len(odd) == 1 else 'are'} not; where that means that there is no value, "
            f"read the table with missing={odd[0]!r}"
        )
    if all(re.match(r"\d\d?/\d\d?/\d{4}\b", str(level)) for level in levels):
        return (
            "its texts look like dates; read the table with slashes='day-first' or "
            "slashes='month-first'"
        )
    return ""


def _is_written_index(name: str, known: Array) -> bool:
    """Whether it is what pandas' to_csv writes first, and pandas then calls by this name."""
    if name != "Unnamed: 0" or known.dtype.kind != "i":
        return False
    return len(np.unique(known)) == len(known)


def _is_number(level: str) -> bool:
    """Whether text is a number; what begins with a zero, as 0815 does, is the name of something."""
    digits = level.strip().lstrip("+-")
    return as_number(level) == as_number(level) and not (
        digits[:1] == "0" and digits[1:2].isdigit()
    )


def _category(distinct: int, rows: int, max_categories: int, hint: str) -> Decision:
    advice = hint or "name it in categories= or embed= to use it"
    if distinct > max_categories:
        return Decision(
            "dropped", f"{distinct} different texts, more than max_categories={max_categories}; "
            f"{advice}",
        )  # fmt: skip
    if distinct > 10 and distinct > rows / 2:
        return Decision("dropped", f"{distinct} different texts in {rows} rows; {advice}")
    return Decision("category", hint)


def _all_dates(column: Column) -> bool:
    """Whether text looks like dates at its beginning, and is in fact."""
    first = [str(column.levels[code]) for code in column.values[:20]]
    if not all(len(text) >= 10 and text[:4].isdigit() and text[4] == "-" for text in first):
        return False
    try:
        column.dates("TableTransform.fit")
    except ValueError:
        return False
    return True
