"""No operation, layer or optimiser without its row in the table of cases, and what goes with it."""

from __future__ import annotations

import doctest
import re
from dataclasses import replace
from typing import Any

import pytest

import steep
from cases import BENCHMARKS, LAYERS, OPTIMIZERS, SEARCHES, TABLE
from cases.layer import Layer
from cases.optimizer import Optimizer
from cases.row import Row
from registry import ENTRIES, FUNCTION, FUNCTIONAL, METHOD, Entry
from steep import nn, optim
from steep.compat._root import IN_PLACE, REORDERED, SAME
from steep.reference import OPS
from steep.reference import optim as reference_optim

# What the table tests beside the registry: subscripts, which are slots of the type.
BESIDE = {"getitem", "setitem"}
NAMES = sorted({entry.name for entry in ENTRIES})
FIRST = {entry.name: entry for entry in reversed(ENTRIES)}  # of overloads, the one with the text


def missing(entry: Entry, table: dict[str, Row], timed: dict[str, Any]) -> list[str]:
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
    if entry.name not in timed:
        lacks.append("what is timed of it")
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


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.name}-{e.where}")
def test_operation_is_complete(entry: Entry) -> None:
    if FIRST[entry.name] is not entry and entry.doc.startswith("See "):
        return  # an overload of what has been looked at
    assert not missing(entry, TABLE, BENCHMARKS)


def test_the_table_has_no_row_for_nothing() -> None:
    named = {entry.cases for entry in ENTRIES} | {entry.name for entry in ENTRIES} | BESIDE
    assert set(TABLE) <= named, set(TABLE) - named


@pytest.mark.parametrize("lack", ["row", "reference", "gradient", "benchmark", "example"])
def test_what_is_missing_is_noticed(lack: str) -> None:
    """The check itself, seen to fail."""
    row = TABLE["exp"]
    entry, table, timed = FIRST["exp"], dict(TABLE), dict(BENCHMARKS)
    assert not missing(entry, table, timed)
    if lack == "row":
        del table["exp"]
    elif lack == "reference":
        table["exp"] = Row(row.calls, "expo")
    elif lack == "gradient":
        table["exp"] = Row(row.calls, "exp", gradient="")
    elif lack == "benchmark":
        del timed["exp"]
    else:
        entry = replace(entry, doc="Shape: any, kept.")
    assert len(missing(entry, table, timed)) == 1


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.name}-{e.where}")
def test_example_says_what_happens(entry: Entry) -> None:
    """The docstrings of the core are not found by pytest's own search for examples."""
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    found = doctest.DocTestParser().get_doctest(entry.doc, {"steep": steep}, entry.name, None, 0)
    report: list[str] = []
    doctest.DocTestRunner(verbose=False, optionflags=flags).run(found, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_benchmark_row_runs(name: str) -> None:
    """Whatever is timed builds and runs with steep, which it has in common with torch."""
    timed = BENCHMARKS[name](steep)
    timed()
    timed()


@pytest.mark.parametrize("name", NAMES)
def test_reachable(name: str) -> None:
    """An operation is where its entries say, under the registry's name, and nowhere else.

    But for what PyTorch has in its root as well, which `steep.compat` lists.
    """
    where = 0
    for entry in ENTRIES:
        where |= entry.where if entry.name == name else 0
    at_root = bool(where & FUNCTION) or name in (*IN_PLACE, *REORDERED, *SAME)
    assert hasattr(steep, name) == at_root
    assert hasattr(steep.Tensor, name) == bool(where & METHOD)
    assert hasattr(steep.nn.functional, name) == bool(where & FUNCTIONAL)
    assert (name in steep.nn.functional.__all__) == bool(where & FUNCTIONAL)


# ---- layers and optimisers ----------------------------------------------------------------------


def exported(room: Any, base: type) -> list[str]:
    """The classes of a namespace that are of a kind."""
    found = ((name, getattr(room, name)) for name in room.__all__)
    return sorted(n for n, thing in found if isinstance(thing, type) and issubclass(thing, base))


def missing_of_layer(name: str, layers: dict[str, Layer], timed: dict[str, Any]) -> list[str]:
    """What a class of steep.nn lacks."""
    row = layers.get(name)
    if row is None:
        return [f"a layer {name!r} in tests/cases"]
    lacks = []
    if not row.made and not row.reason:
        lacks.append("a layer of it, or the reason for having none")
    if row.made and all(made.drawn for made in row.made):
        lacks.append("a layer that is compared with the reference")
    if row.rough != 1.0 and not row.reason:
        lacks.append("the reason for its looser tolerance")
    if row.gradient is not True and not (isinstance(row.gradient, str) and row.gradient):
        lacks.append("a gradient, or the reason for having none")
    if row.made and f"nn.{name}" not in timed:
        lacks.append("what is timed of it")
    return lacks


def missing_of_optimizer(
    name: str, optimizers: dict[str, Optimizer], timed: dict[str, Any]
) -> list[str]:
    """What a class of steep.optim lacks."""
    row = optimizers.get(name)
    if row is None:
        return [f"an optimiser {name!r} in tests/cases"]
    lacks = []
    if not row.settings:
        lacks.append("settings to try it with")
    if not row.bad:
        lacks.append("settings that it refuses")
    if not hasattr(reference_optim, name):
        lacks.append(f"a reference {name!r} in steep.reference.optim")
    if f"optim.{name}" not in timed:
        lacks.append("what is timed of it")
    return lacks


CLASSES = exported(nn, nn.Module)
STEPPERS = [name for name in exported(optim, optim.Optimizer) if name != "Optimizer"]


@pytest.mark.parametrize("name", CLASSES)
def test_layer_is_complete(name: str) -> None:
    assert not missing_of_layer(name, LAYERS, BENCHMARKS)


@pytest.mark.parametrize("name", STEPPERS)
def test_optimizer_is_complete(name: str) -> None:
    assert not missing_of_optimizer(name, OPTIMIZERS | SEARCHES, BENCHMARKS)


def test_rows_of_classes_are_of_those_that_there_are() -> None:
    assert sorted(LAYERS) == CLASSES
    assert sorted(OPTIMIZERS | SEARCHES) == STEPPERS


@pytest.mark.parametrize("lack", ["row", "made", "compared", "reason", "gradient", "benchmark"])
def test_what_a_layer_is_missing_is_noticed(lack: str) -> None:
    """The check itself, seen to fail."""
    row, layers, timed = LAYERS["Linear"], dict(LAYERS), dict(BENCHMARKS)
    assert not missing_of_layer("Linear", layers, timed)
    drawn = tuple(replace(made, drawn=True) for made in row.made)
    spoilt = {
        "made": {"made": (), "reason": "", "rough": 1.0},
        "compared": {"made": drawn},
        "reason": {"reason": ""},
        "gradient": {"gradient": ""},
    }
    if lack == "row":
        del layers["Linear"]
    elif lack == "benchmark":
        del timed["nn.Linear"]
    else:
        layers["Linear"] = replace(row, **spoilt[lack])
    assert len(missing_of_layer("Linear", layers, timed)) == 1


@pytest.mark.parametrize("lack", ["row", "settings", "bad", "reference", "benchmark"])
def test_what_an_optimizer_is_missing_is_noticed(
    lack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check itself, seen to fail."""
    rows, timed = dict(OPTIMIZERS), dict(BENCHMARKS)
    assert not missing_of_optimizer("SGD", rows, timed)
    if lack == "row":
        del rows["SGD"]
    elif lack == "reference":
        monkeypatch.delattr(reference_optim, "SGD")
    elif lack == "benchmark":
        del timed["optim.SGD"]
    else:
        rows["SGD"] = replace(rows["SGD"], **{lack: ()})
    assert len(missing_of_optimizer("SGD", rows, timed)) == 1
