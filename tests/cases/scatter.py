"""Writing and combining by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.bench import MATRIX, SHAPE, timed
from cases.index import below, mask
from cases.row import ALL, FLOATS, NUMBERS, Row, Timed, arr, bad, call
from steep import _core

_OF_VALUES = "the size of its result depends on values"
# No place twice: of two writes the last wins, and the first has no part in the result.
_ONCE = np.array([[0, 2], [1, 0], [3, 1]])
_ROWS = np.array([2, 0])
_int = arr(2, dtype="int64")
_places = below(SHAPE[1], SHAPE[0], 16)


def _shared_refusals(op: str, *more: Any) -> Any:
    return (
        bad(RuntimeError, "out of bounds", arr(3), 0, np.array([3]), arr(1), *more),
        bad(RuntimeError, "an int64 or int32 index", arr(3), 0, arr(1), arr(1), *more),
        bad(RuntimeError, "src of the input's dtype", arr(3), 0, below(3, 2), _int, *more),
        bad(RuntimeError, "no larger than src", arr(3), 0, below(3, 2), arr(1), *more),
        bad(IndexError, "Dimension out of range", arr(3), 1, below(3, 1), arr(1), *more),
    )


def _row_refusals(op: str) -> Any:
    return (
        bad(IndexError, "index 3 is out of bounds", arr(3), 0, np.array([3]), arr(1)),
        bad(RuntimeError, "an int64 or int32 index", arr(3), 0, arr(1), arr(1)),
        bad(RuntimeError, f"{op}: expected a source", arr(2, 3), 0, below(2, 2), arr(2, 4)),
        bad(RuntimeError, "a source of the input's dtype", arr(3), 0, below(3, 2), _int),
        bad(IndexError, "an index that is a vector", arr(3), 0, below(3, 1, 1), arr(1)),
    )


def _putting(m: Any) -> Timed:
    x, index, values = m.ones(*SHAPE), m.arange(32), m.ones(32, SHAPE[1])
    return lambda: x.index_put((index,), values)


SCATTERS = {
    "scatter": Row(
        (
            call(arr(4, 2), 0, _ONCE, arr(3, 2)),
            call(arr(4, 3), 0, _ONCE, arr(4, 3)),
            call(arr(2, 5), -1, np.array([[4, 0]]), arr(1, 2)),
            call(arr(4, 2), 0, _ONCE, 2),
            call(arr(4, 2), 0, _ONCE, arr(3, 2), reduce="add"),
            call(arr(4, 2), 0, _ONCE, 3, reduce="multiply"),
            call(arr(), 0, np.array(0), arr()),
            call(arr(3), 0, below(3, 0), arr(0)),
        ),
        "scatter",
        ALL,
        bench=call(MATRIX, 1, _places, arr(SHAPE[0], 16)),
        kernels=("scatter",),
        bad=(
            *_shared_refusals("scatter"),
            bad(RuntimeError, "'add' or 'multiply'", arr(3), 0, below(3, 1), arr(1), reduce="max"),
        ),
    ),
    "scatter_reduce": Row(
        tuple(
            call(arr(*shape), dim, index, arr(*source), way, include_self=own)
            for way in ("sum", "prod", "mean", "amax", "amin")
            for own in (True, False)
            for shape, dim, index, source in (
                ((3, 2), 0, np.array([[0, 1], [0, 1], [2, 1]]), (3, 2)),
                ((2, 4), 1, np.array([[3, 3]]), (2, 2)),
            )
        ),
        "scatter_reduce",
        NUMBERS,
        bench=call(MATRIX, 1, _places, arr(SHAPE[0], 16), "amax"),
        kernels=("scatter_prod", "scatter_amax", "scatter_amin"),
        bad=(
            *_shared_refusals("scatter_reduce", "sum"),
            bad(RuntimeError, "reduce to be one of", arr(3), 0, below(3, 1), arr(1), "max"),
        ),
    ),
    "index_add": Row(
        (
            call(arr(4, 2), 0, below(4, 3), arr(3, 2)),
            call(arr(2, 5), 1, np.array([4, -1]), arr(2, 2)),
            call(arr(3), 0, below(3, 7, dtype="int32"), arr(7), alpha=2),
            call(arr(3, 2), 0, below(3, 0), arr(0, 2)),
        ),
        "index_add",
        NUMBERS,
        bench=call(MATRIX, 0, below(SHAPE[0], 32), arr(32, SHAPE[1])),
        bad=_row_refusals("index_add"),
    ),
    "index_copy": Row(
        (
            call(arr(4, 2), 0, _ROWS, arr(2, 2)),
            call(arr(2, 5), 1, np.array([4, 0]), arr(2, 2)),
            call(arr(3), 0, below(3, 0), arr(0)),
        ),
        "index_copy",
        ALL,
        bench=call(MATRIX, 0, below(SHAPE[0], 32), arr(32, SHAPE[1])),
        bad=_row_refusals("index_copy"),
    ),
    "index_fill": Row(
        (
            call(arr(4, 2), 0, _ROWS, 2),
            call(arr(2, 5), 1, np.array([4, -1, 4]), 3),
            call(arr(4), 0, _ROWS, arr()),
        ),
        "index_fill",
        ALL,
        bench=call(MATRIX, 0, below(SHAPE[0], 32), 1.5),
        bad=(
            bad(IndexError, "index 3 is out of bounds", arr(3), 0, np.array([3]), 1),
            bad(RuntimeError, "an int64 or int32 index", arr(3), 0, arr(1), 1),
            bad(RuntimeError, "a 0-dimensional value tensor", arr(3), 0, _ROWS, arr(2)),
        ),
    ),
    "index_put": Row(
        (
            call(arr(4, 2), (_ROWS,), arr(2, 2)),
            call(arr(4, 2), (_ROWS, np.array([1, 0])), arr()),
            call(arr(4), (np.array([1, 1, 0]),), arr(3), True),
            call(arr(2, 3), (mask(2, 3),), arr(), True),
        ),
        "index_put",
        NUMBERS,
        eager=_OF_VALUES,
        bench=_putting,
        forms={"index_put_": call(MATRIX, [below(SHAPE[0], 32)], arr(32, SHAPE[1]))},
        bad=(
            bad(IndexError, "out of bounds", arr(3), [np.array([3])], arr(1)),
            bad(RuntimeError, "values of the input's dtype", arr(3), [np.array([0])], _int),
            bad(RuntimeError, "values that broadcast", arr(3), [np.array([0])], arr(2), True),
        ),
    ),
    "put": Row(
        (
            call(arr(2, 3), np.array([5, 0]), arr(2)),
            call(arr(2, 3), np.array([[1, 1], [-1, 0]]), arr(2, 2), True),
        ),
        "put",
        ALL[:2],
        bench=call(MATRIX, below(4096, 32), arr(32)),
        bad=(
            bad(IndexError, "out of bounds", arr(3), np.array([3]), arr(1)),
            bad(RuntimeError, "as many elements as places", arr(3), np.array([0]), arr(2)),
            bad(RuntimeError, "an int64 index", arr(3), arr(1), arr(1)),
            bad(RuntimeError, "a source of the input's dtype", arr(3), np.array([0, 1]), _int),
        ),
    ),
    "take": Row(
        (
            call(arr(2, 3), below(6, 2, 2)),
            call(arr(4), np.array([-1, 0])),
            call(arr(3), below(3, 0)),
        ),
        "take",
        ALL,
        bench=call(MATRIX, below(4096, 512)),
        bad=(
            bad(IndexError, "index 6 is out of bounds", arr(2, 3), np.array([6])),
            bad(RuntimeError, "take: expected an int64 index", arr(2), arr(2)),
        ),
    ),
    "take_along_dim": Row(
        (
            call(arr(2, 3), below(3, 2, 2), 1),
            call(arr(2, 3), below(2, 1, 3), 0),
            call(arr(2, 3), below(6, 4)),
            call(arr(2, 3), np.array([[-1], [0]]), 1),
        ),
        "take_along_dim",
        ALL,
        bench=call(MATRIX, _places, 1),
        bad=(
            bad(IndexError, "out of bounds", arr(2, 3), np.array([[3], [0]]), 1),
            bad(RuntimeError, "as many dimensions", arr(2, 3), below(2, 2), 1),
            bad(RuntimeError, "int64 indices", arr(2), arr(2), 0),
        ),
    ),
    "masked_scatter": Row(
        (
            call(arr(2, 3), mask(3), arr(6)),
            call(arr(3), mask(2, 3), arr(2, 3)),
            call(arr(2, 2), mask(2, 2), arr(4)),
        ),
        "masked_scatter",
        ALL,
        bench=call(MATRIX, mask(*SHAPE), MATRIX),
        eager=_OF_VALUES,
        bad=(
            bad(RuntimeError, "a mask of dtype bool", arr(3), arr(3), arr(3)),
            bad(RuntimeError, "a source of at least 2", arr(2), np.array([True, True]), arr(1)),
            bad(RuntimeError, "a source of the input's dtype", arr(2), mask(2), _int),
        ),
    ),
    "repeat_interleave": Row(
        (call(arr(2, 3), 2), call(arr(2, 3), 2, 1), call(arr(3), 0), call(arr(2, 3), 1, 0)),
        "repeat_interleave",
        ALL,
        bench=call(MATRIX, 2, 1),
        bad=(
            bad(RuntimeError, "repeats that are not negative", arr(2), -1),
            bad(RuntimeError, "an output_size of 4", arr(2), 2, output_size=3),
        ),
    ),
    "repeat_interleave_by": Row(
        (
            call(arr(2, 3), np.array([2, 0]), 0),
            call(arr(3), np.array([1, 3, 0])),
            call(arr(2), np.array(2)),
        ),
        "repeat_interleave_by",
        FLOATS,
        function=_core.repeat_interleave,
        bench=timed("repeat_interleave", call(MATRIX, below(4, SHAPE[0]), 0)),
        eager=_OF_VALUES,
        bad=(
            bad(RuntimeError, "repeats that are not negative", arr(2), np.array([1, -1])),
            bad(RuntimeError, "one for each of the 2", arr(2), np.array([1, 1, 1])),
            bad(RuntimeError, "repeats of int64 or int32", arr(2), arr(2)),
        ),
    ),
    "repeat_interleave_of_places": Row(
        (call(np.array([2, 0, 1])), call(below(3, 5))),
        lambda repeats: np.repeat(np.arange(len(repeats)), repeats),
        ("float32",),
        "its result is an index",
        function=_core.repeat_interleave,
        bench=timed("repeat_interleave", call(below(4, SHAPE[0]))),
        eager=_OF_VALUES,
        bad=(bad(RuntimeError, "a vector of repeats", np.array([[1]])),),
    ),
}
