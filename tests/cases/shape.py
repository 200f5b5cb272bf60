"""Views, joining, indexing."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.row import ALL, FLOATS, INTEGERS, Arr, Counts, Row, arr, bad, call

_FREE = Counts(launches=0, saved=0, saved_bytes=0, backward=0)
_far = bad(IndexError, "Dimension out of range", arr(2, 3), 2)


def _by_numpy(function: Any) -> Any:
    return lambda x, *args, **kwargs: np.asarray(function(x, *args, **kwargs))


VIEWS = {
    "reshape": Row(
        (
            call(arr(2, 3), (3, -1)),
            call(arr(2, 3), (6,)),
            call(arr(), (1, 1)),
            call(arr(0, 3), (3, 0)),
        ),
        "reshape",
        ALL,
        view=True,
        counts=_FREE,
        bad=(
            bad(
                RuntimeError, "reshape: shape '[4]' is invalid for input of size 6", arr(2, 3), (4,)
            ),
            bad(RuntimeError, "only one dimension can be inferred", arr(2, 3), (-1, -1)),
        ),
    ),
    "view": Row(
        (
            call(arr(2, 3), (6,)),
            call(arr(2, 3), (1, -1, 2)),
            call(arr(), (1,)),
            call(arr(0), (0, 4)),
        ),
        "view",
        ALL,
        view=True,
        counts=_FREE,
        bad=(
            bad(RuntimeError, "view: shape '[4]' is invalid for input of size 6", arr(2, 3), (4,)),
        ),
    ),
    "as_strided": Row(
        (
            call(arr(6), (2, 2), (3, 1)),
            call(arr(6), (2, 3), (1, 1), 2),
            call(arr(4), (3, 4), (0, 1)),
            call(arr(6), (), (), 4),
        ),
        "as_strided",
        ALL,
        view=True,
        counts=_FREE,
        bad=(
            bad(RuntimeError, "reach past the storage", arr(6), (3, 3), (3, 1)),
            bad(RuntimeError, "negative strides", arr(6), (2,), (-1,)),
            bad(RuntimeError, "size and stride of one length", arr(6), (2, 2), (1,)),
        ),
    ),
    "expand": Row(
        (
            call(arr(3, 1), (2, -1, 4)),
            call(arr(), (2,)),
            call(arr(1, 3), (0, 3)),
            call(arr(2, 3), (2, 3)),
        ),
        "expand",
        ALL,
        view=True,
        counts=_FREE,
        bad=(
            bad(RuntimeError, "must match the existing size", arr(2, 3), (4, 3)),
            bad(RuntimeError, "expand", arr(2, 3), (3,)),
        ),
    ),
    "permute": Row(
        (
            call(arr(2, 3, 4), (2, 0, 1)),
            call(arr(2, 3), (-1, 0)),
            call(arr(), ()),
            call(arr(0, 3), (1, 0)),
        ),
        "permute",
        ALL,
        view=True,
        counts=_FREE,
        bad=(
            bad(RuntimeError, "permute: expected each of the 2 dimensions once", arr(2, 3), (0,)),
            bad(RuntimeError, "appears multiple times", arr(2, 3), (0, 0)),
            bad(IndexError, "Dimension out of range", arr(2, 3), (0, 2)),
        ),
    ),
    "movedim": Row(
        (
            call(arr(2, 3, 4), 0, -1),
            call(arr(2, 3, 4), (0, 2), (1, 0)),
            call(arr(2, 3), -1, 0),
        ),
        "movedim",
        ALL,
        view=True,
        counts=_FREE,
        bad=(bad(RuntimeError, "source and destination of one length", arr(2, 3), (0, 1), 0),),
    ),
    "transpose": Row(
        (
            call(arr(2, 3, 4), 0, -1),
            call(arr(2, 3), 1, 0),
            call(arr(), 0, -1),
            call(arr(0, 3), 0, 1),
        ),
        "transpose",
        ALL,
        view=True,
        counts=_FREE,
        bad=(bad(IndexError, "transpose: Dimension out of range", arr(2, 3), 0, 2),),
    ),
    "t": Row(
        (call(arr(2, 3)), call(arr(3)), call(arr()), call(arr(0, 2))),
        "t",
        ALL,
        view=True,
        counts=_FREE,
        bad=(bad(RuntimeError, "t: expected a tensor with at most 2 dimensions", arr(1, 2, 3)),),
    ),
    "squeeze": Row(
        (
            call(arr(1, 3, 1)),
            call(arr(1, 3, 1), 0),
            call(arr(1, 3, 1), (0, 1)),
            call(arr(2, 3), -1),
            call(arr()),
            call(arr(1, 0)),
        ),
        "squeeze",
        ALL,
        view=True,
        counts=_FREE,
        bad=(_far,),
    ),
    "unsqueeze": Row(
        (call(arr(2, 3), -1), call(arr(2, 3), 0), call(arr(), 0), call(arr(0), 1)),
        "unsqueeze",
        ALL,
        view=True,
        counts=_FREE,
        bad=(bad(IndexError, "Dimension out of range", arr(2, 3), 3),),
    ),
    "flatten": Row(
        (
            call(arr(2, 3, 4), 1),
            call(arr(2, 3, 4)),
            call(arr(2, 3, 4), 0, 1),
            call(arr()),
            call(arr(0, 3)),
        ),
        "flatten",
        ALL,
        view=True,
        counts=_FREE,
        bad=(
            bad(RuntimeError, "flatten", arr(2, 3), 1, 0),
            bad(IndexError, "Dimension out of range", arr(2, 3), 2),
        ),
    ),
    "unflatten": Row(
        (call(arr(2, 12), 1, (3, -1)), call(arr(6), 0, (2, 3)), call(arr(2, 0), -1, (0, 5))),
        "unflatten",
        ALL,
        view=True,
        counts=_FREE,
        bad=(bad(RuntimeError, "unflatten", arr(2, 12), 1, (5, 2)),),
    ),
    "narrow": Row(
        (
            call(arr(2, 5), 1, -3, 2),
            call(arr(5), 0, 1, 3),
            call(arr(5), 0, 5, 0),
            call(arr(0, 2), 1, 0, 1),
        ),
        "narrow",
        ALL,
        view=True,
        counts=_FREE,
        bad=(
            bad(RuntimeError, "exceeds dimension size", arr(5), 0, 3, 3),
            bad(RuntimeError, "0-dim tensor", arr(), 0, 0, 1),
            bad(IndexError, "Dimension out of range", arr(5), 1, 0, 1),
        ),
    ),
    "select": Row(
        (call(arr(2, 3), 1, -1), call(arr(4), 0, 2), call(arr(2, 0, 3), 0, 1)),
        "select",
        ALL,
        view=True,
        counts=_FREE,
        bad=(
            bad(
                IndexError, "index 3 is out of bounds for dimension 1 with size 3", arr(2, 3), 1, 3
            ),
            bad(IndexError, "0-dim tensor", arr(), 0, 0),
        ),
    ),
    "unbind": Row(
        (call(arr(2, 3)), call(arr(2, 3), 1), call(arr(2, 0))),
        "unbind",
        ALL,
        view=True,
        bad=(bad(RuntimeError, "tensor has no dimensions", arr()), _far),
    ),
    "split": Row(
        (
            call(arr(5, 2), 2),
            call(arr(2, 5), [1, 4], dim=1),
            call(arr(4), 4),
            call(arr(3), 7),
            call(arr(0, 2), 3),
        ),
        "split",
        ALL,
        view=True,
        bad=(
            bad(RuntimeError, "split_sizes to sum exactly to 5", arr(5), [2, 2]),
            bad(RuntimeError, "at least a 1-dimensional tensor", arr(), 1),
            bad(RuntimeError, "a positive split_size", arr(4), 0),
        ),
    ),
    "chunk": Row(
        (call(arr(5, 2), 3), call(arr(2, 6), 4, 1), call(arr(3), 5), call(arr(0, 2), 2)),
        "chunk",
        ALL,
        view=True,
        bad=(
            bad(RuntimeError, "chunks greater than 0", arr(5), 0),
            bad(RuntimeError, "chunk", arr(), 1),
        ),
    ),
    "detach": Row(
        (call(arr(2, 3)), call(arr()), call(arr(0))),
        _by_numpy(np.array),
        ALL,
        "it is where gradients stop",
        view=True,
    ),
}

JOIN = {
    "cat": Row(
        (
            call([arr(2, 3), arr(2, 1)], 1),
            call([arr(0), arr(2, 3)]),
            call((arr(2), arr(1), arr(3)), -1),
            call([arr(2, 3)]),
            call([arr(2, dtype="int64"), arr(3)]),
            call([arr(0), arr(0)]),
        ),
        "cat",
        ALL,
        bad=(
            bad(ValueError, "cat: expected a non-empty list", []),
            bad(
                RuntimeError,
                "Sizes of tensors must match except in dimension 0",
                [arr(2, 3), arr(2, 2)],
            ),
            bad(RuntimeError, "zero-dimensional tensor", [arr(), arr()]),
            bad(IndexError, "Dimension out of range", [arr(2), arr(2)], 1),
        ),
        counts=Counts(launches=2, saved=0, saved_bytes=0, backward=0),
    ),
    "stack": Row(
        (
            call([arr(2, 3), arr(2, 3)], -1),
            call([arr(), arr()]),
            call((arr(3),), 0),
            call([arr(0, 2)] * 2, 1),
        ),
        "stack",
        ALL,
        bad=(
            bad(RuntimeError, "stack: expected a non-empty list", []),
            bad(RuntimeError, "stack: expects each tensor to be equal size", [arr(2), arr(3)]),
            bad(IndexError, "Dimension out of range", [arr(2), arr(2)], 2),
        ),
    ),
    "repeat": Row(
        (
            call(arr(2, 3), (2, 1)),
            call(arr(3), (2, 2)),
            call(arr(), (3,)),
            call(arr(2), (0,)),
            call(arr(2), (1,)),
        ),
        "repeat",
        ALL,
        bad=(
            bad(RuntimeError, "can not be smaller", arr(2, 3), (2,)),
            bad(RuntimeError, "must not be negative", arr(2), (-1,)),
        ),
    ),
    "flip": Row(
        (
            call(arr(2, 3), (0, 1)),
            call(arr(2, 3), (-1,)),
            call(arr(4), (0,)),
            call(arr(0, 2), (0,)),
        ),
        "flip",
        ALL,
        bad=(
            bad(IndexError, "Dimension out of range", arr(2, 3), (2,)),
            bad(RuntimeError, "appears multiple times", arr(2, 3), (0, 0)),
        ),
    ),
}


_X = arr(2, 3, 4)


def below(n: int, *shape: int, dtype: str = "int64") -> Arr:
    return arr(*shape, domain=f"below{n}", dtype=dtype)


def mask(*shape: int) -> Arr:
    return arr(*shape, domain="mask", dtype="bool")


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
    (below(2, 3), below(3, 3)),
    (slice(None), below(3, 2, 2), below(4, 2)),
    mask(2, 3, 4),
    (slice(None), mask(3)),
    mask(2, 3),
    (mask(2), 0),
    below(2, 0),
    Ellipsis,
    (),
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
    bad(IndexError, "single ellipsis", _X, (Ellipsis, Ellipsis)),
)


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
        ),
        "gather",
        ALL,
        bad=(
            bad(IndexError, "out of bounds", arr(2, 3), 1, np.array([[3], [0]])),
            bad(RuntimeError, "same number of dimensions", arr(2, 3), 1, below(2, 2)),
            bad(RuntimeError, "an int64 or int32 index", arr(2), 0, arr(2)),
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
        (*FLOATS, *INTEGERS),
        bad=(
            bad(IndexError, "out of bounds", arr(3), 0, np.array([3]), arr(1)),
            bad(
                RuntimeError,
                "src of the input's dtype",
                arr(3),
                0,
                below(3, 1),
                arr(1, dtype="int64"),
            ),
            bad(RuntimeError, "an index no larger than src", arr(3), 0, below(3, 2), arr(1)),
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
    ),
    "one_hot": Row(
        (
            call(below(4, 2, 3)),
            call(below(4, 5), 6),
            call(below(3), 3),
            call(below(3, 0), num_classes=3),
        ),
        "one_hot",
        ("float32",),
        "it takes and gives integers",
        bad=(
            bad(RuntimeError, "must be non-negative", np.array([0, -1])),
            bad(RuntimeError, "smaller than num_classes", np.array([3]), 3),
            bad(RuntimeError, "dtype int64", arr(2)),
            bad(RuntimeError, "empty tensor", below(1, 0)),
        ),
    ),
}
