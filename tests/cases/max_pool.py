"""Pooling by maxima, and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.extreme import Extreme
from cases.layer import Layer, Made, Misused, Params
from cases.row import NUMBERS, Arr, Array, Call, Counts, Row, arr, bad, call
from cases.windows import BENCH, LARGE, padded, refused
from steep.reference import OPS


def _fitting(op: str) -> Any:
    """The operation with the layer's settings in their order."""

    def reference(
        params: Params,
        inputs: tuple[Array, ...],
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> Any:
        settings = (kernel_size, stride, padding, dilation, ceil_mode)
        return OPS[op].forward(*inputs, *settings)

    return reference


def _max_layer(axes: int, *made: Made) -> Layer:
    few = arr(5)
    return Layer(
        f"MaxPool{axes}d",
        made,
        _fitting(f"max_pool{axes}d"),
        misused=(Misused(call(2), (few,), RuntimeError, f"Expected {axes + 1}D or"),),
        bench=Made(call(2), (Arr(BENCH[axes]),), ""),
    )


def _max(axes: int, *calls: Call, layer: Layer, **more: Any) -> Row:
    op = f"max_pool{axes}d"
    x = Arr((1, 2, *(5,) * axes))
    return Row(
        calls,
        op,
        NUMBERS,
        bad=(
            *refused(axes, op),
            *padded(axes),
            bad(RuntimeError, "dilation should be greater than zero", x, 2, dilation=0),
            bad(NotImplementedError, "not implemented for 'bool'", Arr(x.shape, dtype="bool"), 2),
        ),
        large=Call((Arr(LARGE[axes]), 3), {"stride": 2, "padding": 1}),
        bench=Call((Arr(BENCH[axes]), 2)),
        kernels=("max_pool", "max_tiles", "max_tiles_put"),
        layer=layer,
        jumps="gradient",
        **more,
    )


_TEXT = "kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={}"
_wide = arr(2, 600)

MAXIMA = {
    "max_pool1d": _max(
        1,
        call(arr(2, 3, 8), 2),
        call(arr(3, 9), 2),
        call(arr(2, 2, 9), 3, 2, 1),
        call(arr(2, 2, 9), kernel_size=3, stride=1, dilation=2, padding=1),
        call(arr(2, 10), 3, ceil_mode=True),
        call(arr(2, 7), 2, 3, 1, 1, True),
        call(arr(2, 7), 2, return_indices=True),
        call(arr(2, 2, 9, domain="ties"), 4, 2, return_indices=True),
        call(arr(0, 2, 5), 2),
        call(arr(0, 2, 5), 3, 1, 1),
        call(arr(2, 4), 2, 2**30),
        call(_wide, 3, 1, 1),
        call(_wide, 4, 2, 2, return_indices=True),
        call(arr(1, 1), 2, 1, 1, ceil_mode=True),
        layer=_max_layer(
            1,
            Made(call(2), (arr(2, 3, 6),), f"MaxPool1d({_TEXT.format(2, 2, 0, 1, False)})"),
            Made(
                call(3, 2, 1, 2, ceil_mode=True),
                (arr(3, 8),),
                f"MaxPool1d({_TEXT.format(3, 2, 1, 2, True)})",
            ),
        ),
        counts=Counts(launches=1, saved=1, saved_bytes=24, backward=1),
        extremes=(Extreme(rows=True, more=(2,)), Extreme(rows=True, more=(3, 1))),
    ),
    "max_pool2d": _max(
        2,
        call(arr(1, 2, 2, 4), 2),
        call(arr(1, 3, 4), 2, 1),
        call(arr(2, 3, 4, 6), 2),
        call(arr(3, 5, 7), 2),
        call(arr(2, 2, 5, 7), 3, 2, 1),
        call(arr(1, 2, 7, 9), (2, 3), (2, 1), (1, 0), (2, 3)),
        call(arr(1, 2, 6, 12), (3, 2)),
        call(arr(1, 2, 5, 6), (2, 3), stride=[1, 2], return_indices=True),
        call(arr(2, 1, 5, 5), 2, ceil_mode=True),
        call(arr(1, 2, 6, 6, domain="ties"), 3, 1, 1, return_indices=True),
        call(arr(1, 2, 6, 6, domain="ties"), 2),
        call(arr(1, 2, 6, 22, domain="ties"), 2),
        call(arr(1, 1, 4, 4), 4),
        call(arr(0, 2, 4, 4), 2),
        call(arr(2, 2, 3, 70), 2),
        layer=_max_layer(
            2,
            Made(call(2), (arr(2, 2, 4, 6),), f"MaxPool2d({_TEXT.format(2, 2, 0, 1, False)})"),
            Made(
                call((3, 2), stride=(2, 1), padding=(1, 0)),
                (arr(2, 5, 5),),
                f"MaxPool2d({_TEXT.format((3, 2), (2, 1), (1, 0), 1, False)})",
            ),
        ),
        counts=Counts(launches=1, saved=1, saved_bytes=4, backward=1),
    ),
    "max_pool3d": _max(
        3,
        call(arr(1, 2, 2, 2, 3), 2),
        call(arr(1, 2, 2, 3), (1, 2, 2), 1),
        call(arr(2, 2, 2, 4, 6), 2),
        call(arr(2, 3, 4, 5), 2, 1),
        call(arr(1, 2, 5, 4, 5), (3, 2, 3), 2, 1),
        call(arr(1, 1, 3, 4, 5), 2, ceil_mode=True, dilation=(1, 2, 1)),
        call(arr(1, 2, 3, 4, 9), (2, 1, 2), return_indices=True),
        call(arr(1, 1, 3, 4, 5, domain="ties"), (2, 2, 2)),
        layer=_max_layer(
            3,
            Made(
                call((2, 1, 2)),
                (arr(1, 2, 3, 4, 5),),
                f"MaxPool3d({_TEXT.format((2, 1, 2), (2, 1, 2), 0, 1, False)})",
            ),
        ),
    ),
}


def _unpool(axes: int, *calls: Call) -> Row:
    op, ones = f"max_unpool{axes}d", (1,) * axes
    x, at = Arr((1, 1, *ones)), Arr((1, 1, *ones), "below1", "int64")
    two = (1, 2, *ones[1:], 2)
    text = f"kernel_size={(2,) * axes}, stride={(2,) * axes}, padding={(0,) * axes}"
    return Row(
        calls,
        op,
        bad=(
            bad(RuntimeError, "elements in indices should be type int64", x, Arr(x.shape), 2),
            bad(
                RuntimeError, "shape of indices to be same as", x, Arr((1, 1), "below1", "int64"), 2
            ),
            bad(RuntimeError, f"Expected {axes + 1}D or", arr(1), arr(1, dtype="int64"), 2),
            bad(RuntimeError, "index 900 is out of bounds", x, np.full(x.shape, 900), 2),
            bad(RuntimeError, "index -1 is out of bounds", x, np.full(x.shape, -1), 2),
            bad(RuntimeError, "Output size is too small", x, at, 2, padding=2),
            bad(ValueError, "must be between 0 and 4", x, at, 2, output_size=(5,) * axes),
            bad(ValueError, "should be a sequence containing", x, at, 2, output_size=(2,) * 9),
            bad(RuntimeError, "kernel_size must either be a single int", x, at, (2,) * 5),
        ),
        bench=_unpooled(axes),
        layer=Layer(
            f"MaxUnpool{axes}d",
            (
                Made(
                    call(2),
                    (Arr(two), np.array([[0, 3], [2, 1]]).reshape(two)),
                    f"MaxUnpool{axes}d({text})",
                ),
            ),
            bad=(bad(ValueError, f"expected one number or {axes}", (2,) * 5),),
        ),
    )


def _unpooled(axes: int) -> Any:
    def build(m: Any) -> Any:
        pool = getattr(m.nn.functional, f"max_pool{axes}d")
        x, places = pool(m.ones(*BENCH[axes]), 2, return_indices=True)
        unpool = getattr(m.nn.functional, f"max_unpool{axes}d")
        return lambda: unpool(x, places, 2)

    return build


def _below(n: int, *shape: int) -> Arr:
    return Arr(shape, f"below{n}", "int64")


def _spots(*rows: Any) -> Array:
    """Places without repetition, for each of several planes."""
    return np.array(rows, np.int64)


_IMAGES = _spots([[[0, 3], [11, 9]], [[1, 2], [8, 15]]])

INVERSES = {
    "max_unpool1d": _unpool(
        1,
        call(arr(2, 2), _spots([0, 3], [1, 2]), 2),
        call(arr(1, 2, 2), _spots([[0, 3], [5, 2]]), 3, 2, 0, (6,)),
        call(arr(1, 2, 2), _spots([[0, 3], [2, 1]]), 2, padding=0, output_size=(1, 2, 5)),
        call(arr(1, 2), _spots([0, 2]), (3,), (2,), (1,)),
        call(arr(0, 2, 2), _below(1, 0, 2, 2), 2),
    ),
    "max_unpool2d": _unpool(
        2,
        call(arr(1, 2, 2, 2), _IMAGES, 2),
        call(arr(1, 2, 2, 2), _IMAGES, (2, 3), 2, output_size=[5, 5]),
    ),
    "max_unpool3d": _unpool(
        3,
        call(arr(1, 1, 1, 2), _spots([[[3, 12]]]), 2),
        call(arr(1, 1, 1, 1, 2), _spots([[[[3, 12]]]]), (1, 2, 4)),
    ),
}
