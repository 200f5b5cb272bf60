"""Windows as columns, channels as places."""

from __future__ import annotations

from typing import Any

from cases.layer import Layer, Made, Misused
from cases.row import ALL, Arr, Row, arr, bad, call

_ROUGH: dict[str, Any] = {"rough": 4.0, "reason": "sums of the windows that an element is in"}
_image, _images = arr(2, 3, 4), arr(8, 16, 32, 32)
_columns = arr(1, 4, 6)

WINDOWS = {
    "unfold": Row(
        (
            call(_image, 2),
            call(arr(2, 2, 5, 4), (2, 3)),
            call(arr(1, 2, 5, 6), (2, 3), 2, 1, (1, 2)),
            call(arr(1, 2, 5, 6), 2, padding=(0, 3), stride=3),
            call(arr(1, 1, 2, 2), 1, 1, 2),
            call(arr(0, 3, 4, 4), 2),
            call(arr(1, 1, 3, 70), 2),
            call(arr(1, 2, 3, 4, dtype="bool"), 2, padding=1),
        ),
        "unfold",
        bad=(
            bad(RuntimeError, "Expected 3D or 4D (batch mode)", arr(3, 4), 2),
            bad(RuntimeError, "Expected 3D or 4D (batch mode)", arr(1, 0, 4, 4), 2),
            bad(RuntimeError, "kernel size should be greater than zero", _image, 0),
            bad(RuntimeError, "stride should be greater than zero", _image, 2, stride=0),
            bad(RuntimeError, "padding should be non-negative", _image, 2, padding=-1),
            bad(RuntimeError, "dilation should be greater than zero", _image, 2, dilation=0),
            bad(RuntimeError, "kernel_size must either be a single int", _image, (2, 2, 2)),
            bad(RuntimeError, "must have at least one along each axis", _image, 9),
            bad(RuntimeError, "of at most 2147483647", _image, 2, stride=2**40),
            bad(NotImplementedError, "not implemented for", arr(1, 4, 4, dtype="int64"), 2),
        ),
        large=call(arr(5, 7, 41, 43), 3, 1, 1, 2),
        bench=call(_images, 3, 1, 1),
        kernels=("unfold", "fold"),
        layer=Layer(
            "Unfold",
            (
                Made(
                    call(2),
                    (_image,),
                    "Unfold(kernel_size=2, dilation=1, padding=0, stride=1)",
                ),
                Made(
                    call((2, 3), 1, 1, stride=2),
                    (arr(2, 2, 4, 5),),
                    "Unfold(kernel_size=(2, 3), dilation=1, padding=1, stride=2)",
                ),
            ),
            misused=(Misused(call(5), (_image,), RuntimeError, "at least one along each axis"),),
            bench=Made(call(3), (_images,), ""),
        ),
        **_ROUGH,
    ),
    "fold": Row(
        (
            call(_columns, (3, 4), 2),
            call(arr(4, 6), (3, 4), 2),
            call(arr(2, 12, 8), (5, 4), (2, 3)),
            call(arr(1, 12, 20), (5, 6), (2, 3), 2, 1, (1, 1)),
            call(arr(1, 8, 8), (5, 6), 2, padding=(0, 3), stride=3),
            call(arr(0, 4, 6), (3, 4), 2),
            call(arr(1, 8, 6, dtype="bool"), (3, 4), 2),
        ),
        "fold",
        bad=(
            bad(RuntimeError, "Expected 2D or 3D (batch mode)", arr(6), 4, 2),
            bad(RuntimeError, "divisible by the product of kernel_size", arr(1, 5, 6), (3, 4), 2),
            bad(RuntimeError, "number of sliding blocks 9, but got 6", _columns, 4, 2),
            bad(RuntimeError, "output_size should be greater than zero", _columns, (0, 4), 2),
            bad(RuntimeError, "output_size must either be", _columns, (3, 4, 5), 2),
            bad(RuntimeError, "kernel size should be greater than zero", _columns, (3, 4), 0),
            bad(RuntimeError, "must have at least one along each axis", _columns, 1, 2),
            bad(NotImplementedError, "not implemented for", arr(1, 4, 6, dtype="int64"), (3, 4), 2),
        ),
        large=call(arr(5, 63, 1763), (41, 43), 3, 1, 1),
        bench=call(arr(8, 144, 1024), 32, 3, 1, 1),
        layer=Layer(
            "Fold",
            (
                Made(
                    call((3, 4), 2),
                    (_columns,),
                    "Fold(output_size=(3, 4), kernel_size=2, dilation=1, padding=0, stride=1)",
                ),
            ),
            misused=(Misused(call((9, 4), 2), (_columns,), RuntimeError, "sliding blocks 24"),),
            bench=Made(call(32, 3, padding=1), (arr(8, 144, 1024),), ""),
            **_ROUGH,
        ),
        **_ROUGH,
    ),
}


def _factor(name: str, argument: str, *shapes: tuple[int, ...], text: str) -> Row:
    return Row(
        tuple(call(Arr(shape), 2) for shape in shapes),
        name,
        ALL,
        bad=(
            bad(RuntimeError, "at least 3 dimensions", arr(4, 4), 2),
            bad(RuntimeError, f"expects a positive {argument}, but got 0", arr(4, 4, 4), 0),
            bad(RuntimeError, text, arr(4, 4, 6), 4 if "un" in name else 3),
        ),
        bench=call(Arr((8, 16, 32, 32)), 2),
        layer=Layer(
            {"pixel_shuffle": "PixelShuffle", "pixel_unshuffle": "PixelUnshuffle"}[name],
            (
                Made(
                    call(2),
                    (Arr(shapes[0]),),
                    {
                        "pixel_shuffle": "PixelShuffle(upscale_factor=2)",
                        "pixel_unshuffle": "PixelUnshuffle(downscale_factor=2)",
                    }[name],
                ),
            ),
            misused=(Misused(call(2), (arr(3, 3),), RuntimeError, "at least 3 dimensions"),),
            bench=Made(call(2), (_images,), ""),
        ),
    )


SHUFFLES = {
    "pixel_shuffle": _factor(
        "pixel_shuffle",
        "upscale_factor",
        (1, 4, 2, 3),
        (8, 1, 2),
        (2, 1, 4, 2, 3),
        (0, 4, 2, 3),
        text="divisible by the square of upscale_factor",
    ),
    "pixel_unshuffle": _factor(
        "pixel_unshuffle",
        "downscale_factor",
        (1, 2, 2, 4),
        (2, 4, 2),
        (2, 1, 1, 2, 6),
        (0, 1, 2, 2),
        text="width to be divisible by downscale_factor",
    ),
    "channel_shuffle": Row(
        (
            call(arr(1, 4, 3), 2),
            call(arr(2, 6, 2, 2), 3),
            call(arr(2, 6, 2, 2), 6),
            call(arr(2, 3, 2), 1),
            call(arr(0, 4, 2), 2),
        ),
        "channel_shuffle",
        ALL,
        bad=(
            bad(RuntimeError, "expects input with > 2 dims", arr(4, 4), 2),
            bad(RuntimeError, "must be positive", arr(1, 4, 4), 0),
            bad(RuntimeError, "Got 4 channels and 3 groups", arr(1, 4, 4), 3),
        ),
        bench=call(_images, 4),
        layer=Layer(
            "ChannelShuffle",
            (Made(call(2), (arr(2, 4, 3, 2),), "ChannelShuffle(groups=2)"),),
            misused=(Misused(call(3), (arr(1, 4, 2),), RuntimeError, "4 channels and 3 groups"),),
            bench=Made(call(4), (_images,), ""),
        ),
    ),
}

FOLDS = {**WINDOWS, **SHUFFLES}
