"""In-place forms: the value of the out-of-place form in the same memory, and its gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.random import DRAWN
from cases.row import Arr, Array, Call, Row, arr, call, materialize
from registry import ENTRIES, METHODS
from runner import Recorded, function_of, numpy, tensor, to_native
from tolerances import close, same_bits

# Forms that change no value.
NOT_VALUES = {"detach_": "it changes the history alone", "requires_grad_": "it sets a flag"}
# Forms that change the shape alone.
SHAPES = ("squeeze_", "swapaxes_", "swapdims_", "t_", "transpose_", "unsqueeze_")


def base_of(name: str) -> str:
    return METHODS[name].cases


FORMS = sorted(
    name
    for name in METHODS
    if name.endswith("_")
    and not name.endswith("__")
    and name not in NOT_VALUES
    and name not in SHAPES
    and TABLE[base_of(name)].gradient != DRAWN  # test_random.py has their values
    and TABLE[base_of(name)].reference is not None
)
ELSEWHERE = {"zero_": (call(arr(2, 3)), call(arr(0, 2)))}


def out_of_place(name: str) -> Callable[..., Any]:
    """The function that the in-place form is the form of."""
    if name in TABLE:  # a row of its own, which writes already
        return function_of(name, TABLE[name])
    if name == "zero_":
        return lambda x: x * 0
    return function_of(base_of(name), TABLE[base_of(name)])


def writable(name: str) -> Iterator[tuple[Call, Call]]:
    """Calls whose result has the shape and dtype of the first argument."""
    row: Row = TABLE[base_of(name)]
    for described in ELSEWHERE.get(name, row.calls):
        found = materialize(
            described, "float64" if "float64" in row.dtypes else row.dtypes[0], name
        )
        if not isinstance(described.args[0], Arr) or not described.args[0].domain:
            continue
        native = to_native(found)
        result = out_of_place(name)(*native.args, **native.kwargs)
        first = native.args[0]
        if not isinstance(result, steep.Tensor):
            continue
        truth = result.dtype == steep.bool  # it is written as 0 or 1
        if result.shape == first.shape and (result.dtype == first.dtype or truth):
            yield described, found


@pytest.mark.parametrize("name", SHAPES)
def test_changes_the_shape_alone(name: str) -> None:
    """The memory stays as it is, and gradients go back through the change."""
    row = TABLE[base_of(name)]
    plain = function_of(base_of(name), row)
    for described in row.calls:
        found = materialize(described, "float64", name)
        native = to_native(found)
        expected = plain(*native.args, **native.kwargs)
        x = tensor(found.args[0])
        version, address = x._version, x.data_ptr()
        assert getattr(x, name)(*native.args[1:], **native.kwargs) is x
        assert (x.data_ptr(), x._version) == (address, version)
        assert (x.shape, x.stride()) == (expected.shape, expected.stride())
        same_bits(x.numpy(), expected.numpy())
        by_plain = recorded(lambda x, *a, **k: plain(x * 1.0, *a, **k), described, found)
        by_form = recorded(lambda x, *a, **k: getattr(x * 1.0, name)(*a, **k), described, found)
        same_bits(by_form[0], by_plain[0])
        for got, wanted in zip(by_form[1], by_plain[1], strict=True):
            same_bits(got, wanted)


@pytest.mark.parametrize("name", FORMS)
def test_writes_the_result(name: str) -> None:
    count = 0
    for _, found in writable(name):
        native = to_native(found)
        expected = out_of_place(name)(*native.args, **native.kwargs)
        x = tensor(found.args[0])
        version, address = x._version, x.data_ptr()
        result = getattr(x, name)(*native.args[1:], **native.kwargs)
        assert result is x
        assert x.data_ptr() == address
        assert x._version == version + 1
        close(x.numpy(), expected.to(x.dtype).numpy())
        count += 1
    assert count, "no call of the row can be done in place"


@pytest.mark.parametrize("name", FORMS)
def test_writes_through_a_view(name: str) -> None:
    """Only the window is written, whatever its strides."""
    for _, found in writable(name):
        x = found.args[0]
        if x.ndim == 0:
            continue
        native = to_native(found)
        expected = out_of_place(name)(*native.args, **native.kwargs).numpy()
        inside = (slice(1, None, 2),) * x.ndim
        memory = np.full([2 * n + 1 for n in x.shape], 7, x.dtype)
        memory[inside] = x
        base = tensor(memory)
        getattr(base[inside], name)(*native.args[1:], **native.kwargs)
        memory[inside] = expected
        close(base.numpy(), memory)


def differentiable(name: str) -> bool:
    return TABLE[base_of(name)].gradient is True


def recorded(
    function: Callable[..., Any], described: Call, found: Call
) -> tuple[Array, list[Array]]:
    """Result and gradients, for a fixed cotangent."""
    graph = Recorded("", Row((), None, function=function), described, found)
    grads = graph.cotangents(np.random.default_rng(5))
    return numpy(graph.results)[0], numpy(graph.gradients([tensor(g) for g in grads]))


@pytest.mark.parametrize("name", [n for n in FORMS if differentiable(n)])
def test_gradient_in_place(name: str) -> None:
    plain = out_of_place(name)
    for described, found in writable(name):
        if found.args[0].dtype.kind != "f":
            continue
        value, gradients = recorded(lambda x, *a, **k: plain(x * 1.0, *a, **k), described, found)
        other, by_other = recorded(
            lambda x, *a, **k: getattr(x * 1.0, name)(*a, **k), described, found
        )
        close(other, value)
        for got, expected in zip(by_other, gradients, strict=True):
            close(got, expected)


@pytest.mark.parametrize("name", [n for n in FORMS if differentiable(n)])
def test_gradient_through_a_view(name: str) -> None:
    """A write into a window of a tensor: its gradient is that of the tensors put together."""
    plain = out_of_place(name)
    for described, found in writable(name):
        x = found.args[0]
        if x.ndim == 0 or x.dtype.kind != "f":
            continue
        frame = np.linspace(0.5, 1.5, 3 * x.size).reshape(3, *x.shape)

        def in_place(x: Any, *args: Any, frame: Array = frame, **kwargs: Any) -> Any:
            base = tensor(frame) * 1.0
            base[1] = x
            getattr(base[1], name)(*args, **kwargs)
            return base * base

        def composed(x: Any, *args: Any, frame: Array = frame, **kwargs: Any) -> Any:
            first, _, last = tensor(frame)
            out = steep.stack([first, plain(x * 1.0, *args, **kwargs), last])
            return out * out

        value, gradients = recorded(composed, described, found)
        other, by_other = recorded(in_place, described, found)
        close(other, value)
        for got, expected in zip(by_other, gradients, strict=True):
            close(got, expected)


def test_operators_in_place() -> None:
    x = y = steep.tensor([4.0, 6.0])
    x += 2
    x -= 1
    x *= 3
    x /= 5
    assert x is y
    assert x.tolist() == [3.0, pytest.approx(4.2)]
    n = m = steep.tensor([7, 9])
    n //= 2
    n **= 2
    n %= 5
    assert n is m
    assert n.tolist() == [4, 1]


def test_one_memory_read_and_written() -> None:
    """An operand that overlaps what is written counts with its old values."""
    x = steep.arange(6.0)
    x[1:].add_(x[:-1])
    assert x.tolist() == [0.0, 1.0, 3.0, 5.0, 7.0, 9.0]
    x[:3].copy_(x[1:4])
    assert x.tolist() == [1.0, 3.0, 5.0, 5.0, 7.0, 9.0]
    m = steep.arange(9.0).reshape(3, 3)
    m.copy_(m.t())
    assert m.tolist() == [[0.0, 3.0, 6.0], [1.0, 4.0, 7.0], [2.0, 5.0, 8.0]]


# Functions that have an argument for it.
WITH_FLAG = sorted(
    {e.name for e in ENTRIES if "inplace" in e.signature and TABLE[e.cases].reference is not None}
)


@pytest.mark.parametrize("name", WITH_FLAG)
def test_by_the_argument_inplace(name: str) -> None:
    """What backward needs is kept, though the input goes."""
    function = getattr(steep.nn.functional, name)
    for described in TABLE[name].calls:
        found = materialize(described, "float32", name)
        more = to_native(Call(found.args[1:], found.kwargs))
        leaves = [tensor(found.args[0]).requires_grad_() for _ in range(2)]
        plain, written = (leaf * 1.0 for leaf in leaves)
        steep.manual_seed(0)
        expected = function(plain, *more.args, **more.kwargs)
        steep.manual_seed(0)
        result = function(written, *more.args, **more.kwargs, inplace=True)
        assert result is written
        close(result.detach().numpy(), expected.detach().numpy())
        weights = steep.arange(float(expected.numel())).view(expected.shape)
        (expected * weights).sum().backward()
        (result * weights).sum().backward()
        close(leaves[1].grad.numpy(), leaves[0].grad.numpy())
