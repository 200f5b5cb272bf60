"""Views."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.bench import MATRIX, SHAPE
from cases.layer import Layer, Made, Misused
from cases.row import ALL, Counts, Row, arr, bad, call
from steep.reference import OPS

_FREE = Counts(launches=0, saved=0, saved_bytes=0, backward=0)
# Back: zeros of the whole, and the part copied in; or a sum over each repeated dimension.
_WINDOW = Counts(launches=0, saved=0, saved_bytes=0, backward=2)
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
        bench=call(MATRIX, (-1,)),
        forms={"ravel": call(MATRIX), "reshape_as": call(MATRIX, MATRIX)},
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
        bench=call(MATRIX, (-1,)),
        forms={"view_as": call(MATRIX, MATRIX)},
        storage="it refuses strides that do not fit",
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
        bench=call(MATRIX, (32, 32), (64, 1)),
        storage="it looks at the storage itself",
        counts=_WINDOW,
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
        bench=call(MATRIX, (4, *SHAPE)),
        forms={"expand_as": call(MATRIX, MATRIX)},
        counts=_WINDOW,
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
        bench=call(MATRIX, (1, 0)),
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
        bench=call(MATRIX, 0, 1),
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
        bench=call(MATRIX, 0, 1),
        counts=_FREE,
        bad=(bad(IndexError, "transpose: Dimension out of range", arr(2, 3), 0, 2),),
    ),
    "t": Row(
        (call(arr(2, 3)), call(arr(3)), call(arr()), call(arr(0, 2))),
        "t",
        ALL,
        view=True,
        bench=call(MATRIX),
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
        bench=call(MATRIX),
        counts=_FREE,
        bad=(_far,),
    ),
    "unsqueeze": Row(
        (call(arr(2, 3), -1), call(arr(2, 3), 0), call(arr(), 0), call(arr(0), 1)),
        "unsqueeze",
        ALL,
        view=True,
        bench=call(MATRIX, 0),
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
        bench=call(MATRIX),
        layer=Layer(
            "Flatten",
            (
                Made(call(), (arr(2, 3, 4),), "Flatten(start_dim=1, end_dim=-1)"),
                Made(call(0, 1), (arr(2, 3, 4),), "Flatten(start_dim=0, end_dim=1)"),
            ),
        ),
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
        bench=call(MATRIX, 1, (2, 64)),
        layer=Layer(
            "Unflatten",
            (
                Made(call(1, (2, 3)), (arr(2, 6),), "Unflatten(dim=1, unflattened_size=(2, 3))"),
                Made(call(-1, (2, -1)), (arr(6),), "Unflatten(dim=-1, unflattened_size=(2, -1))"),
            ),
            reference=lambda params, inputs, *given: OPS["unflatten"].forward(*inputs, *given),
            bad=(bad(TypeError, "tuple of ints", 1, 4),),
            misused=(
                Misused(call(1, (3, 2)), (arr(3, 4),), RuntimeError, "product is 4"),
                Misused(call(2, (2, 2)), (arr(3, 4),), IndexError, "expected dim in"),
            ),
        ),
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
        bench=call(MATRIX, 0, 8, 32),
        counts=_WINDOW,
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
        bench=call(MATRIX, 0, 3),
        counts=_WINDOW,
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
        bench=call(MATRIX),
        bad=(bad(IndexError, "tensor has no dimensions", arr()), _far),
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
        bench=call(MATRIX, 16),
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
        bench=call(MATRIX, 4),
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
        bench=call(MATRIX),
    ),
}
