"""Shapes and subscripts that nobody thought of, against NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import steep
from runner import tensor

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def numbers(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(math.prod(shape), dtype=np.float64).reshape(shape)


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4, min_side=0))
def test_broadcasting(shapes: hnp.BroadcastableShapes) -> None:
    a, b = (numbers(shape) + 1 for shape in shapes.input_shapes)
    x, y = tensor(a).requires_grad_(), tensor(b).requires_grad_()
    out = x * y
    np.testing.assert_array_equal(out.detach().numpy(), a * b)
    cotangent = numbers(tuple(out.shape)) - 3
    by_x, by_y = steep.autograd.grad(out, [x, y], tensor(cotangent))
    np.testing.assert_allclose(by_x.numpy(), summed(cotangent * b, a.shape))
    np.testing.assert_allclose(by_y.numpy(), summed(cotangent * a, b.shape))


def summed(grad: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and grad.shape[i] != 1)
    return np.asarray(grad.sum(axis=stretched, keepdims=True)).reshape(shape)


@given(SHAPES, SHAPES)
def test_shapes_that_do_not_broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, y = steep.zeros(a), steep.zeros(b)
    try:
        shape = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(RuntimeError, match="add: expected shapes that broadcast"):
            x + y
    else:
        assert tuple((x + y).shape) == shape


@given(SHAPES, st.data())
def test_reshape(shape: tuple[int, ...], data: st.DataObject) -> None:
    a = numbers(shape)
    order = data.draw(st.permutations(range(len(shape))))
    moved, x = a.transpose(order), tensor(a).permute(order)
    target = data.draw(refactored(a.size))
    np.testing.assert_array_equal(x.reshape(target).numpy(), moved.reshape(target))
    if a.size and not np.shares_memory(moved, moved.reshape(target)):
        with pytest.raises(RuntimeError, match=r"Use \.reshape"):
            x.view(target)
    else:
        viewed = x.view(target)
        np.testing.assert_array_equal(viewed.numpy(), moved.reshape(target))
        assert viewed.data_ptr() == x.data_ptr()


@st.composite
def refactored(draw: st.DrawFn, size: int) -> tuple[int, ...]:
    """A shape of `size` elements."""
    if size == 0:
        return draw(st.sampled_from([(0,), (2, 0), (0, 3, 1), (1, 0, 2)]))
    sides = []
    left = size
    while left > 1 and len(sides) < 4:
        side = draw(st.sampled_from([d for d in range(1, left + 1) if left % d == 0]))
        sides.append(side)
        left //= side
    return (*sides, left) if left > 1 or draw(st.booleans()) else tuple(sides)


@st.composite
def subscripts(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Integers, slices of positive step, new axes and an ellipsis."""
    items: list[Any] = []
    for n in shape:
        kind = draw(st.sampled_from(["slice", "slice", "integer", "none", "stop"]))
        if kind == "stop":
            break
        if kind == "none":
            items.append(None)
        if kind == "integer" and n > 0:
            items.append(draw(st.integers(-n, n - 1)))
        else:
            bounds = st.none() | st.integers(-n - 2, n + 2)
            step = draw(st.none() | st.integers(1, 3))
            items.append(slice(draw(bounds), draw(bounds), step))
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), Ellipsis)
        if items[-1] is not Ellipsis:  # what follows an ellipsis counts from the end
            assume(fits(shape, items))
    return tuple(items)


def fits(shape: tuple[int, ...], items: list[Any]) -> bool:
    try:
        np.empty(shape)[tuple(items)]
    except IndexError:
        return False
    return True


@given(SHAPES, st.data())
def test_basic_subscripts(shape: tuple[int, ...], data: st.DataObject) -> None:
    a = numbers(shape)
    index = data.draw(subscripts(shape))
    x = tensor(a)
    np.testing.assert_array_equal(x[index].numpy(), a[index])
    assert x[index].numel() == 0 or x[index]._base is x
    a[index] = -1.0
    x[index] = -1.0
    np.testing.assert_array_equal(x.numpy(), a)


@given(
    hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4),
    st.data(),
)
def test_indices_and_masks(shape: tuple[int, ...], data: st.DataObject) -> None:
    """Arrays of indices next to each other: apart, they mean something else in NumPy."""
    a = numbers(shape)
    first = data.draw(st.integers(0, len(shape) - 1))
    count = data.draw(st.integers(1, len(shape) - first))
    if data.draw(st.booleans()):
        index: tuple[Any, ...] = (data.draw(hnp.arrays(bool, shape[first : first + count])),)
    else:
        sides = data.draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3))
        index = tuple(
            data.draw(hnp.arrays(np.int64, sides, elements=st.integers(-n, n - 1)))
            for n in shape[first : first + count]
        )
    subscript = (*(slice(None),) * first, *index)
    native = tuple(tensor(i) if isinstance(i, np.ndarray) else i for i in subscript)
    x = tensor(a).requires_grad_()
    picked = x[native]
    np.testing.assert_array_equal(picked.detach().numpy(), a[subscript])
    cotangent = numbers(tuple(picked.shape)) + 1
    (grad,) = steep.autograd.grad(picked, [x], tensor(cotangent))
    expected = np.zeros(shape)
    np.add.at(expected, subscript, cotangent)
    np.testing.assert_array_equal(grad.numpy(), expected)


@given(SHAPES, st.data())
def test_sums_over_any_dimensions(shape: tuple[int, ...], data: st.DataObject) -> None:
    a = numbers(shape)
    dims = data.draw(st.sets(st.integers(0, max(len(shape) - 1, 0))).map(tuple))
    assume(shape or not dims)
    keepdim = data.draw(st.booleans())
    order = data.draw(st.permutations(range(len(shape))))
    x, moved = tensor(a).permute(order), a.transpose(order)
    axis = dims or None
    expected = moved.sum(axis=axis, keepdims=keepdim)
    np.testing.assert_allclose(x.sum(dims, keepdim).numpy(), expected)
    if a.size:
        np.testing.assert_array_equal(
            x.amax(dims, keepdim).numpy(), moved.max(axis=axis, keepdims=keepdim)
        )


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.booleans(), st.booleans())
def test_products_of_any_size(m: int, k: int, n: int, left: bool, right: bool) -> None:
    rng = np.random.default_rng(m * 1681 + k * 41 + n)
    a, b = rng.normal(size=(m, k)), rng.normal(size=(k, n))
    x = tensor(a.T).t() if left else tensor(a)
    y = tensor(b.T).t() if right else tensor(b)
    np.testing.assert_allclose((x @ y).numpy(), a @ b, rtol=1e-12, atol=1e-12)


@given(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=4, max_side=4, min_side=0))
def test_broadcast_shapes(shapes: hnp.BroadcastableShapes) -> None:
    assert steep.broadcast_shapes(*shapes.input_shapes) == shapes.result_shape


def test_broadcast_shapes_refuses() -> None:
    with pytest.raises(RuntimeError, match="sizes 3 and 2 in dimension 1"):
        steep.broadcast_shapes((4, 3), 2)
    with pytest.raises(RuntimeError, match="sizes of at least 0, got -1"):
        steep.broadcast_shapes((4, -1))


def test_shape_changed_in_place_keeps_the_graph() -> None:
    x = steep.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 2
    assert y.unsqueeze_(1) is y
    assert y.shape == (2, 1, 3)
    (y.transpose_(0, 2).squeeze_() * steep.arange(6.0).reshape(3, 2)).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * np.arange(6.0).reshape(3, 2).T)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x.t_()
    base = steep.zeros(2, 3)
    view = base[0].unsqueeze_(0)
    view.add_(1)
    assert base.tolist() == [[1, 1, 1], [0, 0, 0]]
