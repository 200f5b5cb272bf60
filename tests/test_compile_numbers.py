"""Numbers read inside compiled functions: those that are only returned are read anew."""

from __future__ import annotations

import array
import ctypes
import decimal
import functools
import json
import math
import typing
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep


class Meter:
    last = 0.0


METER = Meter()


def loss_of(x: Any) -> Any:
    return x.exp().sum()


def as_it_is(x: Any) -> Any:
    return loss_of(x).item()


def in_containers(x: Any) -> Any:
    loss = loss_of(x)
    return {"loss": loss.item(), "all": [(2 * loss).item(), loss], "n": 3}


def twice(x: Any) -> Any:
    loss = loss_of(x)
    return loss.item(), loss.item()


def of_double(x: Any) -> Any:
    return loss_of(x).double().item()


def of_a_view(x: Any) -> Any:
    return x.exp()[1].item()


def in_a_variable(x: Any) -> Any:
    loss = loss_of(x)
    value = loss.item()
    other = float(2 * loss)
    if x.shape[0] > 2:
        return value, {"other": other}
    return other


def by_float(x: Any) -> Any:
    return float(loss_of(x))


def under_no_grad(x: Any) -> Any:
    with steep.no_grad():
        return {"n": 3, "loss": [loss_of(x).item()]}


def with_gradient(x: Any) -> Any:
    w = steep.ones(3, requires_grad=True)
    loss = (w * x).sum()
    loss.backward()
    return loss.item(), w.grad


TOTAL, STEPS = steep.zeros(1), steep.zeros((), dtype=steep.int64)


def of_state(x: Any) -> Any:
    TOTAL.add_(x.sum())
    return TOTAL.item(), float(STEPS)


def of_an_argument(x: Any) -> Any:
    return x[1].item(), x[2].double().item()


def of_whole_numbers(x: Any) -> Any:
    """With small ones, of which Python keeps one object each, beside them."""
    n = (x > 0.15).sum()
    return n.item(), (n - 5).item(), 0, 1, 2, float(n), (n * 2**31).item(), (n * -(2**61)).item()


def in_a_choice(x: Any) -> Any:
    loss = loss_of(x)
    value = loss.item() if x.shape[0] > 2 else 0.0
    return value, loss.item() if x.dim() > 1 else 1.0


def of_bytes(x: Any) -> Any:
    return (x * 100).to(steep.uint8)[2].item()


REPLAYED = [as_it_is, in_containers, twice, of_double, of_a_view, in_a_variable, by_float]
REPLAYED += [under_no_grad, steep.no_grad()(as_it_is), lambda x: x.sum().item(), with_gradient]
REPLAYED += [of_state, of_an_argument, of_whole_numbers, in_a_choice, of_bytes]


@pytest.mark.parametrize("function", REPLAYED, ids=range(len(REPLAYED)))
def test_numbers_that_are_only_returned_are_read_anew(function: Callable[[Any], Any]) -> None:
    compiled = steep.compile(function, fullgraph=True)
    for i in range(8):
        x = steep.tensor([0.1, 0.2, 0.3]) * i
        got = compiled(x)
        TOTAL.zero_()
        wanted = function(x)
        TOTAL.zero_()
        assert repr(got) == repr(wanted)
        assert type(got) is type(wanted)
    assert compiled.programs()[0].runs >= 4


class Pair(typing.NamedTuple):
    loss: float
    count: int


def keeps(value: Any) -> Any:
    METER.last = value
    return value


class Log:
    """Whose attributes no cell follows."""

    partial = functools.partial(print)


USES: dict[str, str] = {
    "arithmetic": "return 2 * loss.item() + 1",
    "complex": "return abs(1j * loss.item())",
    "comparison": "return 1 if loss.item() > 3.5 else 2",
    "condition": "v = loss.item()\n    return v if v > 3.5 else 0.0",
    "float in a condition": "return 1 if float(loss) > 3.5 else 2",
    "text": "return str(loss.item())",
    "f-string": "return f'{loss.item():.2f}'",
    "percent": "return '%.1f' % loss.item() == '3.0'",
    "percent of a variable": "v = loss.item()\n    return x * float('%.1f' % v)",
    "isnan": "v = loss.item()\n    return 0.0 if math.isnan(v) else v",
    "isnan by map": "v = [loss.item(), 1.0]\n    return any(map(math.isinf, v))",
    "type": "return x * 1 if type(loss.item()) is float else x * 100",
    "json": "return len(json.dumps([loss.item()]))",
    "NumPy": "return float(np.float32(loss.item()))",
    "array": "return array.array('d', [loss.item()])[0]",
    "decimal": "return float(decimal.Decimal(loss.item()))",
    "ctypes": "last.value = loss.item()\n    return x * 2",
    "unbound method": "return float.is_integer(loss.item())",
    "tensor": "return steep.tensor(loss.item()) * 2",
    "operand": "return steep.ones(2) * loss.item()",
    "number of an operation": "return x.add(x, alpha=loss.item())",
    "attribute": "METER.last = loss.item()\n    return x * 2",
    "attribute of a partial": "Log.partial.last = loss.item()\n    return x * 2",
    "item of a dict": "table['loss'] = loss.item()\n    return x * 2",
    "helper that keeps it": "return keeps(loss.item())",
    "named tuple": "return Pair(loss.item(), 1)",
    "inner function": "v = loss.item()\n    return (lambda: v)()",
    "nonlocal": "v = loss.item()\n    def inner():\n        return v\n    return inner()",
    "augmented": "v = loss.item()\n    v += 1\n    return v",
    "locals": "v = loss.item()\n    return locals()['v']",
    "walrus": "return [w := loss.item(), w + 1]",
    "key": "return len({loss.item(): 1, 3.0: 2})",
    "set": "return len({loss.item(), 3.0})",
    "overwritten": "v = loss.item()\n    loss.add_(1)\n    return v",
    "overwritten in place": "v = loss.item()\n    loss /= 2\n    return v, loss",
    "truth": "return (loss > 3).item()",
    "decides": "return 1.0 if loss.item() else 2.0",
    "decides by a variable": "v = loss.item()\n    return 1.0 if v else 2.0",
    "decides by an int": "return 1.0 if loss.long().item() > 3 else 2.0",
    "generator": "return next(y.item() for y in (loss,))",
}

NAMES = {
    "array": array, "ctypes": ctypes, "decimal": decimal, "json": json,
    "keeps": keeps, "last": ctypes.c_double(0), "loss_of": loss_of, "math": math, "np": np,
    "steep": steep, "table": {}, "Log": Log, "METER": METER, "Pair": Pair,
}  # fmt: skip


def function_of(body: str, tmp_path: Any) -> Any:
    """A function from a file, as users' are."""
    path = tmp_path / "uses.py"
    path.write_text(f"def function(x):\n    loss = loss_of(x)\n    {body}\n")
    names = dict(NAMES, table={})
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names["function"], names


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("values", [(3, 3, 3, 3, 1, 2, 0, 3), (3, 1, 2, 0, 3, 1, 2, 3)], ids=str)
@pytest.mark.parametrize("use", USES)
def test_numbers_that_are_used_keep_a_function_eager(use: str, values: Any, tmp_path: Any) -> None:
    """Also where both recordings have seen the same number."""
    function, names = function_of(USES[use], tmp_path)
    compiled = steep.compile(function)

    def outcome(result: Any) -> str:
        kept = (METER.last, names["last"].value, getattr(Log.partial, "last", 0), names["table"])
        return f"{result!r} {type(result)} {kept}"

    for i in values:
        x = steep.tensor([1.0, 1.0, 1.0]) * (i / 3)
        got = outcome(compiled(x))
        assert got == outcome(function(x))
    assert not compiled.programs()


def test_a_use_is_named_with_its_line() -> None:
    def function(x: Any) -> Any:
        loss = loss_of(x).item()
        return x if loss > 3 else -x

    compiled = steep.compile(function)
    text = r"\(item\).*test_compile_numbers\.py:\d+: loss = loss_of\(x\)\.item\(\)\)"
    compiled(steep.ones(3))
    with pytest.warns(UserWarning, match=text):
        compiled(steep.ones(3))


@pytest.mark.filterwarnings("ignore:compile")
def test_without_its_source_a_function_is_not_seen_through() -> None:
    names: dict[str, Any] = {}
    exec("def function(x):\n    return x.sum().item()", names)
    compiled = steep.compile(names["function"])
    assert [compiled(steep.ones(3) * i) for i in range(6)] == [3.0 * i for i in range(6)]
    assert not compiled.programs()


@steep.compile
def inner(x: Any) -> Any:
    return x.sum().item()


@pytest.mark.filterwarnings("ignore:compile")
def test_a_number_of_a_compiled_function_inside_another_is_used_by_that() -> None:
    def function(x: Any) -> Any:
        return x * 1 if inner(x) > 5 else x * 100

    compiled = steep.compile(function)
    for i in (1, 1, 1, 1, 2, 3, 1):
        x = steep.ones(3) * i
        assert compiled(x).tolist() == function(x).tolist()
    twice = steep.compile(steep.compile(lambda x: x.sum().item(), fullgraph=True), fullgraph=True)
    assert [twice(steep.ones(3) * i) for i in range(6)] == [3.0 * i for i in range(6)]


WHOLE = [0, 1, -1, 256, 257, -6, 2**30 - 1, 2**30, -(2**30), 2**60 - 1, 2**60, 2**63 - 1, -(2**63)]


def test_whole_numbers_of_all_sizes_are_as_python_makes_them() -> None:
    compiled = steep.compile(lambda x: [x.item()], fullgraph=True)
    for _ in range(2):
        for value in WHOLE:
            (got,) = compiled(steep.tensor(value))
            assert (got, type(got), str(got), hash(got)) == (value, int, str(value), hash(value))
            assert (got + 1, got * 3, got >> 2, -got) == (value + 1, value * 3, value >> 2, -value)
            assert got.bit_length() == value.bit_length()
            del got
    assert compiled.programs()[0].runs > len(WHOLE)
