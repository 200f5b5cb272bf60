"""Pooling to a given size."""

from __future__ import annotations

from typing import Any

from cases.layer import Layer, Made, Misused, Params
from cases.row import NUMBERS, Arr, Array, Call, Row, arr, bad, call
from cases.windows import BENCH, LARGE, ROUGH
from steep.reference import OPS


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
        bench=Made(call(1), (Arr(BENCH[axes]),), ""),
        **ROUGH,
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
        function, image = getattr(m.nn.functional, name), m.ones(*BENCH[2])
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
        large=call(Arr(LARGE[2]), [7, 11]),
        bench=timed,
        **more,
    )


ADAPTIVE = {
    "adaptive_average": _adaptive("avg", ("float32", "float64"), **ROUGH),
    "adaptive_max": _adaptive(
        "max",
        NUMBERS,
        call(arr(2, 3, 7), [3], True),
        call(arr(2, 3, 7, domain="ties"), [3, 3], return_indices=True),
        jumps="gradient",
    ),
}
