"""Subscripts, and indexing by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.bench import MATRIX, SHAPE, timed
from cases.row import ALL, FLOATS, INTEGERS, Arr, Row, Timed, arr, bad, call

_X = arr(2, 3, 4)


def below(n: int, *shape: int, dtype: str = "int64") -> Arr:
    return arr(*shape, domain=f"below{n}", dtype=dtype)


def mask(*shape: int) -> Arr:
    return arr(*shape, domain="mask", dtype="bool")


# Why calls are not replayed.
_OF_VALUES = "the size of its result depends on values"
_BY_VALUE = f"{_OF_VALUES}|it indexes by the value of a 0-d tensor"

_INDICES: list[Any] = [
    0,
    -1,
    (slice(None), -1),
    (Ellipsis, slice(0, 4, 2)),
    (None, 1, slice(1, None)),
    (slice(5, 9),),
    (slice(None, None, 3), Ellipsis, None),
    below(2, 3),
    below(2, 3, dtype="int32"),
    (below(2, 2, 1), slice(None), below(4, 3)),
    (0, slice(None), below(4, 2)),
    (np.array(1), slice(None), below(4, 2)),
    (np.array(-1), Ellipsis, [0, 2]),
    (slice(None), np.array(2)),
    (below(2, 3), below(3, 3)),
    (slice(None), below(3, 2, 2), below(4, 2)),
    mask(2, 3, 4),
    (slice(None), mask(3)),
    mask(2, 3),
    (mask(2), 0),
    below(2, 0),
    Ellipsis,
    (),
    (Ellipsis, Ellipsis),
    (Ellipsis, 0, Ellipsis),
    [0, 1],
    [[0, 1], [1, 2]],
    [[[0, 1], [1, 0]]],
    [(0, 1), (1, 2)],
    ([[0, 1], [1, 0]],),
    [[0], [1], [2]],
    [[True, False], [0]],
    [slice(0, 1), 0],
    [None, 0],
    [Ellipsis, 0],
    [[]],
    [[], []],
    range(2),
    [range(2), range(2)],
    (range(2), [0, 2]),
    [True, False],
    [[True, False]],
    [below(2, 2), 0],
    [below(2, 2), below(3, 2)],
    [1.0, 0.0],
    [0] * 32,
]
_bad_index = (
    bad(IndexError, "out of bounds", _X, (0, 3)),
    bad(IndexError, "out of bounds", _X, np.array([2])),
    bad(IndexError, "too many indices for tensor of dimension 3", _X, (0, 0, 0, 0)),
    bad(IndexError, "does not match the shape of the indexed tensor", _X, mask(3)),
    bad(
        IndexError,
        "tensors used as indices must be long, int, byte or bool",
        _X,
        arr(2, dtype="float32"),
    ),
    bad(ValueError, "step must be greater than zero", _X, (slice(None, None, -1),)),
    bad(IndexError, "second ellipsis", _X, (Ellipsis, Ellipsis, 0)),
    bad(IndexError, "shape mismatch", _X, (np.array([0, 1]), np.array([0, 1, 2]))),
    bad(ValueError, "at most 64 bits", _X, 2**63),
    bad(TypeError, "no names to be indexed by", _X, "row"),
    bad(IndexError, "for dimension 1 with size 3", _X, (0, 3)),
)


def _subscript(m: Any) -> Timed:
    x = m.ones(*SHAPE)
    return lambda: x[3:40, 5]


def _assignment(m: Any) -> Timed:
    x = m.ones(*SHAPE)
    return lambda: x.__setitem__((slice(3, 40), 5), 2.0)


def _set(x: Any, index: Any, value: Any) -> Any:
    out = x.clone()
    out[index] = value
    return out


INDEX = {
    "getitem": Row(
        tuple(call(_X, index) for index in _INDICES),
        "getitem",
        ALL,
        function=lambda x, index: x[index],
        bench=_subscript,
        eager=_BY_VALUE,
        bad=_bad_index,
        view=True,
    ),
    "setitem": Row(
        (
            *(call(_X, index, 2) for index in _INDICES),
            call(_X, (slice(None), 1), arr(4)),
            call(_X, (slice(None), 1), arr(2, 1)),
            call(_X, 0, arr()),
            call(_X, np.array([1]), arr()),
            call(_X, (np.array([1, 0]), np.array([2, 0])), arr(2, 4)),
            call(arr(6), mask(6), arr()),
        ),
        "setitem",
        ALL,
        function=_set,
        bench=_assignment,
        eager=_BY_VALUE,
        kernels=("index_put",),
        bad=(
            *(bad(b.error, b.text, *b.call.args, 1) for b in _bad_index),
            bad(RuntimeError, "", _X, 0, arr(3, 3)),
        ),
    ),
    "index_select": Row(
        (
            call(arr(2, 3), 1, below(3, 3)),
            call(arr(4, 2), 0, below(4, 2, dtype="int32")),
            call(arr(4), 0, below(4)),
            call(arr(), 0, below(1, 1)),
            call(arr(3, 2), -1, below(2, 0)),
        ),
        "index_select",
        ALL,
        bench=call(MATRIX, 0, below(SHAPE[0], 32)),
        kernels=("index_select", "index_add"),
        bad=(
            bad(IndexError, "index 3 is out of bounds", arr(2, 3), 1, np.array([0, 3])),
            bad(IndexError, "out of bounds", arr(2, 3), 1, np.array([-1])),
            bad(RuntimeError, "index_select: expected an int64 or int32 index", arr(3), 0, arr(1)),
            bad(IndexError, "supposed to be a vector", arr(3), 0, below(3, 1, 1)),
        ),
    ),
    "gather": Row(
        (
            call(arr(2, 3), 1, below(3, 2, 5)),
            call(arr(2, 3), 0, below(2, 4, 1)),
            call(arr(4), 0, below(4, 2)),
            call(arr(), 0, below(1)),
            call(arr(2, 3), 1, below(3, 2, 0)),
            call(arr(5), 0, below(5, 0, dtype="uint8")),
        ),
        "gather",
        ALL,
        bench=call(MATRIX, 1, below(SHAPE[1], SHAPE[0], 16)),
        kernels=("gather",),
        bad=(
            bad(RuntimeError, "out of bounds", arr(2, 3), 1, np.array([[3], [0]])),
            bad(RuntimeError, "same number of dimensions", arr(2, 3), 1, below(2, 2)),
            bad(RuntimeError, "an int64 or int32 index", arr(2), 0, arr(2)),
            bad(RuntimeError, "an int64 or int32 index", arr(2), 0, below(2, 2, dtype="uint8")),
        ),
    ),
    "scatter_add": Row(
        (
            call(arr(2, 3), 1, below(3, 2, 5), arr(2, 6)),
            call(arr(3, 4), 0, below(3, 2, 2), arr(2, 2)),
            call(arr(3), 0, below(3, 7), arr(7)),
            call(arr(3), 0, below(3, 0), arr(0)),
        ),
        "scatter_add",
        bench=call(MATRIX, 1, below(SHAPE[1], *SHAPE), MATRIX),
        kernels=("scatter_add",),
        dtypes=(*FLOATS, *INTEGERS),
        bad=(
            bad(RuntimeError, "out of bounds", arr(3), 0, np.array([3]), arr(1)),
            bad(
                RuntimeError,
                "src of the input's dtype",
                arr(3),
                0,
                below(3, 1),
                arr(1, dtype="int64"),
            ),
            bad(RuntimeError, "no larger than src", arr(3), 0, below(3, 2), arr(1)),
        ),
    ),
    "masked_select": Row(
        (
            call(arr(2, 3), mask(3)),
            call(arr(3), mask(2, 3)),
            call(arr(), mask()),
            call(arr(0), mask(0)),
        ),
        "masked_select",
        ALL,
        bench=call(MATRIX, mask(*SHAPE)),
        eager=_OF_VALUES,
        bad=(bad(RuntimeError, "masked_select: expected a mask of dtype bool", arr(3), arr(3)),),
    ),
    "nonzero": Row(
        (
            call(arr(2, 5, domain="below3")),
            call(arr(7, domain="below3")),
            call(arr(0, 2)),
            call(arr()),
        ),
        lambda x: np.argwhere(x).astype(np.int64),
        ALL,
        "its result is an index",
        bench=call(MATRIX),
        eager=_OF_VALUES,
    ),
    "nonzero_tuple": Row(
        (
            call(arr(2, 5, domain="below3")),
            call(arr(7, domain="below3")),
            call(arr(0, 2)),
            call(arr()),
        ),
        lambda x: tuple(p.astype(np.int64) for p in np.nonzero(np.atleast_1d(x))),
        ALL,
        "its result is an index",
        function=lambda x: x.nonzero(as_tuple=True),
        bench=timed("where", call(MATRIX)),
        eager=_OF_VALUES,
    ),
    "one_hot": Row(
        (
            call(below(4, 2, 3)),
            call(below(4, 5), 6),
            call(below(3), 3),
            call(below(3, 0), num_classes=3),
            call(below(3, 4, dtype="int32"), 3),
            call(below(3, 4, dtype="uint8"), 3),
        ),
        "one_hot",
        ("float32",),
        "it takes and gives integers",
        bench=call(below(10, 256), 10),
        eager=_OF_VALUES,
        bad=(
            bad(RuntimeError, "must be non-negative", np.array([0, -1])),
            bad(RuntimeError, "smaller than num_classes", np.array([3]), 3),
            bad(RuntimeError, "dtype int64", arr(2)),
            bad(RuntimeError, "empty tensor", below(1, 0)),
        ),
    ),
}
