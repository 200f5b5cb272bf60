"""The node of a Function's result is where its ctx is found; nodes are named in PyTorch's order."""

from __future__ import annotations

from typing import Any

import pytest

import steep


class Scale(steep.autograd.Function):
    """x times 3, with two results that are no tensors."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.factor = 3
        ctx.save_for_backward(x)
        return x * 3, None, 5

    @staticmethod
    def backward(ctx: Any, grad: Any, *_: Any) -> Any:
        (x,) = ctx.saved_tensors
        return grad * ctx.factor + 0 * x


def test_the_node_has_what_forward_set() -> None:
    x = steep.ones(2, requires_grad=True)
    y, nothing, number = Scale.apply(x)
    assert (nothing, number) == (None, 5)
    node = y.grad_fn
    assert node.factor == 3
    assert node.needs_input_grad == (True,)
    assert node.saved_tensors[0].tolist() == [1.0, 1.0]
    assert node.name() == "ScaleBackward"
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


class Asks(steep.autograd.Function):
    """Notes which saved tensors require a gradient, in a pass that is not recorded."""

    found: Any = None

    @staticmethod
    def forward(ctx: Any, x: Any, y: Any, z: Any) -> Any:
        out = x * y * z
        ctx.save_for_backward(x, y, z, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        Asks.found = [t.requires_grad for t in ctx.saved_tensors]
        x, y, z, _ = ctx.saved_tensors
        return grad * y * z, grad * x * z, None


def test_saved_tensors_require_gradients_as_they_did() -> None:
    x, z = steep.ones(2, requires_grad=True), steep.ones(2)
    Asks.apply(x, x * 2, z).sum().backward()
    assert Asks.found == [True, True, False, True]
    assert x.grad.tolist() == [4.0, 4.0]


def test_what_is_not_there_is_an_attribute_error_of_the_node() -> None:
    x = steep.ones(2, requires_grad=True)
    y = Scale.apply(x)[0]
    for node in (y.grad_fn, (x * 2).grad_fn):
        with pytest.raises(AttributeError, match="Node"):
            node.no_such_name  # noqa: B018
    y.sum().backward()
    with pytest.raises((AttributeError, RuntimeError)):
        y.grad_fn.saved_tensors  # noqa: B018


@pytest.mark.parametrize("make", [lambda x: 2 * x, lambda x: x * 2, lambda x: 2 + x])
def test_the_node_of_the_tensor_comes_first(make: Any) -> None:
    x = steep.ones(2, requires_grad=True)
    (first, _), (second, _) = make(x).grad_fn.next_functions
    assert first.variable is x
    assert second is None


def test_numbers_change_places_with_tensors_alone() -> None:
    x = steep.tensor([2.0, 4.0])
    assert [(1 - x).tolist(), (1 / x).tolist()] == [[-1.0, -3.0], [0.5, 0.25]]
    assert (3 + x).tolist() == (x + 3).tolist() == [5.0, 7.0]


def test_named_results_are_printed_a_line_each() -> None:
    assert repr(steep.tensor([[1.0, 2.0]]).max(1)) == (
        "steep.return_types.max(\nvalues=tensor([2.]),\nindices=tensor([1]))"
    )
