"""Convolutions."""

from __future__ import annotations

from typing import Any

from cases.row import Arr, Bad, Call, Counts, Row, arr, bad, call

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
        bad(RuntimeError, "not supported for strided", x, w, stride=2, padding="same"),
        bad(RuntimeError, "same dtype", Arr(x.shape, dtype="float32"), long),
        bad(
            NotImplementedError,
            "floating-point input",
            Arr(x.shape, dtype="int64"),
            Arr(w.shape, dtype="int64"),
        ),
    )


def _bad_transposed(axes: int) -> tuple[Bad, ...]:
    x, w = Arr((1, 2, *(4,) * axes)), Arr((2, 3, *(2,) * axes))
    return (
        bad(RuntimeError, "to have 2 channels, but got 3", Arr((1, 3, *(4,) * axes)), w),
        bad(RuntimeError, "expected bias to be 1-dimensional with 3 elements", x, w, arr(2)),
        bad(RuntimeError, "output padding must be smaller", x, w, output_padding=1),
        bad(RuntimeError, "Output size is too small", x, w, padding=9),
    )


def _row(name: str, *calls: Call, bad: tuple[Bad, ...], **more: Any) -> Row:
    return Row(calls, name, bad=bad, **_ROUGH, **more)


CONVOLUTIONS = {
    "conv1d": _row(
        "conv1d",
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
        bad=_bad(1),
        large=Call((Arr((8, 16, 300)), Arr((24, 16, 5)), Arr((24,)))),
        bench=call(Arr((8, 16, 64)), Arr((16, 16, 3)), Arr((16,))),
        counts=Counts(launches=1, saved=2, saved_bytes=312, backward=6),
    ),
    "conv2d": _row(
        "conv2d",
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
        bad=_bad(2),
        large=Call((Arr((5, 16, 20, 21)), Arr((33, 16, 3, 3)), Arr((33,))), {"padding": 1}),
        bench=call(Arr((8, 8, 16, 16)), Arr((16, 8, 3, 3)), Arr((16,)), padding=1),
        counts=Counts(launches=1, saved=2, saved_bytes=464, backward=7),
    ),
    "conv3d": _row(
        "conv3d",
        call(arr(2, 2, 3, 4, 3), arr(2, 2, 2, 2, 2), arr(2)),
        call(arr(2, 3, 3, 3), arr(2, 2, 2, 3, 1)),
        call(arr(1, 1, 4, 3, 5), arr(2, 1, 2, 2, 3), arr(2), stride=(2, 1, 2), padding=(1, 0, 1)),
        call(arr(1, 2, 3, 3, 3), arr(2, 1, 2, 1, 2), groups=2, dilation=(1, 2, 2)),
        call(arr(1, 1, 2, 3, 2), arr(1, 1, 2, 2, 3), padding="same"),
        bad=_bad(3),
        large=Call((Arr((3, 8, 7, 9, 10)), Arr((12, 8, 3, 3, 3)), Arr((12,))), {"padding": 1}),
        bench=call(Arr((2, 4, 6, 8, 8)), Arr((4, 4, 3, 3, 3)), Arr((4,)), padding=1),
    ),
    "conv_transpose1d": _row(
        "conv_transpose1d",
        call(arr(2, 3, 4), arr(3, 2, 3), arr(2)),
        call(arr(3, 4), arr(3, 2, 2)),
        call(arr(1, 2, 4), arr(2, 2, 3), stride=2, padding=1, output_padding=1),
        call(arr(1, 4, 3), arr(4, 1, 3), arr(2), groups=2, dilation=2, stride=3),
        bad=_bad_transposed(1),
        large=Call((Arr((8, 16, 300)), Arr((16, 24, 5)), Arr((24,)))),
        bench=call(Arr((8, 16, 64)), Arr((16, 16, 3)), Arr((16,))),
    ),
    "conv_transpose2d": _row(
        "conv_transpose2d",
        call(arr(2, 2, 3, 4), arr(2, 3, 3, 2), arr(3)),
        call(arr(2, 3, 4), arr(2, 3, 2, 2)),
        call(
            arr(1, 2, 3, 2), arr(2, 2, 3, 3), stride=(2, 3), padding=(1, 0), output_padding=(1, 2)
        ),
        call(arr(1, 4, 3, 3), arr(4, 2, 2, 2), arr(4), groups=2, padding=1),
        call(arr(1, 1, 2, 3), arr(1, 1, 2, 2), dilation=2, stride=2),
        bad=_bad_transposed(2),
        large=Call((Arr((5, 16, 20, 21)), Arr((16, 33, 3, 3)), Arr((33,))), {"stride": 2}),
        bench=call(Arr((8, 8, 8, 8)), Arr((8, 16, 2, 2)), Arr((16,)), stride=2),
    ),
    "conv_transpose3d": _row(
        "conv_transpose3d",
        call(arr(1, 2, 2, 3, 2), arr(2, 2, 2, 2, 2), arr(2)),
        call(arr(2, 2, 2, 2), arr(2, 1, 2, 1, 2)),
        call(arr(1, 2, 2, 2, 2), arr(2, 1, 2, 2, 3), stride=(1, 2, 2), padding=1, groups=2),
        bad=_bad_transposed(3),
        large=Call((Arr((3, 8, 5, 6, 7)), Arr((8, 12, 3, 3, 3)), Arr((12,))), {"stride": 2}),
        bench=call(Arr((2, 4, 4, 4, 4)), Arr((4, 4, 2, 2, 2)), Arr((4,)), stride=2),
    ),
}
