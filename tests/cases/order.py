"""Sorting, ranks, distinct elements, search and quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.bench import MATRIX
from cases.row import ALL, FLOATS, NUMBERS, Row, arr, bad, call

_INDEX = "its result is an index"
_COUNT = "its result is a count"
_OF_VALUES = "the size of its result depends on values"
_X = arr(2, 3, 4)
_far = bad(IndexError, "Dimension out of range", arr(2, 3), 2)


def _far_with(*args: Any) -> Any:
    return bad(IndexError, "Dimension out of range", arr(2, 3), *args)


_sorted = (
    call(arr(7)),
    call(_X, 1),
    call(arr(2, 5), -1, True),
    call(arr(3, 60), 1),
    call(arr(4), stable=True),
    call(arr()),
    call(arr(0, 2), 0),
    call(arr(9, domain="ties")),
    call(arr(2, 9, domain="ties"), 1, True),
)
_along = (
    call(arr(5)),
    call(_X, 1),
    call(arr(2, 6), 0, True),
    call(arr()),
    call(arr(3, 9, domain="ties"), 1),
)
_nothing = bad(IndexError, "to have non-zero size", arr(2, 0), 1)
_sequence = np.array([-4, -1, 0, 2, 2, 5])


def _quantile(name: str) -> Row:
    return Row(
        (
            call(arr(6), 0.3),
            call(arr(2, 5), 0.5, 1),
            call(arr(2, 3, 4), 0.25, 1, True),
            *(
                call(arr(7), 0.4, interpolation=kind)
                for kind in ("lower", "higher", "nearest", "midpoint")
            ),
            call(arr(4), 1.0),
        ),
        name,
        FLOATS,
        bench=call(MATRIX, 0.5, 1),
        bad=(
            bad(RuntimeError, f"{name}: expected q values in the range", arr(3), 1.5),
            bad(RuntimeError, "interpolation to be one of", arr(3), 0.5, interpolation="cubic"),
            bad(RuntimeError, "a float32 or float64 tensor", arr(3, dtype="int64"), 0.5),
            bad(RuntimeError, "a non-empty tensor", arr(0), 0.5),
            bad(IndexError, "Dimension out of range", arr(3), 0.5, 1),
        ),
    )


ORDER = {
    "sort": Row(_sorted, "sort", ALL, bench=call(MATRIX), kernels=("sort",), bad=(_far,)),
    "argsort": Row(_sorted, "argsort", ALL, _INDEX, bench=call(MATRIX), bad=(_far,)),
    "msort": Row((call(arr(4, 3)), call(arr(5))), "msort", ALL, bench=call(MATRIX)),
    "topk": Row(
        (
            call(arr(7), 3),
            call(_X, 2, 1),
            call(arr(2, 5), 2, -1, False),
            call(arr(2, 5), 0),
            call(arr(), 1),
            call(arr(700), 5),
            call(arr(1, 900, domain="ties"), 40, largest=False),
        ),
        "topk",
        ALL,
        bench=call(MATRIX, 10),
        bad=(
            bad(RuntimeError, "selected index k out of range", arr(3), 4),
            bad(RuntimeError, "selected index k out of range", arr(3), -1),
            _far_with(1, 2),
        ),
    ),
    "kthvalue": Row(
        (call(arr(7), 3), call(_X, 2, 1), call(arr(2, 5), 5, -1, True), call(arr(), 1)),
        "kthvalue",
        NUMBERS,
        bench=call(MATRIX, 10),
        bad=(
            bad(RuntimeError, "selected number k out of range", arr(3), 4),
            bad(RuntimeError, "selected number k out of range", arr(3), 0),
            _far_with(1, 2),
        ),
    ),
    "median": Row(
        (call(arr(7)), call(arr(2, 4)), call(arr())), "median", NUMBERS, bench=call(MATRIX)
    ),
    "nanmedian": Row((call(arr(7)), call(arr(2, 4))), "nanmedian", NUMBERS, bench=call(MATRIX)),
    **{
        f"{name}_along": Row(
            _along,
            f"{name}_along",
            NUMBERS,
            function=lambda x, dim=-1, keepdim=False, name=name: getattr(x, name)(dim, keepdim),
            bench=lambda m, name=name: lambda x=m.ones(64, 128): getattr(x, name)(1),  # noqa: B008
            bad=(_nothing, _far),
        )
        for name in ("median", "nanmedian")
    },
    "mode": Row(
        _along,
        "mode",
        ALL,
        bench=call(MATRIX),
        bad=(_nothing, _far),
    ),
    "quantile": _quantile("quantile"),
    "nanquantile": _quantile("nanquantile"),
}

SEARCH = {
    "searchsorted": Row(
        (
            call(_sequence, arr(3, 2, dtype="int64")),
            call(_sequence, arr(4, dtype="int64"), right=True),
            call(_sequence, 2, side="right"),
            call(np.sort(np.arange(8).reshape(2, 4) % 5), arr(2, 3, dtype="int64"), out_int32=True),
            call(np.array([3, 1, 2]), arr(4, dtype="int64"), sorter=np.array([1, 2, 0])),
        ),
        "searchsorted",
        ("float32",),
        _INDEX,
        kernels=("searchsorted",),
        bench=call(np.arange(100.0), arr(4096, dtype="float64")),
        bad=(
            bad(RuntimeError, "'left' or 'right'", _sequence, 1, side="up"),
            bad(RuntimeError, "to agree", _sequence, 1, side="left", right=True),
            bad(RuntimeError, "but for the last dimension", arr(2, 3), arr(3, 3)),
            bad(RuntimeError, "a vector to search a number in", arr(2, 3), 1.0),
            bad(RuntimeError, "a sorter of int64", _sequence, 1, sorter=np.array([0])),
            bad(
                RuntimeError,
                "index 9 is out of bounds",
                np.array([1, 2]),
                1,
                sorter=np.array([0, 9]),
            ),
        ),
    ),
    "bucketize": Row(
        (
            call(arr(3, 2, dtype="int64"), _sequence),
            call(arr(4, dtype="int64"), _sequence, right=True),
            call(2, _sequence, out_int32=True),
        ),
        "bucketize",
        ("float32",),
        _INDEX,
        bench=call(arr(4096, dtype="float64"), np.arange(100.0)),
        bad=(bad(RuntimeError, "a vector of boundaries", arr(3), arr(2, 2)),),
    ),
    "isin": Row(
        (
            call(arr(2, 3, domain="below3"), arr(2, domain="below3")),
            call(arr(5, domain="below3"), 1),
            call(1, arr(5, domain="below3")),
            call(arr(5, domain="below3"), arr(2, 2, domain="below2"), invert=True),
            call(arr(3), arr(0)),
        ),
        "isin",
        ALL,
        "its result is boolean",
        bench=call(MATRIX, arr(100)),
        bad=(bad(TypeError, "isin: expected a tensor among the two", 1, 2),),
    ),
    "bincount": Row(
        (
            call(arr(7, domain="below5", dtype="int64")),
            call(arr(7, domain="below5", dtype="int32"), arr(7)),
            call(arr(3, domain="below5", dtype="uint8"), None, 8),
            call(arr(0, dtype="int64")),
        ),
        "bincount",
        FLOATS,
        _COUNT,
        bench=call(arr(4096, domain="below100", dtype="int64")),
        eager=_OF_VALUES,
        bad=(
            bad(RuntimeError, "non-negative integers, got negative", np.array([1, -1])),
            bad(RuntimeError, "integers below 2**63 - 1", np.array([2**63 - 1])),
            bad(RuntimeError, "a vector of non-negative integers", arr(2)),
            bad(RuntimeError, "minlength >= 0", np.array([1]), None, -1),
            bad(RuntimeError, "weights of the input's shape", np.array([1]), arr(2)),
        ),
    ),
    "histc": Row(
        (call(arr(40), 5, -1, 1), call(arr(9), 3, 5, 6), call(arr(0), 2)),
        "histc",
        FLOATS,
        _COUNT,
        bench=call(MATRIX, 10, 0, 1),
        bad=(
            bad(RuntimeError, "histc: expected bins > 0", arr(3), 0),
            bad(RuntimeError, "a finite range with min <= max", arr(3), 2, 1, 0),
            bad(NotImplementedError, "a floating-point tensor", arr(3, dtype="int64")),
        ),
    ),
    "unique": Row(
        (
            call(arr(9, domain="below5")),
            call(arr(3, 4, domain="below5"), True, True, True),
            call(arr(5, 2, domain="below2"), return_inverse=True, return_counts=True, dim=0),
            call(arr(2, 5, domain="below2"), dim=1),
            call(arr(0)),
            call(arr()),
        ),
        "unique",
        ALL,
        _COUNT,
        bench=call(arr(4096, domain="below100", dtype="int64")),
        eager=_OF_VALUES,
        bad=(bad(IndexError, "Dimension out of range", arr(2, 3), dim=2),),
    ),
    "unique_consecutive": Row(
        (
            call(arr(9, domain="below2")),
            call(arr(3, 4, domain="below2"), True, True),
            call(arr(6, 2, domain="below2"), return_inverse=True, return_counts=True, dim=0),
        ),
        "unique_consecutive",
        ALL,
        _COUNT,
        bench=call(arr(4096, domain="below2", dtype="int64")),
        eager=_OF_VALUES,
        bad=(bad(IndexError, "Dimension out of range", arr(2, 3), dim=2),),
    ),
}
