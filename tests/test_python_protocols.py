"""What Python and older code ask of a Tensor: formats, order, shifts, calls without a dim."""

from __future__ import annotations

import copy

import pytest

import steep
from steep import nn
from steep.nn import functional as F


def test_a_number_is_formatted_as_one() -> None:
    x = steep.tensor(2.5, requires_grad=True)
    assert f"{x}" == "2.5"
    assert f"{x:.3f}" == "2.500"
    assert f"{steep.tensor(3):5d}|" == "    3|"
    assert f"{steep.tensor(True)}" == "True"
    assert f"{steep.tensor(2.4544)}" == str(steep.tensor(2.4544).item())


def test_all_else_is_formatted_as_an_object() -> None:
    x = steep.tensor([1.0])
    assert f"{x}" == str(x)
    assert f"{nn.Parameter(steep.tensor(1.5))}".startswith("Parameter containing:")
    for other in (x, nn.Parameter(steep.tensor(1.5))):
        with pytest.raises(TypeError, match="unsupported format string"):
            f"{other:.2f}"


def test_reversed() -> None:
    assert [row.tolist() for row in reversed(steep.tensor([[1, 2], [3, 4]]))] == [[3, 4], [1, 2]]
    x = steep.tensor(1.0)
    assert reversed(x) is x
    w = steep.ones(3, requires_grad=True)
    (reversed(w) * steep.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert w.grad.tolist() == [3.0, 2.0, 1.0]


def test_shifts() -> None:
    x = steep.tensor([1, -6])
    assert (x << 2).tolist() == [4, -24]
    assert (x >> 1).tolist() == [0, -3]
    assert (1 << steep.tensor([0, 3])).tolist() == [1, 8]
    assert (64 >> steep.tensor([0, 3])).tolist() == [64, 8]
    alias = x
    x <<= 1
    assert alias is x
    assert x.tolist() == [2, -12]
    x >>= steep.tensor([1, 2])
    assert x.tolist() == [1, -3]
    assert x.bitwise_left_shift_(1).tolist() == [2, -6]
    assert (steep.tensor([200], dtype=steep.uint8) >> 8).tolist() == [0]
    assert (steep.tensor([1], dtype=steep.uint8) << 257).tolist() == [0]
    assert (steep.tensor([True]) << 1).tolist() == [2]
    for bad in (lambda: steep.ones(1) << 1, lambda: x << 1.0):
        with pytest.raises(NotImplementedError, match="expected integer operands"):
            bad()


def test_old_names_of_division() -> None:
    x = steep.tensor([2.0])
    assert x.__rdiv__(3).tolist() == [1.5]
    assert x.__div__(4).tolist() == [0.5]
    assert x.divide(4, rounding_mode="floor").tolist() == [0.0]
    assert steep.true_divide(x, 4).tolist() == [0.5]


def test_rounded_division_in_place() -> None:
    x = steep.tensor([7, -7])
    assert x.div_(2, rounding_mode="trunc") is x
    assert x.tolist() == [3, -3]
    with pytest.raises(RuntimeError, match="can't be cast"):
        x.div_(2, rounding_mode=None)
    y = steep.tensor([7.0, -7.0])
    assert y.divide_(2, rounding_mode="floor").tolist() == [3.0, -4.0]
    assert y.round_(decimals=-1).tolist() == [0.0, 0.0]


def test_rounded_division_has_zero_gradients() -> None:
    x = steep.tensor([7.0, -7.0], requires_grad=True)
    y = steep.tensor([2.0], requires_grad=True)
    steep.div(x, y, rounding_mode="trunc").sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]
    assert y.grad.tolist() == [0.0]


def test_one_argument_of_where() -> None:
    rows, columns = steep.where(steep.tensor([[0, 2], [3, 0]]))
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])
    assert [x.tolist() for x in steep.where(steep.tensor(True))] == [[0]]


def test_conversions_of_many_elements() -> None:
    x = steep.ones(2)
    for convert in (float, int):
        with pytest.raises(ValueError, match="only one element tensors can be converted"):
            convert(x)
    with pytest.raises(RuntimeError, match="cannot be converted to Scalar"):
        x.item()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_dimension_is_chosen_with_a_warning(name: str) -> None:
    function = getattr(F, name)
    module = {"softmax": nn.Softmax, "log_softmax": nn.LogSoftmax}[name]()
    for shape, dim in (((), 0), ((3,), 0), ((2, 3), 1), ((2, 3, 4), 0), ((2, 3, 1, 2), 1)):
        x = steep.rand(shape)
        for call in (lambda x: function(x), module, lambda x: function(x, None)):
            with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been"):
                got = call(x)
            assert steep.equal(got, function(x, dim))
    with pytest.warns(UserWarning, match="Implicit"):
        assert function(steep.rand(2), dtype=steep.float64).dtype == steep.float64


def test_nuclear_norm_of_a_deficient_matrix() -> None:
    x = steep.zeros(3, 3, dtype=steep.float64, requires_grad=True)
    steep.norm(x, "nuc").backward()
    assert not x.grad.any()
    column = steep.tensor([[1.0], [2.0], [2.0]], dtype=steep.float64)
    y = (column @ column.t()).requires_grad_()
    total = steep.norm(y, "nuc")
    total.backward()
    assert total.item() == pytest.approx(9.0)
    assert steep.allclose(y.grad, (column @ column.t() / 9))


def test_a_shallow_copy_shares_memory() -> None:
    for x in (steep.zeros(2, 3).T, steep.zeros(3).requires_grad_()):
        twin = copy.copy(x)
        assert twin is not x
        assert twin.stride() == x.stride()
        assert twin.requires_grad is x.requires_grad
        with steep.no_grad():
            twin.fill_(2.0)
        assert (x == 2).all()
        assert x._version == twin._version
    weight = steep.nn.Parameter(steep.ones(2), requires_grad=False)
    weight.tag = ["shared"]
    weight.grad = steep.ones(2)
    twin = copy.copy(weight)
    assert type(twin) is steep.nn.Parameter
    assert twin.tag is weight.tag
    assert not twin.requires_grad
    assert twin.grad is None
    assert copy.copy(weight * 2).tolist() == [2.0, 2.0]
