"""Normalisation."""

from __future__ import annotations

from cases.bench import MATRIX, SHAPE
from cases.extreme import OVERFLOW, Extreme
from cases.fused import Fused, positive, rng, steps_of_the_mean
from cases.layer import Layer, Made
from cases.row import Arr, Call, Counts, Row, arr, bad, call

_x = arr(3, 4)

NORMS = {
    "layer_norm": Row(
        (
            call(_x, (4,), arr(4), arr(4)),
            call(arr(2, 3), 3, arr(3)),
            call(arr(2, 3), (3,), bias=arr(3)),
            call(arr(2, 4), [4], eps=0.5),
            call(arr(1, 7), (7,), arr(7), arr(7)),
            call(arr(7), (7,), arr(7), arr(7)),
            call(arr(5, 1), (1,), arr(1), arr(1)),
            call(arr(2, 2, 3), (2, 3), arr(2, 3), arr(2, 3)),
            call(arr(2, 1, 2, 3), (1, 2, 3)),
            call(arr(0, 3), (3,), arr(3), arr(3)),
            call(arr(3, 0), (0,), arr(0), arr(0)),
            call(arr(3, 131), (131,), arr(131), arr(131)),
            call(arr(2, 33, domain="spread"), (33,), Arr((33,), fixed=True), arr(33)),
            call(arr(300, 5), (5,), arr(5), arr(5)),
            call(Arr((4, 70), "offset", fixed=True), (70,), arr(70), arr(70)),
        ),
        "layer_norm",
        bad=(
            bad(RuntimeError, "shape [*, 5], given normalized_shape=[5], got", _x, (5,)),
            bad(RuntimeError, "input of size [3, 4]", _x, (2, 3, 4)),
            bad(RuntimeError, "at least 1-dimensional", _x, ()),
            bad(RuntimeError, "weight to be of same shape as normalized_shape", _x, (4,), arr(3)),
            bad(RuntimeError, "bias of shape [4, 1]", _x, (4,), arr(4), arr(4, 1)),
            bad(RuntimeError, "same dtype", _x, (4,), arr(4, dtype="float64")),
            bad(NotImplementedError, "floating-point input", arr(3, 4, dtype="int64"), (4,)),
        ),
        large=Call((Arr((617, 1311)), (1311,), Arr((1311,)), Arr((1311,)))),
        bench=call(MATRIX, SHAPE[1:]),
        extremes=(Extreme(rows=True, more=((3,),)),),
        accepted=OVERFLOW,
        counts=Counts(launches=1, saved=4, saved_bytes=88, backward=1),
        fused=tuple(
            Fused(
                ("layer_norm", "layer_norm_backward"),
                ((size,), positive(size), rng(4).normal(size=size)),
                label=f"of {size}",
                size=size,
                furthest={"float32": 1e4, "float64": 1e7},
                lost=steps_of_the_mean,
                reason="what is normalised is x less a mean of x's dtype",
            )
            for size in (11, 70)
        ),
        rough=4.0,
        reason="sums over a row, twice, and what they take from numbers far from 0",
    ),
    "rms_norm": Row(
        (
            call(_x, (4,), arr(4)),
            call(arr(2, 3), 3),
            call(arr(2, 4), [4], eps=0.5),
            call(arr(1, 7), (7,), arr(7)),
            call(arr(7), (7,), arr(7)),
            call(arr(5, 1), (1,), arr(1)),
            call(arr(2, 2, 3), (2, 3), arr(2, 3)),
            call(arr(0, 3), (3,), arr(3)),
            call(arr(3, 0), (0,), arr(0)),
            call(arr(3, 131), (131,), arr(131)),
            call(arr(300, 5), (5,), arr(5)),
        ),
        "rms_norm",
        bad=(
            bad(RuntimeError, "shape [*, 5], given normalized_shape=[5], got", _x, (5,)),
            bad(RuntimeError, "rms_norm: expected normalized_shape to be at least", _x, ()),
            bad(RuntimeError, "weight to be of same shape as normalized_shape", _x, (4,), arr(3)),
            bad(RuntimeError, "same dtype", _x, (4,), arr(4, dtype="float64")),
            bad(NotImplementedError, "floating-point input", arr(3, 4, dtype="int64"), (4,)),
        ),
        large=Call((Arr((617, 1311)), (1311,), Arr((1311,)))),
        bench=call(MATRIX, SHAPE[1:]),
        extremes=(Extreme(rows=True, more=((3,),)),),
        accepted=OVERFLOW,
        counts=Counts(launches=1, saved=4, saved_bytes=88, backward=1),
        fused=tuple(
            Fused(
                ("layer_norm", "layer_norm_backward"),
                ((size,), positive(size), 1e-5),
                label=f"of {size}",
                size=size,
                cancels=True,
            )
            for size in (11, 70)
        ),
        rough=4.0,
        reason="a sum over a row, and a difference of quotients",
    ),
    "local_response_norm": Row(
        (
            call(arr(2, 4, 3), 2, 0.5, 0.75, 1.0),
            call(arr(2, 5, 3), 3, alpha=1.0, beta=1.0, k=0.5),
            call(arr(2, 3, 2, 2), 1),
            call(arr(1, 3, 2, 2, 2), 5, alpha=2.0),
            call(arr(1, 3, 2), 50, alpha=20.0),
            call(arr(0, 3, 2), 2),
        ),
        "local_response_norm",
        bad=(
            bad(ValueError, "3D or higher dimensionality input (got 2 dimensions)", _x, 2),
            bad(RuntimeError, "a size greater than zero, got 0", arr(2, 3, 4), 0),
            bad(NotImplementedError, "or int64 input", arr(2, 3, 4, dtype="int32"), 2),
        ),
        view=True,
        bench=call(arr(4, 16, 64), 5),
        layer=Layer(
            "LocalResponseNorm",
            (
                Made(
                    call(2), (arr(2, 3, 4),), "LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)"
                ),
                Made(
                    call(3, 0.5, 1.0, 2.0),
                    (arr(2, 3, 4, 2),),
                    "LocalResponseNorm(3, alpha=0.5, beta=1.0, k=2.0)",
                ),
            ),
            rough=4.0,
            reason="a power of a sum",
        ),
        rough=4.0,
        reason="a power of a sum",
        eager="it returns one of its arguments itself",  # where it has no elements
    ),
    "normalize": Row(
        (
            call(_x),
            call(arr(2, 3, 4), 1.0, -1),
            call(arr(2, 3, 4), p=3, dim=(0, 2)),
            call(arr(4), dim=0, eps=100.0),
            call(arr(0, 3)),
            call(arr(3, 0)),
        ),
        "normalize",
        bad=(
            bad(IndexError, "Dimension out of range", arr(3)),
            bad(RuntimeError, "floating-point tensor", arr(2, 2, dtype="int64")),
        ),
        large=Call((Arr((617, 513), "spread"), 2.0, 1)),
        bench=call(MATRIX),
        extremes=(Extreme(rows=True, settings={"dim": 0}),),
        rough=4.0,
        reason="a sum of squares, and a difference of quotients",
    ),
}
