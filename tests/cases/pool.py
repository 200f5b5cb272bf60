"""Pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.extreme import Extreme
from cases.layer import Layer, Made, Misused, Params
from cases.row import NUMBERS, Arr, Array, Bad, Call, Counts, Row, arr, bad, call
from steep.reference import OPS

_ROUGH: dict[str, Any] = {"rough": 4.0, "reason": "sums of the elements of windows"}
_POWERS: dict[str, Any] = {"rough": 16.0, "reason": "sums of powers, and a root of them"}
_BENCH = {1: (16, 32, 256), 2: (8, 16, 32, 32), 3: (2, 8, 16, 16, 16)}
_LARGE = {1: (37, 11, 611), 2: (13, 7, 61, 83), 3: (5, 5, 19, 21, 23)}


def _refused(axes: int, op: str) -> tuple[Bad, ...]:
    """Windows that no pooling takes."""
    x = Arr((1, 2, *(5,) * axes))
    return (
        bad(RuntimeError, f"{op}: Expected {axes + 1}D or {axes + 2}D", arr(5), 2),
        bad(RuntimeError, "optional 0 dim batch size", Arr((1, 0, *(5,) * axes)), 2),
        bad(RuntimeError, "kernel_size should be greater than zero", x, 0),
        bad(RuntimeError, "stride should be greater than zero", x, 2, stride=0),
        bad(
            RuntimeError,
            f"stride must either be a single int, or a tuple of {axes}",
            x,
            2,
            (1,) * 5,
        ),
        bad(
            RuntimeError,
            f"kernel_size must either be a single int, or a tuple of {axes}",
            x,
            (2,) * 5,
        ),
        bad(RuntimeError, "of at most 2147483647 along each axis", x, 2**40),
        bad(RuntimeError, "Output size is too small", x, 6),
    )


def _padded(axes: int) -> tuple[Bad, ...]:
    x = Arr((1, 2, *(5,) * axes))
    return (
        bad(RuntimeError, "pad must be non-negative", x, 2, padding=-1),
        bad(RuntimeError, "pad should be at most half of effective kernel size", x, 3, padding=2),
    )


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
        bench=Made(call(2), (Arr(_BENCH[axes]),), ""),
    )


def _max(axes: int, *calls: Call, layer: Layer, **more: Any) -> Row:
    op = f"max_pool{axes}d"
    x = Arr((1, 2, *(5,) * axes))
    return Row(
        calls,
        op,
        NUMBERS,
        bad=(
            *_refused(axes, op),
            *_padded(axes),
            bad(RuntimeError, "dilation should be greater than zero", x, 2, dilation=0),
            bad(NotImplementedError, "not implemented for 'bool'", Arr(x.shape, dtype="bool"), 2),
        ),
        large=Call((Arr(_LARGE[axes]), 3), {"stride": 2, "padding": 1}),
        bench=Call((Arr(_BENCH[axes]), 2)),
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
        x, places = pool(m.ones(*_BENCH[axes]), 2, return_indices=True)
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


def _means(axes: int, *calls: Call, made: tuple[Made, ...], more: tuple[Bad, ...] = ()) -> Row:
    op = f"avg_pool{axes}d"
    integers = Arr((1, 2, *(5,) * axes), dtype="int32")
    return Row(
        calls,
        op,
        ("float32", "float64", "int64"),
        bad=(
            *_refused(axes, op),
            *_padded(axes),
            bad(NotImplementedError, f'"{op}" not implemented for', integers, 2),
            *more,
        ),
        large=Call((Arr(_LARGE[axes]), 3), {"stride": 2, "padding": 1}),
        bench=Call((Arr(_BENCH[axes]), 2)),
        kernels=("average_pool", "average_pool_back"),
        layer=Layer(
            f"AvgPool{axes}d",
            made,
            misused=(Misused(call(2), (arr(5),), RuntimeError, f"Expected {axes + 1}D or"),),
            bench=Made(call(2), (Arr(_BENCH[axes]),), ""),
            **_ROUGH,
        ),
        **_ROUGH,
    )


_divisor = bad(RuntimeError, "divisor must be not zero", arr(1, 4, 4), 2, divisor_override=0)
_divisors = bad(RuntimeError, "divisor must be not zero", arr(1, 4, 4, 4), 2, divisor_override=0)

MEANS = {
    "avg_pool1d": _means(
        1,
        call(arr(2, 3, 8), 2),
        call(arr(3, 9), 2),
        call(arr(2, 2, 9), 3, 2, 1),
        call(arr(2, 2, 9), 3, 2, 1, False, False),
        call(arr(2, 2, 10), 4, 3, 2, True),
        call(arr(2, 2, 10), 4, 3, 2, True, False),
        call(arr(2, 7), 7),
        call(arr(2, 40), 5, stride=1),
        call(arr(0, 2, 5), 2),
        made=(
            Made(
                call(2),
                (arr(2, 3, 6),),
                "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))",
            ),
            Made(
                call(3, 2, 1, True, False),
                (arr(3, 8),),
                "AvgPool1d(kernel_size=(3,), stride=(2,), padding=(1,))",
            ),
        ),
    ),
    "avg_pool2d": _means(
        2,
        call(arr(1, 3, 4), 2, 1),
        call(arr(2, 3, 4, 6), 2),
        call(arr(3, 5, 7), 2),
        call(arr(2, 2, 5, 7), 3, 2, 1),
        call(arr(2, 2, 5, 7), 3, 2, 1, count_include_pad=False),
        call(arr(1, 2, 7, 9), (2, 3), (2, 1), (1, 0)),
        call(arr(1, 2, 7, 9), (2, 3), 2, 1, True, divisor_override=5),
        call(arr(1, 2, 7, 9), (2, 3), 2, 1, True),
        call(arr(1, 2, 7, 9), 3, divisor_override=-2),
        call(arr(2, 3, 6, 7), (6, 7)),
        call(arr(2, 2, 3, 70), 2),
        call(arr(0, 2, 4, 4), 2),
        made=(
            Made(
                call((2, 3), 2),
                (arr(2, 3, 6, 5),),
                "AvgPool2d(kernel_size=(2, 3), stride=2, padding=0)",
            ),
            Made(
                call(2, divisor_override=3),
                (arr(3, 8, 2),),
                "AvgPool2d(kernel_size=2, stride=2, padding=0)",
            ),
        ),
        more=(_divisor,),
    ),
    "avg_pool3d": _means(
        3,
        call(arr(1, 2, 2, 3), 2, 1),
        call(arr(1, 2, 2, 2, 3), (1, 2, 2)),
        call(arr(2, 2, 2, 4, 6), 2),
        call(arr(2, 3, 4, 5), 2, 1),
        call(arr(1, 2, 5, 4, 5), (3, 2, 3), 2, 1),
        call(arr(1, 2, 5, 4, 5), (3, 2, 3), 2, 1, True, False),
        call(arr(1, 1, 3, 4, 5), (2, 4, 5), divisor_override=7),
        made=(
            Made(
                call(2, padding=1),
                (arr(1, 2, 3, 4, 5),),
                "AvgPool3d(kernel_size=2, stride=2, padding=1)",
            ),
        ),
        more=(_divisors,),
    ),
}


def _norms(axes: int, *calls: Call) -> Row:
    op = f"lp_pool{axes}d"
    x = Arr((1, 2, *(5,) * axes), "positive")
    return Row(
        calls,
        op,
        bad=(
            bad(RuntimeError, "Output size is too small", x, 2, 6),
            bad(ValueError, "norm_type other than 0", x, 0, 2),
            bad(NotImplementedError, "not implemented for", Arr(x.shape, dtype="int64"), 2, 2),
        ),
        bench=Call((Arr(_BENCH[axes], "distribution"), 2, 2)),
        layer=Layer(
            f"LPPool{axes}d",
            (
                Made(
                    call(2, 3),
                    (x,),
                    f"LPPool{axes}d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)",
                ),
                Made(
                    call(1.5, 2, stride=3, ceil_mode=True),
                    (x,),
                    f"LPPool{axes}d(norm_type=1.5, kernel_size=2, stride=3, ceil_mode=True)",
                ),
            ),
            **_POWERS,
        ),
        **_POWERS,
    )


_some, _few = arr(2, 3, 7, domain="positive"), arr(1, 2, 5, domain="positive")

NORMS_OF_WINDOWS = {
    "lp_pool1d": _norms(
        1,
        call(_few, 2, 3, 1),
        call(_some, 2, 3),
        call(_some, 3, 2, 1, True),
        call(_some, 1.0, (2,), (3,)),
    ),
    "lp_pool2d": _norms(
        2,
        call(_few, 3, (1, 2)),
        call(_some, 2, 3),
        call(_some, 2.5, (1, 2), stride=1, ceil_mode=True),
    ),
    "lp_pool3d": _norms(3, call(arr(1, 2, 3, 4, domain="positive"), 2, 2, 1)),
}


def _adaptive_layer(kind: str, axes: int, size: Any, text: str) -> Layer:
    def reference(params: Params, inputs: tuple[Array, ...], size: Any, **_: Any) -> Any:
        whole = size if isinstance(size, tuple) else (size,) * axes
        known = zip(whole, inputs[0].shape[-axes:], strict=True)
        sizes = [n if asked is None else asked for asked, n in known]
        return OPS["adaptive_average" if kind == "Avg" else "adaptive_max"].forward(*inputs, sizes)

    name = f"Adaptive{kind}Pool{axes}d"
    wrong = f"Expected {axes + 1}D or {axes + 2}D tensor"
    return Layer(
        name,
        (
            Made(call(size), (Arr((2, 3, *range(5, 5 + axes))),), f"{name}(output_size={text})"),
            Made(call(3), (Arr((2, *range(6, 6 + axes))),), f"{name}(output_size=3)"),
            Made(call(1), (Arr((2, *range(6, 6 + axes))),), f"{name}(output_size=1)"),
        ),
        reference,
        misused=(
            Misused(call(2), (arr(5),), RuntimeError, wrong),
            Misused(call((2,) * 4), (arr(1, 5, 5),), RuntimeError, "must be one number or"),
        ),
        bench=Made(call(1), (Arr(_BENCH[axes]),), ""),
        **_ROUGH,
    )


ADAPTIVE_LAYERS = tuple(
    _adaptive_layer(kind, axes, size, text)
    for kind in ("Avg", "Max")
    for axes, size, text in (
        (1, 2, "2"),
        (2, (None, 4), "(None, 4)"),
        (3, (2, None, 3), "(2, None, 3)"),
    )
)


def _adaptive(kind: str, dtypes: tuple[str, ...], *calls: Call, **more: Any) -> Row:
    name = f"adaptive_{kind}_pool2d"
    x = arr(1, 2, 5, 6)

    def timed(m: Any) -> Any:
        function, image = getattr(m.nn.functional, name), m.ones(*_BENCH[2])
        return lambda: function(image, 7)

    return Row(
        (
            call(arr(2, 3, 7), [3]),
            call(arr(2, 5, 7), [3, 7]),
            call(arr(2, 2, 5, 7), [1, 1]),
            call(arr(2, 2, 6, 8), [3, 4]),
            call(arr(1, 2, 3, 4, 5), [2, 3, 7]),
            call(arr(1, 2, 3), [5]),
            call(arr(1, 2, 3), [0]),
            call(arr(0, 2, 3), [2]),
            *calls,
        ),
        "adaptive_average" if kind == "avg" else "adaptive_max",
        dtypes,
        bad=(
            bad(RuntimeError, f"{name}: Expected 3D or 4D tensor, but got", arr(5), [2, 2]),
            bad(RuntimeError, "with dimension 2 being empty", arr(1, 2, 0, 3), [2, 2]),
            bad(RuntimeError, "greater than or equal to 0", x, [-1, 2]),
            bad(RuntimeError, "output_size of 1 to 3 numbers", x, []),
            bad(NotImplementedError, "not implemented for", arr(1, 4, dtype="bool"), [2]),
        ),
        large=call(Arr(_LARGE[2]), [7, 11]),
        bench=timed,
        **more,
    )


ADAPTIVE = {
    "adaptive_average": _adaptive("avg", ("float32", "float64"), **_ROUGH),
    "adaptive_max": _adaptive(
        "max",
        NUMBERS,
        call(arr(2, 3, 7), [3], True),
        call(arr(2, 3, 7, domain="ties"), [3, 3], return_indices=True),
        jumps="gradient",
    ),
}

POOLING = {**MAXIMA, **INVERSES, **MEANS, **NORMS_OF_WINDOWS, **ADAPTIVE}
