"""Running products and extremes, reductions that leave out nan, distances, added products."""

from __future__ import annotations

import numpy as np

from cases.bench import MATRIX, SHAPE
from cases.row import ALL, FLOATS, NUMBERS, Row, arr, bad, call
from steep import _core

_X = arr(2, 3, 4)
_int = arr(2, dtype="int64")
_far = bad(IndexError, "Dimension out of range", arr(2, 3), 2)
_scans = (call(arr(5), 0), call(_X, 1), call(arr(3, 2), -2), call(arr(), 0), call(arr(0, 2), 0))
_places = np.array([1, 0, 2], np.int64)
_pair = arr(2, 3)


SCANS = {
    "cumprod": Row(
        (*_scans, call(arr(5, domain="ties"), 0), call(arr(2, 3), 1, dtype=np.dtype("float64"))),
        "cumprod",
        NUMBERS,
        bench=call(MATRIX, 1),
        bad=(_far,),
    ),
    "cummax": Row(_scans, "cummax", ALL, bench=call(MATRIX, 1), bad=(_far,)),
    "cummin": Row(_scans, "cummin", ALL, bench=call(MATRIX, 1), bad=(_far,)),
    "logcumsumexp": Row(
        _scans,
        "logcumsumexp",
        FLOATS,
        bench=call(MATRIX, 1),
        bad=(_far, bad(NotImplementedError, "a floating-point tensor", _int, 0)),
    ),
    "nansum": Row(
        (call(arr(2, 3)), call(_X, (0, 2), True), call(arr(4), 0), call(arr())),
        "nansum",
        NUMBERS,
        bench=call(MATRIX, 1),
        bad=(_far,),
    ),
    "nanmean": Row(
        (call(arr(2, 3)), call(_X, (0, 2), True), call(arr(4), 0)),
        "nanmean",
        FLOATS,
        bench=call(MATRIX, 1),
        bad=(_far, bad(RuntimeError, "a floating-point dtype", _int)),
    ),
    "count_nonzero": Row(
        (
            call(arr(7, domain="below3")),
            call(arr(2, 5, domain="below2"), 1),
            call(arr(2, 3, 4, domain="below2"), (0, 2)),
        ),
        "count_nonzero",
        ALL,
        "its result is a count",
        bench=call(MATRIX, 1),
        bad=(_far,),
    ),
    "aminmax": Row(
        (call(arr(2, 3)), call(_X, dim=1), call(arr(4), dim=0, keepdim=True), call(arr())),
        "aminmax",
        ALL,
        bench=call(MATRIX),
        bad=(bad(RuntimeError, "aminmax: expected a tensor with elements", arr(0)),),
    ),
    "dist": Row(
        (call(_pair, _pair), call(_pair, arr(3), 1), call(arr(4), arr(4), 3), call(arr(), arr())),
        "dist",
        FLOATS,
        bench=call(MATRIX, MATRIX),
        bad=(
            bad(RuntimeError, "dist: expected shapes that broadcast", arr(2, 3), arr(4)),
            bad(NotImplementedError, "dist: expected floating", _int, _int),
        ),
    ),
    "cdist": Row(
        (
            call(arr(3, 2), arr(4, 2)),
            call(arr(2, 2, 3), arr(2, 1, 3), 1.0),
            call(arr(2, 3), arr(2, 3), 3.0),
            call(arr(2, 3), arr(3, 3), 2.0, "use_mm_for_euclid_dist"),
        ),
        "cdist",
        FLOATS,
        bench=call(MATRIX, MATRIX),
        bad=(
            bad(RuntimeError, "as many coordinates", arr(2, 3), arr(2, 4)),
            bad(RuntimeError, "cdist: expected p >= 0", arr(2, 3), arr(2, 3), -1.0),
            bad(RuntimeError, "of one dtype", _int, _int),
            bad(ValueError, "expected compute_mode 'use", arr(2, 3), arr(2, 3), 2.0, "quick"),
        ),
    ),
    "diff": Row(
        (
            call(arr(5)),
            call(arr(3, 4), 2),
            call(arr(3, 2), 1, 0),
            call(arr(3), 1, 0, arr(1), arr(2)),
            call(arr(2), 4),
            call(arr(3), 0),
        ),
        "diff",
        NUMBERS,
        bench=call(MATRIX),
        bad=(
            bad(RuntimeError, "diff: expected at least one dimension", arr()),
            bad(RuntimeError, "an order of at least 0", arr(3), -1),
            bad(RuntimeError, "prepend and append", arr(2, 3), 1, 1, arr(1, 3)),
        ),
    ),
    "cov": Row(
        (
            call(arr(3, 5)),
            call(arr(6)),
            call(arr(2, 4), correction=0),
            call(arr(2, 3), fweights=np.array([1, 2, 1])),
            call(arr(2, 3), aweights=arr(3, domain="positive")),
            call(arr(2, 3), fweights=_places + 1, aweights=arr(3, domain="positive")),
            call(arr(1, 4)),
        ),
        "cov",
        FLOATS,
        bench=call(MATRIX),
        eager="it reads a value into Python",
        bad=(
            bad(RuntimeError, "cov: expected at most two dimensions", _X),
            bad(RuntimeError, "a vector of 3 for fweights", arr(2, 3), fweights=np.array([1])),
            bad(RuntimeError, "fweights of integers", arr(2), fweights=arr(2)),
            bad(RuntimeError, "aweights of floats", arr(2), aweights=_int),
        ),
    ),
    "corrcoef": Row(
        (call(arr(3, 5)), call(arr(2, 4)), call(arr(1, 4))),
        "corrcoef",
        FLOATS,
        bench=call(MATRIX),
        rough=4.0,
        reason="a quotient of sums, each of which is rounded",
        bad=(bad(RuntimeError, "corrcoef: expected at most two dimensions", _X),),
    ),
}


ADDED = {
    "addmv": Row(
        (
            call(arr(2), arr(2, 3), arr(3)),
            call(arr(), arr(2, 3), arr(3), beta=2, alpha=3),
            call(arr(2), arr(2, 3), arr(3), beta=0),
        ),
        "addmv",
        NUMBERS,
        bench=call(arr(SHAPE[0]), MATRIX, arr(SHAPE[1])),
        bad=(
            bad(RuntimeError, "addmv: expected shapes whose inner", arr(2), arr(2, 3), arr(2)),
            bad(RuntimeError, "addmv: expected a 2-d tensor for mat", arr(2), arr(3), arr(3)),
            bad(RuntimeError, "an input that broadcasts to [2]", arr(3), arr(2, 3), arr(3)),
            bad(RuntimeError, "the same dtype", _int, arr(2, 3), arr(3)),
        ),
    ),
    "addr": Row(
        (
            call(arr(2, 3), arr(2), arr(3)),
            call(arr(3), arr(2), arr(3), beta=2, alpha=3),
            call(arr(2, 3), arr(2), arr(3), beta=0),
        ),
        "addr",
        NUMBERS,
        bench=call(MATRIX, arr(SHAPE[0]), arr(SHAPE[1])),
        bad=(
            bad(RuntimeError, "a 1-d tensor for vec1", arr(2, 3), arr(2, 1), arr(3)),
            bad(RuntimeError, "an input that broadcasts to [2, 3]", arr(2), arr(2), arr(3)),
        ),
    ),
    "baddbmm": Row(
        (
            call(arr(2, 2, 2), arr(2, 2, 3), arr(2, 3, 2)),
            call(arr(2), arr(2, 1, 3), arr(2, 3, 2), beta=2, alpha=3),
            call(arr(1), arr(2, 1, 2), arr(2, 2, 1), beta=0),
        ),
        "baddbmm",
        NUMBERS,
        bench=call(arr(4, 16, 16), arr(4, 16, 32), arr(4, 32, 16)),
        bad=(
            bad(RuntimeError, "batches of one size", arr(1), arr(2, 1, 3), arr(1, 3, 2)),
            bad(RuntimeError, "whose inner sizes agree", arr(1), arr(2, 1, 3), arr(2, 2, 2)),
            bad(RuntimeError, "a 3-d tensor for batch1", arr(1), arr(1, 3), arr(2, 3, 2)),
        ),
    ),
    "addbmm": Row(
        (
            call(arr(2, 2), arr(2, 2, 3), arr(2, 3, 2)),
            call(arr(2), arr(3, 1, 2), arr(3, 2, 2), beta=2, alpha=3),
            call(arr(1), arr(2, 1, 2), arr(2, 2, 1), beta=0),
        ),
        "addbmm",
        NUMBERS,
        bench=call(arr(16, 16), arr(4, 16, 32), arr(4, 32, 16)),
        bad=(bad(RuntimeError, "batches of one size", arr(1), arr(2, 1, 3), arr(1, 3, 2)),),
    ),
    "vdot": Row(
        (call(arr(3), arr(3)), call(arr(0), arr(0))),
        lambda x, other: np.asarray(x @ other).astype(x.dtype),
        NUMBERS,
        bench=call(arr(4096), arr(4096)),
        bad=(
            bad(RuntimeError, "vdot: expected a 1-d tensor", arr(2, 2), arr(2)),
            bad(RuntimeError, "whose inner sizes agree", arr(2), arr(3)),
            bad(RuntimeError, "the same dtype", arr(2), _int),
        ),
    ),
    "inner": Row(
        (
            call(arr(3), arr(3)),
            call(arr(2, 3), arr(4, 3)),
            call(arr(2, 2, 3), arr(3)),
            call(arr(), arr(3)),
        ),
        "inner",
        NUMBERS,
        bench=call(MATRIX, MATRIX),
        bad=(bad(RuntimeError, "inner: expected shapes whose inner", arr(2), arr(3)),),
    ),
    "cross": Row(
        (call(arr(3), arr(3)), call(arr(2, 3), arr(2, 3)), call(arr(3, 2), arr(3, 1), 0)),
        "cross",
        NUMBERS,
        bench=call(arr(1000, 3), arr(1000, 3)),
        bad=(
            bad(RuntimeError, "cross: expected a dimension of size 3", arr(2), arr(2)),
            bad(RuntimeError, "of size 3 in dimension 0", arr(2, 3), arr(2, 3), 0),
        ),
    ),
    "chain_matmul": Row(
        (call([arr(2, 3), arr(3, 2)]), call([arr(3, 2), arr(2, 3), arr(3, 1)])),
        "chain_matmul",
        FLOATS,
        function=lambda matrices: _core.chain_matmul(*matrices),
        bench=lambda m: lambda: m.chain_matmul(m.ones(64, 32), m.ones(32, 16)),
        bad=(bad(RuntimeError, "a 2-d tensor for each matrix", [arr(2)]),),
    ),
}
