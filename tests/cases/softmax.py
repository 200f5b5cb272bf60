"""Softmax and its logarithm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cases.bench import MATRIX
from cases.fused import Fused
from cases.layer import Layer, Made
from cases.reduce import ALONG
from cases.row import Arr, Call, Counts, Row, arr, bad, call


def _softmax(name: str, layer: str) -> Row:
    return Row(
        (
            call(arr(3, 5), 1),
            call(arr(2, 3, 4), 1),
            call(arr(2, 3, 4), -3),
            call(arr(), 0),
            call(arr(0, 3), 1),
            call(arr(3, 0), 1),
            call(arr(4, 33, domain="spread"), -1),
            call(arr(33, 4, domain="spread"), 0),
            call(arr(2, 3), 1, dtype=np.dtype("float64")),
        ),
        name,
        bad=(
            bad(IndexError, "Dimension out of range", arr(2, 3), 2),
            bad(
                NotImplementedError,
                f"{name}: expected a floating-point tensor",
                arr(2, dtype="int64"),
                0,
            ),
        ),
        large=Call((Arr((617, 513), "spread"), 1)),
        bench=call(MATRIX, 1),
        fused=tuple(
            Fused(
                (name, f"{name}_backward"),
                (dim,),
                label=f"of {size}, {dim}",
                size=size,
                cancels=True,
            )
            for size in (11, 70)
            for dim in (0, 1)
        ),
        layer=Layer(
            layer,
            tuple(Made(call(dim), (arr(3, 4),), f"{layer}(dim={dim})") for dim in (0, -1)),
        ),
        counts=Counts(launches=1, saved=1, saved_bytes=60, backward=1),
        extremes=ALONG,
    )


_row = _softmax("softmax", "Softmax")
_taken_along = (Made(call(dim), (arr(3, 4),), f"Softmin(dim={dim})") for dim in (0, -1))
SOFTMAX = {
    "softmax": _row,
    "softmin": replace(
        _row,
        reference="softmin",
        fused=(),
        layer=Layer("Softmin", tuple(_taken_along)),
        counts=Counts(launches=2, saved=1, saved_bytes=60, backward=2),
    ),
    "log_softmax": _softmax("log_softmax", "LogSoftmax"),
}
