"""Convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.layer import Layer, Made, Misused, Params
from cases.row import Arr, Array, Bad, Call, Counts, Row, arr, bad, call
from steep.reference import OPS

_ROUGH: dict[str, Any] = {"rough": 4.0, "reason": "sums of products"}


def _bad(axes: int) -> tuple[Bad, ...]:
    ones = (1,) * axes
    x, w = Arr((1, 2, *(4,) * axes)), Arr((3, 2, *(2,) * axes))
    long = Arr(w.shape, dtype="float64")
    return (
        bad(RuntimeError, f"weight of {axes + 2} dimensions", x, arr(2, 2, 2, 2, 2, 2)),
        bad(RuntimeError, f"{axes + 1}D (unbatched) or", arr(2), w),
        bad(RuntimeError, "to have 2 channels, but got 3", Arr((1, 3, *(4,) * axes)), w),
        bad(RuntimeError, "expected bias to be 1-dimensional with 3 elements", x, w, arr(2)),
        bad(RuntimeError, "at least 2 at dimension 0", x, Arr((3, 1, *ones)), groups=2),
        bad(RuntimeError, "non-positive stride", x, w, stride=0),
        bad(RuntimeError, "negative padding", x, w, padding=-1),
        bad(RuntimeError, "dilation should be greater than zero", x, w, dilation=0),
        bad(RuntimeError, "non-positive groups", x, w, groups=0),
        bad(RuntimeError, f"stride as one number or {axes}", x, w, stride=(1, 1, 1, 1)),
        bad(RuntimeError, "Kernel size can't be greater", x, Arr((3, 2, *(5,) * axes))),
        bad(RuntimeError, "'valid', 'same' or numbers", x, w, padding="full"),
        bad(RuntimeError, "sizes up to 2**59", x, w, padding=2**63 - 1),
        bad(RuntimeError, "sizes up to 2**59", x, w, dilation=2**62),
        bad(RuntimeError, "not supported for strided", x, w, stride=2, padding="same"),
        bad(RuntimeError, "same dtype", Arr(x.shape, dtype="float32"), long),
        bad(
            NotImplementedError,
            "an input of numbers, got bool",
            Arr(x.shape, dtype="bool"),
            Arr(w.shape, dtype="bool"),
        ),
    )


def _bad_transposed(axes: int) -> tuple[Bad, ...]:
    x, w = Arr((1, 2, *(4,) * axes)), Arr((2, 3, *(2,) * axes))
    return (
        bad(RuntimeError, "to have 2 channels, but got 3", Arr((1, 3, *(4,) * axes)), w),
        bad(RuntimeError, "expected bias to be 1-dimensional with 3 elements", x, w, arr(2)),
        bad(RuntimeError, "output padding must be smaller", x, w, output_padding=1),
        bad(RuntimeError, "Output size is too small", x, w, padding=9),
        bad(RuntimeError, "sizes up to 2**59", x, w, stride=2**62),
        bad(RuntimeError, "sizes up to 2**59", x, w, stride=2**61, dilation=2**62),
        bad(RuntimeError, "sizes up to 2**59", x, w, dilation=2**63 - 1),
        bad(RuntimeError, "sizes up to 2**59", x, w, padding=2**63 - 1),
    )


_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _layer_of(name: str) -> Any:
    """The layer's settings, as those of the operation and of NumPy's padding."""

    def reference(
        params: Params,
        inputs: tuple[Array, ...],
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        padding_mode: str = "zeros",
        bias: bool = True,
        **more: Any,
    ) -> Any:
        x = inputs[0]
        if padding_mode != "zeros":
            sides = [(padding, padding)] * (params["weight"].ndim - 2)
            x = np.pad(x, [(0, 0)] * (x.ndim - len(sides)) + sides, _MODES[padding_mode])
            padding = 0
        given = (params["weight"], params.get("bias"), stride, padding)
        return OPS[name].forward(x, *given, **more)

    return reference


def _convolution(name: str, operation: str, *made: Made, bad: tuple[Bad, ...] = ()) -> Layer:
    axes = int(operation[-2])
    wrong = Arr((1, 5, *(4,) * axes))
    return Layer(
        name,
        made,
        _layer_of(operation),
        bad=bad,
        misused=(Misused(made[0].arguments, (wrong,), RuntimeError, "channels, but got 5"),),
        **_ROUGH,
    )


_REFUSED = (
    bad(ValueError, "in_channels must be divisible by groups", 3, 4, 2, groups=2),
    bad(ValueError, "out_channels must be divisible by groups", 4, 3, 2, groups=2),
    bad(ValueError, "groups must be a positive integer", 4, 3, 2, groups=0),
    bad(ValueError, "Invalid padding string 'full'", 4, 3, 2, padding="full"),
    bad(ValueError, "not supported for strided convolutions", 4, 3, 2, 2, "same"),
    bad(ValueError, "padding_mode must be one of", 4, 3, 2, padding_mode="mirror"),
    bad(ValueError, "expected stride as one number or 2", 4, 3, 2, (1, 1, 1)),
    bad(TypeError, "expected kernel_size to be whole numbers, got 2.0", 4, 3, 2.0),
    bad(TypeError, "expected kernel_size to be whole numbers, got 1.5", 4, 3, (2, 1.5)),
    bad(TypeError, "expected stride to be whole numbers, got None", 4, 3, 2, None),
    bad(TypeError, "expected in_channels to be whole numbers, got 4.0", 4.0, 3, 2),
    bad(TypeError, "expected groups to be whole numbers, got 1.0", 4, 3, 2, groups=1.0),
    bad(RuntimeError, "expected device 'cpu'", 4, 3, 2, device="cuda"),
)
_LAYERS = (
    _convolution(
        "Conv1d",
        "conv1d",
        Made(call(2, 3, 2), (arr(2, 2, 5),), "Conv1d(2, 3, kernel_size=(2,), stride=(1,))"),
        Made(
            call(2, 3, 3, stride=2, padding=1, bias=False),
            (arr(2, 5),),
            "Conv1d(2, 3, kernel_size=(3,), stride=(2,), padding=(1,), bias=False)",
        ),
        Made(
            call(2, 2, 3, padding=2, padding_mode="circular"),
            (arr(2, 2, 4),),
            "Conv1d(2, 2, kernel_size=(3,), stride=(1,), padding=(2,), padding_mode=circular)",
        ),
    ),
    _convolution(
        "Conv2d",
        "conv2d",
        Made(
            call(2, 3, 2),
            (arr(2, 2, 3, 4),),
            "Conv2d(2, 3, kernel_size=(2, 2), stride=(1, 1))",
        ),
        Made(
            call(4, 2, 3, padding="same", dilation=2, groups=2),
            (arr(1, 4, 3, 3),),
            "Conv2d(4, 2, kernel_size=(3, 3), stride=(1, 1), padding=same, dilation=(2, 2), "
            "groups=2)",
        ),
        Made(
            call(1, 2, 3, padding=1, padding_mode="reflect"),
            (arr(2, 1, 3, 4),),
            "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), padding_mode=reflect)",
        ),
        bad=_REFUSED,
    ),
    _convolution(
        "Conv3d",
        "conv3d",
        Made(
            call(1, 2, 2, padding=1, padding_mode="replicate"),
            (arr(1, 1, 2, 3, 2),),
            "Conv3d(1, 2, kernel_size=(2, 2, 2), stride=(1, 1, 1), padding=(1, 1, 1), "
            "padding_mode=replicate)",
        ),
    ),
    _convolution(
        "ConvTranspose1d",
        "conv_transpose1d",
        Made(
            call(2, 3, 3, stride=2, output_padding=1),
            (arr(2, 2, 4),),
            "ConvTranspose1d(2, 3, kernel_size=(3,), stride=(2,), output_padding=(1,))",
        ),
        bad=(bad(ValueError, 'Only "zeros" padding mode', 2, 2, 2, padding_mode="reflect"),),
    ),
    _convolution(
        "ConvTranspose2d",
        "conv_transpose2d",
        Made(
            call(2, 4, 2, stride=2, padding=1, groups=2, bias=False),
            (arr(2, 2, 3, 3),),
            "ConvTranspose2d(2, 4, kernel_size=(2, 2), stride=(2, 2), padding=(1, 1), groups=2, "
            "bias=False)",
        ),
    ),
    _convolution(
        "ConvTranspose3d",
        "conv_transpose3d",
        Made(
            call(1, 1, 2, dilation=2),
            (arr(1, 1, 2, 2, 2),),
            "ConvTranspose3d(1, 1, kernel_size=(2, 2, 2), stride=(1, 1, 1), dilation=(2, 2, 2))",
        ),
    ),
)
_LAYER = {layer.name: layer for layer in _LAYERS}


def _whole(*shape: int) -> Arr:
    return arr(*shape, domain="below9", dtype="int64")


def _row(name: str, layer: str, *calls: Call, bad: tuple[Bad, ...], **more: Any) -> Row:
    kernels: tuple[str, ...] = ("conv", "conv_weight")
    if not name.endswith("3d"):
        kernels += ("conv_columns",)
    if name == "conv2d":
        kernels += ("winograd_weights", "winograd", "winograd_gradient")
    return Row(calls, name, bad=bad, layer=_LAYER[layer], kernels=kernels, **_ROUGH, **more)


CONVOLUTIONS = {
    "conv1d": _row(
        "conv1d",
        "Conv1d",
        call(arr(2, 3, 7), arr(4, 3, 3), arr(4)),
        call(arr(3, 7), arr(4, 3, 2)),
        call(arr(2, 2, 9), arr(2, 2, 3), stride=2, padding=1),
        call(arr(2, 2, 9), arr(2, 2, 3), arr(2), stride=(3,), dilation=2),
        call(arr(1, 4, 6), arr(6, 2, 2), groups=2, padding=[3]),
        call(arr(2, 1, 6), arr(2, 1, 4), arr(2), padding="same"),
        call(arr(2, 1, 6), arr(2, 1, 4), padding="valid"),
        call(arr(1, 1, 1), arr(1, 1, 1), arr(1)),
        call(arr(1, 2, 40), arr(3, 2, 5), arr(3)),
        call(arr(0, 2, 5), arr(3, 2, 2), arr(3)),
        call(arr(2, 4, 150), arr(8, 1, 3), arr(8), groups=4, padding=1),
        call(arr(1, 6, 19), arr(5, 6, 4), arr(5), padding=2, dilation=2),
        call(arr(1, 8, 21), arr(4, 8, 2), arr(4), stride=2),
        call(_whole(2, 2, 9), _whole(2, 2, 3), _whole(2), stride=2, padding=2, dilation=2),
        bad=_bad(1),
        large=Call((Arr((8, 16, 300)), Arr((24, 16, 5)), Arr((24,)))),
        bench=call(Arr((8, 16, 64)), Arr((16, 16, 3)), Arr((16,))),
        counts=Counts(launches=1, saved=2, saved_bytes=312, backward=4),
    ),
    "conv2d": _row(
        "conv2d",
        "Conv2d",
        call(arr(2, 2, 5, 4), arr(3, 2, 3, 2), arr(3)),
        call(arr(2, 5, 4), arr(3, 2, 3, 2), arr(3)),
        call(arr(2, 2, 5, 5), arr(2, 2, 3, 3), stride=2, padding=1),
        call(arr(1, 2, 6, 7), arr(2, 2, 2, 3), arr(2), stride=(2, 3), padding=(0, 2)),
        call(arr(1, 2, 7, 7), arr(2, 2, 3, 2), dilation=(2, 3)),
        call(arr(2, 4, 4, 4), arr(4, 1, 3, 3), arr(4), padding=1, groups=4),
        call(arr(1, 4, 3, 3), arr(6, 2, 2, 2), groups=2),
        call(arr(2, 3, 4, 4), arr(5, 3, 1, 1), arr(5)),
        call(arr(2, 3, 4, 4), arr(2, 3, 1, 1), stride=2),
        call(arr(1, 2, 3, 3), arr(1, 2, 3, 3)),
        call(arr(1, 1, 4, 5), arr(2, 1, 2, 4), arr(2), padding="same", dilation=2),
        call(arr(0, 2, 3, 3), arr(3, 2, 2, 2), arr(3)),
        call(arr(9, 1, 2, 2), arr(2, 1, 2, 2), arr(2), padding=1),
        call(arr(2, 5, 3, 37), arr(5, 1, 3, 3), padding=1, groups=5),
        call(arr(2, 3, 9, 18), arr(3, 1, 3, 3), arr(3), padding=(3, 4), groups=3),
        call(arr(1, 4, 7, 18), arr(4, 1, 3, 3), arr(4), groups=4),
        call(arr(3, 4, 1, 1), arr(4, 1, 3, 3), padding=1, groups=4),
        call(arr(1, 4, 5, 33), arr(8, 1, 2, 5), arr(8), stride=2, padding=(1, 2), groups=4),
        call(arr(1, 3, 7, 35), arr(3, 1, 5, 5), arr(3), padding=2, groups=3),
        call(arr(1, 2, 8, 13), arr(2, 1, 4, 2), groups=2),
        call(arr(1, 3, 2, 18), arr(3, 3, 2, 2), arr(3)),
        call(arr(2, 6, 4, 5), arr(7, 6, 3, 3), arr(7), padding=1),
        call(arr(64, 16, 1, 3), arr(16, 16, 3, 3), arr(16), padding=1),
        call(arr(1, 1, 3, 4), arr(2, 1, 2, 2), stride=(2**40, 2)),
        call(_whole(4, 5, 4), _whole(6, 2, 2, 3), _whole(6), padding=(1, 2), groups=2),
        bad=_bad(2),
        large=Call((Arr((5, 16, 20, 21)), Arr((33, 16, 3, 3)), Arr((33,))), {"padding": 1}),
        bench=call(Arr((8, 8, 16, 16)), Arr((16, 8, 3, 3)), Arr((16,)), padding=1),
        counts=Counts(launches=1, saved=2, saved_bytes=464, backward=7),
    ),
    "conv3d": _row(
        "conv3d",
        "Conv3d",
        call(arr(2, 2, 3, 4, 3), arr(2, 2, 2, 2, 2), arr(2)),
        call(arr(2, 3, 3, 3), arr(2, 2, 2, 3, 1)),
        call(arr(1, 1, 4, 3, 5), arr(2, 1, 2, 2, 3), arr(2), stride=(2, 1, 2), padding=(1, 0, 1)),
        call(arr(1, 2, 3, 3, 3), arr(2, 1, 2, 1, 2), groups=2, dilation=(1, 2, 2)),
        call(arr(1, 1, 2, 3, 2), arr(1, 1, 2, 2, 3), padding="same"),
        call(_whole(1, 2, 2, 3, 2), _whole(2, 2, 2, 2, 1), padding="same"),
        bad=_bad(3),
        large=Call((Arr((3, 8, 7, 9, 10)), Arr((12, 8, 3, 3, 3)), Arr((12,))), {"padding": 1}),
        bench=call(Arr((2, 4, 6, 8, 8)), Arr((4, 4, 3, 3, 3)), Arr((4,)), padding=1),
    ),
    "conv_transpose1d": _row(
        "conv_transpose1d",
        "ConvTranspose1d",
        call(arr(2, 3, 4), arr(3, 2, 3), arr(2)),
        call(arr(3, 4), arr(3, 2, 2)),
        call(arr(1, 2, 4), arr(2, 2, 3), stride=2, padding=1, output_padding=1),
        call(arr(1, 4, 3), arr(4, 1, 3), arr(2), groups=2, dilation=2, stride=3),
        call(_whole(1, 4, 3), _whole(4, 1, 2), _whole(2), groups=2, stride=3, padding=2),
        bad=_bad_transposed(1),
        large=Call((Arr((8, 16, 300)), Arr((16, 24, 5)), Arr((24,)))),
        bench=call(Arr((8, 16, 64)), Arr((16, 16, 3)), Arr((16,))),
    ),
    "conv_transpose2d": _row(
        "conv_transpose2d",
        "ConvTranspose2d",
        call(arr(2, 2, 3, 4), arr(2, 3, 3, 2), arr(3)),
        call(arr(2, 3, 4), arr(2, 3, 2, 2)),
        call(
            arr(1, 2, 3, 2), arr(2, 2, 3, 3), stride=(2, 3), padding=(1, 0), output_padding=(1, 2)
        ),
        call(arr(1, 4, 3, 3), arr(4, 2, 2, 2), arr(4), groups=2, padding=1),
        call(arr(1, 1, 2, 3), arr(1, 1, 2, 2), dilation=2, stride=2),
        call(arr(1, 1, 2, 2), arr(1, 1, 1, 1), dilation=2, output_padding=1),
        call(arr(1, 2, 1, 3), arr(2, 2, 1, 1), stride=(9, 1), padding=0),
        call(arr(1, 6, 3, 9), arr(6, 1, 3, 3), arr(6), stride=2, padding=1, groups=6),
        call(_whole(2, 3, 4), _whole(2, 3, 2, 2), stride=2, dilation=(1, 2), output_padding=1),
        bad=_bad_transposed(2),
        large=Call((Arr((5, 16, 20, 21)), Arr((16, 33, 3, 3)), Arr((33,))), {"stride": 2}),
        bench=call(Arr((8, 8, 8, 8)), Arr((8, 16, 2, 2)), Arr((16,)), stride=2),
    ),
    "conv_transpose3d": _row(
        "conv_transpose3d",
        "ConvTranspose3d",
        call(arr(1, 2, 2, 3, 2), arr(2, 2, 2, 2, 2), arr(2)),
        call(arr(2, 2, 2, 2), arr(2, 1, 2, 1, 2)),
        call(arr(1, 2, 2, 2, 2), arr(2, 1, 2, 2, 3), stride=(1, 2, 2), padding=1, groups=2),
        call(_whole(1, 2, 2, 3, 2), _whole(2, 2, 2, 2, 2), _whole(2), padding=1),
        bad=_bad_transposed(3),
        large=Call((Arr((3, 8, 5, 6, 7)), Arr((8, 12, 3, 3, 3)), Arr((12,))), {"stride": 2}),
        bench=call(Arr((2, 4, 4, 4, 4)), Arr((4, 4, 2, 2, 2)), Arr((4,)), stride=2),
    ),
}
