"""`item()` in compiled functions: numbers that are only returned are replayed, used ones not."""

from __future__ import annotations

import collections
import copy
import json
import math
import types
import typing
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from steep import _core

Both = collections.namedtuple("Both", ["loss", "count"])


class Typed(typing.NamedTuple):
    loss: float


class Checked(Both):
    def __new__(cls, loss: float, count: int) -> Any:
        if not loss > 0:
            raise ValueError("a loss is positive")
        return super().__new__(cls, loss, count)


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


def named(x: Any) -> Any:
    return Both(loss_of(x).item(), 3)


def typed(x: Any) -> Any:
    return Typed(loss_of(x).item())


def with_gradient(x: Any) -> Any:
    w = steep.ones(3, requires_grad=True)
    loss = (w * x).sum()
    loss.backward()
    return loss.item(), w.grad


REPLAYED = [as_it_is, in_containers, twice, of_double, of_a_view, named, typed, with_gradient]


@pytest.mark.parametrize("function", REPLAYED, ids=lambda f: f.__name__)
def test_numbers_that_are_only_returned_are_read_anew(function: Callable[[Any], Any]) -> None:
    compiled = steep.compile(function, fullgraph=True)
    for i in range(8):
        x = steep.tensor([0.1, 0.2, 0.3]) * i
        got, wanted = compiled(x), function(x)
        assert repr(got) == repr(wanted)
        assert type(got) is type(wanted)
    assert compiled.programs()[0].runs >= 4
    assert type(compiled(steep.ones(3))) is not _core.NumberRead


USES: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda v: 2 * v + 1,
    "comparison": lambda v: 1 if v > 3.5 else 2,
    "reflected comparison": lambda v: 1 if 3.5 < v else 2,  # noqa: SIM300
    "equality": lambda v: v == 3.5,
    "truth": lambda v: 1 if v else 2,
    "rounding": lambda v: round(v, 2),
    "int": int,
    "float": float,
    "text": str,
    "f-string": lambda v: f"{v:.2f}",
    "format": lambda v: "{:.2f}".format(v),  # noqa: UP032
    "isnan": lambda v: v if not math.isnan(v) else 0.0,
    "isfinite of NumPy": lambda v: v if np.isfinite(v) else 0.0,
    "log": lambda v: math.log(v),
    "array": lambda v: float(np.array([v]).sum()),
    "float32 of NumPy": lambda v: float(np.float32(v)),
    "sum": lambda v: sum([v, v]),
    "max": lambda v: max(v, 3.5),
    "sorted": lambda v: sorted([v, 3.5]),
    "set": lambda v: len({v, 3.5}),
    "member": lambda v: v in (3.5, 3.0),
    "copy": copy.copy,
    "real": lambda v: v.real,
    "is_integer": lambda v: v.is_integer(),
    "tensor": lambda v: steep.tensor(v) * 2,
    "list of a tensor": lambda v: steep.tensor([v, 1.0]) * 2,
    "operand": lambda v: steep.ones(2) * v,
    "fill": lambda v: steep.full((2,), v),
    "fused number": lambda v: steep.ones(2).add(steep.ones(2), alpha=v),
    "json": lambda v: json.dumps({"loss": v}),
    "percent": lambda v: "%.2f" % v,  # noqa: UP031
    "attribute": lambda v: setattr(METER, "last", v) or METER.last,
    "type": lambda v: 1 if type(v) is float else 2,
    "own named tuple": lambda v: Checked(v, 1),
}


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("use", USES)
def test_numbers_that_are_used_keep_a_function_eager(use: str) -> None:
    used = USES[use]

    def function(x: Any) -> Any:
        return used(loss_of(x).item())

    if use == "type":  # seen before the number is made where it stands in the function itself

        def function(x: Any) -> Any:  # type: ignore[no-redef]
            return 1 if type(loss_of(x).item()) is float else 2

    compiled = steep.compile(function)
    for i in (3, 3, 3, 3, 1, 2, 0, 3, 1, 1, 1, 1, 1, 2, 3):  # the same in both recordings, too
        x = steep.tensor([0.1, 0.2, 0.3]) * i
        got, wanted = compiled(x), function(x)
        assert repr(got) == repr(wanted)
        assert type(got) is type(wanted)
    assert not compiled.programs()
    assert type(METER.last) is float


def test_a_use_is_named_with_its_line() -> None:
    def function(x: Any) -> Any:
        loss = loss_of(x).item()
        return x if loss > 3 else -x

    compiled = steep.compile(function)
    text = r"\(item\).*test_compile_numbers\.py:\d+: return x if loss > 3 else -x\)"
    compiled(steep.ones(3))
    with pytest.warns(UserWarning, match=text):
        compiled(steep.ones(3))


@pytest.mark.filterwarnings("ignore:compile")
def test_a_number_of_memory_that_is_written_later_is_not_replayed() -> None:
    def function(x: Any) -> Any:
        loss = loss_of(x)
        before = loss.item()
        loss.add_(1)
        return before, loss

    compiled = steep.compile(function)
    for i in range(6):
        x = steep.ones(3) * i
        assert repr(compiled(x)) == repr(function(x))
    assert not compiled.programs()


def test_nothing_of_a_float_is_left_out() -> None:
    kinds = (types.WrapperDescriptorType, types.MethodDescriptorType, types.GetSetDescriptorType)
    members = {name for name, member in vars(float).items() if isinstance(member, kinds)}
    steep.compile(as_it_is)(steep.ones(3))
    assert members - vars(_core.NumberRead).keys() <= {"__getattribute__"}


def test_an_error_leaves_plain_numbers() -> None:
    kept: list[Any] = []

    def function(x: Any) -> Any:
        kept.append(loss_of(x).item())
        if len(kept) == 2:
            raise KeyError("stop")
        return x * 2

    compiled = steep.compile(function)
    compiled(steep.ones(3))
    with pytest.raises(KeyError):
        compiled(steep.ones(3))
    assert [type(v) for v in kept] == [float, float]
    assert kept[0] == kept[1]
