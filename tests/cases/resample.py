"""Padding and resampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.layer import Layer, Made, Misused, Params
from cases.row import ALL, Arr, Array, Row, arr, bad, call
from steep.reference import OPS

_ROUGH: dict[str, Any] = {"rough": 4.0, "reason": "sums of weighted elements"}
_x = arr(2, 3, 4)
_image = arr(1, 2, 4, 5)
_pairs = ((1, 1), (2, 1, 0, 2), (1, 0, 1, 1, 2, 0))
_BENCH = {1: (16, 32, 256), 2: (8, 16, 32, 32), 3: (2, 8, 16, 16, 16)}

PADS = {
    "pad": Row(
        (
            call(arr(2, 3), (1, 2)),
            call(_x, (1, 2), "constant", 2.0),
            call(_x, (0, 1, 2, 0, 1, 1), value=2),
            call(_x, (-1, 2, 1, -1)),
            call(_x, (-1, -2)),
            call(_x, (-2, -2)),
            call(_x, ()),
            call(arr(), ()),
            call(arr(2, 0), (1, 1)),
            call(arr(0, 2), (1, 1)),
            *(
                call(Arr((2, *range(4, 4 + len(sides) // 2))), sides, mode)
                for mode in ("reflect", "replicate", "circular")
                for sides in _pairs
            ),
            call(arr(3, 4), (3, 3), "reflect"),
            call(arr(3, 4), (4, 4), "circular"),
            call(arr(3, 4), (9, 9), mode="replicate"),
            call(arr(1, 3, 4), (-1, 3, 2, -2), "reflect"),
            call(arr(1, 3, 4), (-1, 3, 2, -2), "replicate"),
            call(arr(1, 3, 4), (-1, 2, 1, -1), "circular"),
            call(arr(0, 3, 4), (1, 1), "circular"),
        ),
        "pad",
        ALL,
        bad=(
            bad(RuntimeError, "must be divisible by 2", _x, (1,)),
            bad(RuntimeError, "padding length 8 and input of dimension 3", _x, (1,) * 8),
            bad(RuntimeError, "resulted in a negative output size", _x, (-3, -2)),
            bad(RuntimeError, "resulted in a negative output size", _x, (2, -5)),
            bad(NotImplementedError, "Unrecognised padding mode mirror", _x, (1, 1), "mirror"),
            bad(RuntimeError, "doesn't take in value argument", _x, (1, 1), "reflect", 1.0),
            bad(RuntimeError, "less than the corresponding input", _x, (4, 0), "reflect"),
            bad(RuntimeError, "wrapping around more than once", _x, (5, 0), "circular"),
            bad(RuntimeError, "wrapping around more than once", _x, (3, -2), "circular"),
            bad(RuntimeError, "at least 1 element", _x, (-2, -2), "replicate"),
            bad(RuntimeError, "at least 1 element", arr(2, 0), (1, 1), "replicate"),
            bad(NotImplementedError, "non-constant padding", _x, (1,) * 6, "reflect"),
            bad(NotImplementedError, "non-constant padding", _x, (), "reflect"),
            bad(RuntimeError, "cannot be", arr(2, dtype="uint8"), (1, 1), value=300),
        ),
        large=call(arr(7, 11, 61, 83), (3, 2, 1, 4), "reflect"),
        bench=call(arr(8, 16, 32, 32), (1, 1, 1, 1)),
        kernels=("take", "take_back"),
    ),
}

_NUMPY = {"Reflection": "reflect", "Replication": "edge", "Circular": "wrap"}


def _pad_layer(kind: str, axes: int) -> Layer:
    """A layer of PyTorch's, beside NumPy's own padding."""
    constant = kind in ("Constant", "Zero")
    more = (2.5,) if kind == "Constant" else ()

    def reference(
        params: Params, inputs: tuple[Array, ...], padding: Any, value: float = 0.0
    ) -> Any:
        given = padding if isinstance(padding, tuple) else (padding,) * 2 * axes
        sides = [(given[i], given[i + 1]) for i in range(2 * axes - 2, -1, -2)]
        x = inputs[0]
        wider = [(0, 0)] * (x.ndim - axes) + sides
        return (
            np.pad(x, wider, constant_values=value) if constant else np.pad(x, wider, _NUMPY[kind])
        )

    name, sides, ones = f"{kind}Pad{axes}d", _pairs[axes - 1], (1,) * 2 * axes
    text = "({})" if not more else "(padding={}, value=2.5)"
    shape = tuple(range(3, 3 + axes))
    return Layer(
        name,
        (
            Made(call(sides, *more), (Arr((1, 2, *shape)),), name + text.format(sides)),
            Made(call(1, *more), (Arr((2, *shape)),), name + text.format(ones)),
        ),
        reference,
        bad=(bad(ValueError, f"expected padding as one number or {2 * axes}", (1, 2, 3), *more),),
        bench=Made(call(1, *more), (Arr(_BENCH[axes]),), ""),
    )


_KINDS = ("Constant", "Zero", "Reflection", "Replication", "Circular")
PAD_LAYERS = tuple(_pad_layer(kind, axes) for kind in _KINDS for axes in (1, 2, 3))


def _timed(m: Any) -> Any:
    x = m.ones(*_BENCH[2])
    return lambda: m.nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear")


_line, _volume = arr(2, 1, 5), arr(1, 1, 2, 3, 2)
_odd = {"height_scale": 0.7, "width_scale": 1.1}

INTERPOLATION = {
    "interpolate_to": Row(
        (
            call(_line, [8], "linear"),
            call(_line, [8], "linear", True),
            call(_line, [3], "linear", width_scale=0.7),
            call(_line, [1], "linear", True),
            call(arr(1, 2, 1), [4], "linear"),
            call(_line, [7], "nearest"),
            call(_line, [3], "nearest-exact"),
            call(_line, [5], "nearest", width_scale=1.1),
            call(arr(1, 1, 3, 4), [4, 6], "bilinear"),
            call(_image, [8, 10], "bilinear"),
            call(_image, [2, 10], "bilinear", True),
            call(_image, [4, 5], "bilinear"),
            call(_image, [2, 5], "bilinear", **_odd),
            call(arr(1, 1, 3, 4), [5, 3], "bicubic"),
            call(_image, [8, 3], "bicubic", True),
            call(_image, [2, 5], "bicubic", **_odd),
            call(_image, [4, 5], "bicubic", align_corners=True),
            call(_image, [2, 7], "bilinear", antialias=True),
            call(_image, [2, 2], "bicubic", False, True),
            call(arr(1, 1, 3, 5), [1, 2], "bicubic", True, True),
            call(_image, [2, 5], "bicubic", antialias=True, **_odd),
            call(_image, [7, 11], "nearest"),
            call(_image, [2, 11], "nearest-exact"),
            call(_volume, [3, 5, 4], "trilinear"),
            call(_volume, [3, 2, 1], "trilinear", True),
            call(_volume, [4, 6, 4], "nearest", False, False, 2.0, 2.0, 2.0),
            call(_volume, [1, 4, 2], "nearest-exact"),
            call(arr(0, 2, 3), [6], "linear"),
            call(arr(0, 2, 3), [6], "nearest"),
            call(arr(2, 2, 40), [71], "linear"),
            call(arr(1, 2, 3, 70), [5, 70], "bilinear"),
        ),
        "interpolate_to",
        bad=(
            bad(NotImplementedError, "Only 3D, 4D and 5D", arr(2, 3), [4], "linear"),
            bad(NotImplementedError, "Only 3D, 4D and 5D", _line, [4, 4], "nearest"),
            bad(NotImplementedError, "a mode of 1 axes, got 'bilinear'", _line, [4], "bilinear"),
            bad(NotImplementedError, "a mode of 1 axes, got 'best'", _line, [4], "best"),
            bad(RuntimeError, "sizes should be greater than 0", _line, [0], "linear"),
            bad(RuntimeError, "sizes should be greater than 0", arr(1, 1, 0), [2], "nearest"),
            bad(NotImplementedError, "floating-point", arr(1, 1, 2, dtype="int64"), [3], "linear"),
        ),
        large=call(arr(7, 11, 61, 83), [83, 71], "bilinear"),
        bench=_timed,
        kernels=("take", "take_back", "resample", "resample_back"),
        **_ROUGH,
    ),
}


def _upsampled(
    params: Params,
    inputs: tuple[Array, ...],
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Any:
    x = inputs[0]
    axes = x.ndim - 2
    known = x.shape[2:]
    scales = [0.0] * 3
    if scale_factor is not None:
        factors = scale_factor if isinstance(scale_factor, tuple) else (scale_factor,) * axes
        scales = [0.0] * (3 - axes) + ([0.0] * axes if recompute_scale_factor else list(factors))
        size = [int(n * factor) for n, factor in zip(known, factors, strict=True)]
    sizes = [size] * axes if isinstance(size, int) else list(size)
    if mode == "area":
        return OPS["adaptive_average"].forward(x, sizes)
    return OPS["interpolate_to"].forward(x, sizes, mode, bool(align_corners), False, *scales)


def _corners(params: Params, inputs: tuple[Array, ...], *size: Any, **more: Any) -> Any:
    return _upsampled(params, inputs, *size, **more, mode="bilinear", align_corners=True)


UPSAMPLE_LAYERS = (
    Layer(
        "Upsample",
        (
            Made(call(scale_factor=2), (_line,), "Upsample(scale_factor=2.0, mode='nearest')"),
            Made(
                call((3, 7), mode="bilinear"),
                (_image,),
                "Upsample(size=(3, 7), mode='bilinear')",
            ),
            Made(
                call(None, (1.5, 0.7), "bicubic", True),
                (_image,),
                "Upsample(scale_factor=(1.5, 0.7), mode='bicubic')",
            ),
            Made(
                call(None, 1.3, "bilinear", recompute_scale_factor=True),
                (_image,),
                "Upsample(scale_factor=1.3, mode='bilinear')",
            ),
            Made(call(None, 0.5, "area"), (_image,), "Upsample(scale_factor=0.5, mode='area')"),
            Made(
                call(None, 1.5, "trilinear"),
                (_volume,),
                "Upsample(scale_factor=1.5, mode='trilinear')",
            ),
        ),
        _upsampled,
        misused=(
            Misused(call(), (_line,), ValueError, "either size or scale_factor should be"),
            Misused(call(3, 2.0), (_line,), ValueError, "only one of size or scale_factor"),
            Misused(call((3, 3)), (_line,), ValueError, "same number of spatial dimensions"),
            Misused(call(3, mode="bilinear"), (_line,), NotImplementedError, "needs 4D input"),
            Misused(call(3, mode="best"), (_line,), NotImplementedError, "and best"),
            Misused(call(3), (arr(2, 3),), NotImplementedError, "Only 3D, 4D and 5D"),
            Misused(call(3, align_corners=True), (_line,), ValueError, "align_corners option"),
            Misused(call(None, -1.0), (_line,), ValueError, "scale_factor above 0"),
            Misused(call(1.5), (_line,), TypeError, "expected size to be one int"),
            Misused(call(0), (_line,), RuntimeError, "greater than 0"),
            Misused(
                call(3, recompute_scale_factor=True), (_line,), ValueError, "not meaningful with"
            ),
        ),
        bench=Made(call(scale_factor=2), (Arr(_BENCH[2]),), ""),
        **_ROUGH,
    ),
    Layer(
        "UpsamplingNearest2d",
        (
            Made(
                call(scale_factor=2),
                (_image,),
                "UpsamplingNearest2d(scale_factor=2.0, mode='nearest')",
            ),
        ),
        _upsampled,
        bench=Made(call(scale_factor=2), (Arr(_BENCH[2]),), ""),
    ),
    Layer(
        "UpsamplingBilinear2d",
        (Made(call((6, 7)), (_image,), "UpsamplingBilinear2d(size=(6, 7), mode='bilinear')"),),
        _corners,
        bench=Made(call(scale_factor=2), (Arr(_BENCH[2]),), ""),
        **_ROUGH,
    ),
)

RESAMPLING = {**PADS, **INTERPOLATION}
RESAMPLING_LAYERS = (*PAD_LAYERS, *UPSAMPLE_LAYERS)
