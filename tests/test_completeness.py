"""No operation without a case, a reference, a gradient check, a docstring and a benchmark."""

from __future__ import annotations

import doctest
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import steep
from cases import TABLE
from cases.row import Row
from registry import ENTRIES, FUNCTION, METHOD, Entry
from steep.reference import OPS

# What the table tests beside the registry: subscripts, which are slots of the type.
BESIDE = {"getitem", "setitem"}
NAMES = sorted({entry.name for entry in ENTRIES})
FIRST = {entry.name: entry for entry in reversed(ENTRIES)}  # of overloads, the one with the text


def missing(entry: Entry, table: dict[str, Row], rows: dict[str, Any]) -> list[str]:
    """What an operation lacks."""
    lacks = []
    row = table.get(entry.cases)
    if row is None:
        return [f"a row {entry.cases!r} in tests/cases"]
    if isinstance(row.reference, str) and row.reference not in OPS:
        lacks.append(f"a reference {row.reference!r} in steep.reference.OPS")
    if row.reference is None and not row.reason:
        lacks.append("a reference, or the reason for having none")
    if row.gradient is not True and not (isinstance(row.gradient, str) and row.gradient):
        lacks.append("a gradient, or the reason for having none")
    if row.rough != 1.0 and not row.reason:
        lacks.append("the reason for its looser tolerance")
    if not row.calls:
        lacks.append("a call")
    if entry.name not in rows and entry.cases not in rows:
        lacks.append("a row in benchmarks/rows.py")
    return [*lacks, *undocumented(entry)]


def undocumented(entry: Entry) -> list[str]:
    """What an operation's text lacks."""
    doc = entry.doc
    in_place = re.fullmatch(r"In-place form of (\w+)\.", doc.strip())
    if in_place:
        return [] if in_place[1] in FIRST else [f"the operation {in_place[1]} that it is a form of"]
    alias = re.match(r"Another name of (?:Tensor\.)?(\w+)\.|See (?:Tensor\.)?(\w+)\(", doc)
    if alias:
        original = alias[1] or alias[2]
        return [] if original in FIRST else [f"the operation {original} that its text sends to"]
    lacks = []
    if ">>> " not in doc:
        lacks.append("an example")
    if not re.search(r"Raises|[Ss]hape|errors", doc) and needs_errors(entry):
        lacks.append("a word on shapes or errors")
    return lacks


def needs_errors(entry: Entry) -> bool:
    """Whether there is something to say: the row has calls that are refused."""
    return bool(TABLE[entry.cases].bad)


def benchmark_rows() -> dict[str, Any]:
    path = Path(__file__).parent.parent / "benchmarks" / "rows.py"
    spec = importlib.util.spec_from_file_location("benchmark_rows", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows: dict[str, Any] = module.ROWS
    return rows


ROWS = benchmark_rows()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.name}-{e.where}")
def test_operation_is_complete(entry: Entry) -> None:
    if FIRST[entry.name] is not entry and entry.doc.startswith("See "):
        return  # an overload of what has been looked at
    assert not missing(entry, TABLE, ROWS)


def test_the_table_has_no_row_for_nothing() -> None:
    named = {entry.cases for entry in ENTRIES} | {entry.name for entry in ENTRIES} | BESIDE
    assert set(TABLE) <= named, set(TABLE) - named


@pytest.mark.parametrize("lack", ["row", "reference", "gradient", "benchmark", "example"])
def test_what_is_missing_is_noticed(lack: str) -> None:
    """The check itself, seen to fail."""
    row = TABLE["exp"]
    entry, table, rows = FIRST["exp"], dict(TABLE), dict(ROWS)
    assert not missing(entry, table, rows)
    if lack == "row":
        del table["exp"]
    elif lack == "reference":
        table["exp"] = Row(row.calls, "expo")
    elif lack == "gradient":
        table["exp"] = Row(row.calls, "exp", gradient="")
    elif lack == "benchmark":
        del rows["exp"]
    else:
        entry = Entry("exp", entry.where, entry.signature, "Shape: any, kept.", "exp", True)
    assert len(missing(entry, table, rows)) == 1


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.name}-{e.where}")
def test_example_says_what_happens(entry: Entry) -> None:
    """The docstrings of the core are not found by pytest's own search for examples."""
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    found = doctest.DocTestParser().get_doctest(entry.doc, {"steep": steep}, entry.name, None, 0)
    report: list[str] = []
    doctest.DocTestRunner(verbose=False, optionflags=flags).run(found, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_benchmark_row_runs(name: str) -> None:
    """Every benchmark row builds and runs with steep, which it has in common with torch."""
    timed = ROWS[name](steep)
    timed()
    timed()


@pytest.mark.parametrize("name", NAMES)
def test_reachable(name: str) -> None:
    """Functions are in steep, methods on Tensor, under the registry's name."""
    entry = FIRST[name]
    if entry.where & FUNCTION and name not in FUNCTIONAL_ONLY:
        assert hasattr(steep, name)
    if entry.where & METHOD:
        assert hasattr(steep.Tensor, name)


# PyTorch keeps the losses in nn.functional.
FUNCTIONAL_ONLY = {name for name in NAMES if name.endswith("_loss")} | {
    "cross_entropy",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "kl_div",
}
