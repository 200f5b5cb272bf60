"""Custom functions: what apply takes and gives, what backward gets and may return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import steep
from steep import autograd


def leaf(*values: float) -> steep.Tensor:
    return steep.tensor([float(value) for value in values], requires_grad=True)


def function(forward: Callable[..., Any], backward: Callable[..., Any]) -> Any:
    """A Function of these two, called Made."""
    parts = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Made", (autograd.Function,), parts)


def gradient(made: Any, x: steep.Tensor) -> list[float]:
    (slope,) = autograd.grad(made.apply(x).sum(), x)
    assert slope.dtype == x.dtype
    return slope.tolist()


def test_a_gradient_is_summed_to_the_argument_s_shape() -> None:
    x = leaf(1, 2)
    total = function(lambda ctx, x: x.sum(), lambda ctx, grad: steep.ones(3, 2) * grad)
    assert gradient(total, x) == [3.0, 3.0]
    number = steep.tensor(2.0, requires_grad=True)
    assert gradient(function(lambda ctx, x: x * 1, lambda ctx, grad: steep.ones(3, 2)), number) == 6
    column = steep.ones(2, 1, requires_grad=True)
    wide = function(lambda ctx, x: x * 1, lambda ctx, grad: steep.ones(4, 2, 5))
    assert gradient(wide, column) == [[20.0], [20.0]]
    for shape in ((3,), (1,), (), (2, 1)):
        wrong = function(lambda ctx, x: x.sum(), lambda ctx, grad, s=shape: steep.ones(s))
        with pytest.raises(RuntimeError, match=r"MadeBackward .* compatible with \[2\]"):
            gradient(wrong, x)


@pytest.mark.parametrize("kind", [steep.float64, steep.int64, steep.bool])
def test_a_gradient_is_converted_to_the_argument_s_dtype(kind: Any) -> None:
    made = function(lambda ctx, x: x.sum(), lambda ctx, grad: steep.ones(2, dtype=kind))
    assert gradient(made, leaf(1, 2)) == [1.0, 1.0]


def test_results_that_are_no_tensors_pass_through() -> None:
    got: list[Any] = []

    def backward(ctx: Any, *grads: Any) -> Any:
        got.extend(grads)
        return grads[0] * 2 + grads[3] * 5

    made = function(lambda ctx, x: (x * 2, None, 3, x * 5, "text"), backward)
    x = leaf(1, 2)
    first, *rest = made.apply(x)
    assert (rest[0], rest[1], rest[3]) == (None, 3, "text")
    assert rest[2].requires_grad
    first.sum().backward()
    assert got[1] is got[2] is got[4] is None
    assert got[3].tolist() == [0.0, 0.0]
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]
    for alone in (None, 3, "text", ()):
        assert function(lambda ctx, x, a=alone: a, backward).apply(x) == alone


def test_results_without_a_gradient_get_zeros() -> None:
    """Integers, and what is marked: of their own dtype, unless zeros are not wanted."""
    got: list[Any] = []

    def forward(ctx: Any, x: steep.Tensor, zeros: bool) -> Any:
        marked = x * 3
        ctx.mark_non_differentiable(marked)
        ctx.set_materialize_grads(zeros)
        return x * 2, (x > 0).long(), marked

    def backward(ctx: Any, grad: Any, *others: Any) -> Any:
        got.extend(others)
        return grad * 2, None

    made = function(forward, backward)
    for zeros in (True, False):
        out, whole, marked = made.apply(leaf(1, 2), zeros)
        assert not whole.requires_grad
        assert not marked.requires_grad
        out.sum().backward()
    assert got[0].dtype == steep.int64
    assert got[0].tolist() == got[1].tolist() == [0, 0]
    assert got[2:] == [None, None]


def test_keywords_take_their_places_in_forward() -> None:
    def forward(ctx: Any, x: steep.Tensor, y: Any = None, k: float = 2.0) -> steep.Tensor:
        return x * k if y is None else x * y * k

    def backward(ctx: Any, grad: steep.Tensor) -> Any:
        needs.append(ctx.needs_input_grad)
        return grad * 5, grad * 7

    needs: list[tuple[bool, ...]] = []
    made = function(forward, backward)
    a, b = leaf(1, 1), leaf(1, 1)
    by_a, by_b = autograd.grad(made.apply(y=a, x=b).sum(), [a, b])
    assert (by_a.tolist(), by_b.tolist()) == ([7.0, 7.0], [5.0, 5.0])
    assert needs == [(True, True)]
    with pytest.raises(TypeError, match="unexpected keyword argument 'q'"):
        made.apply(a, q=3.0)
    with pytest.raises(TypeError, match="every argument of forward before k, got 1"):
        made.apply(a, k=3.0)


def test_setup_context_gets_defaults() -> None:
    class Scaled(autograd.Function):
        @staticmethod
        def forward(x: steep.Tensor, k: float = 3.0) -> steep.Tensor:
            return x * k

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx: Any, grad: steep.Tensor) -> Any:
            return grad * ctx.k, None

    x = leaf(1, 2)
    for call, slope in ((lambda: Scaled.apply(x), 3.0), (lambda: Scaled.apply(x, k=4.0), 4.0)):
        assert autograd.grad(call().sum(), x)[0].tolist() == [slope, slope]


def test_what_is_written_in_place_must_come_back() -> None:
    def forward(ctx: Any, x: steep.Tensor, back: bool) -> steep.Tensor:
        x.add_(1)
        ctx.mark_dirty(x)
        return x if back else x * 2

    made = function(forward, lambda ctx, grad: (grad * 3, None))
    x = leaf(1, 2)
    inner = x * 1
    assert made.apply(inner, True) is inner
    inner.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]
    with pytest.raises(RuntimeError, match=r"dirty .* were not returned"):
        made.apply(x * 1, False)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        made.apply(leaf(1), True)


def test_only_tensors_are_saved() -> None:
    made = function(lambda ctx, x: ctx.save_for_backward(3), lambda ctx, grad: grad)
    with pytest.raises(TypeError, match="argument 0 is of type int"):
        made.apply(leaf(1))


def test_a_result_returned_twice() -> None:
    """As in PyTorch: one tensor, whose gradient comes at the last of its places."""

    def forward(ctx: Any, x: steep.Tensor) -> Any:
        y = x * 2
        return y, y

    made = function(forward, lambda ctx, a, b: a * 2 + b * 3)
    x = leaf(1, 2)
    first, second = made.apply(x)
    assert first is second
    (first + 10 * second).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [33.0, 33.0]


def test_a_gradient_that_nobody_wants_is_not_looked_at() -> None:
    class Doubled(autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: steep.Tensor, times: steep.Tensor) -> steep.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: steep.Tensor) -> tuple[steep.Tensor, steep.Tensor]:
            return grad * 2, steep.zeros(7, 7)

    x, times = steep.ones(2, requires_grad=True), steep.ones(3)
    Doubled.apply(x, times).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 2]
    assert times.grad is None
    wanted = steep.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="invalid gradient at index 1"):
        Doubled.apply(x, wanted).sum().backward()
