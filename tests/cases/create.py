"""Making tensors, filling them, drawing random ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.bench import MATRIX, SHAPE
from cases.row import ALL, Row, Timed, arr, bad, call

_f64, _i32 = np.dtype("float64"), np.dtype("int32")
NOTHING = "it depends on no tensor's elements"
_OF_ANY = "a tensor of any shape has one like it"
_negative = bad(RuntimeError, "negative", (2, -1))
ONE = ("float32",)  # the arguments hold no array: one pass is enough


def _filled(value: Any) -> Any:
    return lambda size, dtype=np.float32: np.full(size, value, dtype)


def _full(size: Any, value: Any, dtype: Any = None) -> Any:
    natural = {bool: np.bool_, int: np.int64, float: np.float32}[type(value)]
    return np.full(size, value, dtype or natural)


def _full_like(x: Any, value: Any, dtype: Any = None) -> Any:
    return np.full(x.shape, value, dtype or x.dtype)


def _arange(start: Any, end: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    start, end = (0, start) if end is None else (start, end)
    whole = all(isinstance(n, int) for n in (start, end, step))
    count = max(0, int(np.ceil((end - start) / step)))
    return (start + np.arange(count) * step).astype(dtype or (np.int64 if whole else np.float32))


def _linspace(start: Any, end: Any, steps: int, dtype: Any = np.float32) -> Any:
    return np.linspace(start, end, steps).astype(dtype)


def _constant(value: Any, name: str) -> Row:
    calls = (call((2, 3)), call(()), call((0, 3)), call((4,), dtype=_i32), call((2,), dtype=_f64))
    return Row(
        calls,
        _filled(value),
        ONE,
        NOTHING,
        bad=(_negative,),
        bench=call(SHAPE),
        forms={f"new_{name}": call(MATRIX, SHAPE)},
    )


def _constant_like(value: Any) -> Row:
    calls = (call(arr(2, 3)), call(arr()), call(arr(0, 3)), call(arr(4), dtype=_i32))
    return Row(
        calls,
        lambda x, dtype=None: _full_like(x, value, dtype),
        ALL,
        NOTHING,
        bench=call(MATRIX),
        lenient=_OF_ANY,
    )


def _zeroed(x: Any) -> Any:
    """Memory that nobody has written has a shape and a dtype, and no value to compare."""
    return x.zero_()


CREATE = {
    "zeros": _constant(0, "zeros"),
    "ones": _constant(1, "ones"),
    "empty": Row(
        (call((2, 3)), call((0, 3)), call((4,), dtype=_i32)),
        _filled(0),
        ONE,
        NOTHING,
        function=lambda *a, **k: _zeroed(_core().empty(*a, **k)),
        bench=call(SHAPE),
        forms={"new_empty": call(MATRIX, SHAPE)},
        bad=(_negative,),
    ),
    "full": Row(
        (
            call((2, 3), 7),
            call((), 0.5),
            call((2,), True),
            call((0, 3), 1),
            call((2,), 3, dtype=_f64),
        ),
        _full,
        ONE,
        NOTHING,
        bad=(bad(RuntimeError, "negative", (2, -1), 0),),
        bench=call(SHAPE, 1.5),
        forms={"new_full": call(MATRIX, SHAPE, 1.5)},
    ),
    "zeros_like": _constant_like(0),
    "ones_like": _constant_like(1),
    "empty_like": Row(
        (call(arr(2, 3)), call(arr(0, 3)), call(arr(4), dtype=_i32)),
        lambda x, dtype=None: _full_like(x, 0, dtype),
        ALL,
        NOTHING,
        function=lambda *a, **k: _zeroed(_core().empty_like(*a, **k)),
        bench=call(MATRIX),
        lenient=_OF_ANY,
    ),
    "full_like": Row(
        (call(arr(2, 3), 1), call(arr(), 0), call(arr(2), 2, dtype=_f64)),
        _full_like,
        ALL,
        NOTHING,
        bench=call(MATRIX, 1),
        lenient=_OF_ANY,
    ),
    "arange": Row(
        (
            call(5),
            call(2, 7),
            call(7, 2, -2),
            call(1.0, 2.0, 0.25),
            call(0),
            call(5.0),
            call(3, dtype=_f64),
            call(250, dtype=np.dtype("uint8")),
        ),
        _arange,
        ONE,
        NOTHING,
        bench=call(1000),
        kernels=("iota",),
        bad=(
            bad(RuntimeError, "arange: step must be nonzero", 0, 3, 0),
            bad(RuntimeError, "inconsistent with step sign", 3, 0, 1),
            bad(RuntimeError, "unsupported range", 0.0, float("inf")),
        ),
    ),
    "linspace": Row(
        (
            call(0, 1, 5),
            call(-1.0, 2.0, 4),
            call(3, 3, 2),
            call(0, 1, 1),
            call(0, 1, 0),
            call(1, 0, 7, dtype=_f64),
        ),
        _linspace,
        ONE,
        NOTHING,
        bench=call(0, 1, 1000),
        bad=(
            bad(RuntimeError, "number of steps must be non-negative", 0, 1, -1),
            bad(NotImplementedError, "not implemented for 'bool'", 0, 1, 3, dtype=np.dtype("bool")),
        ),
    ),
    "logspace": Row(
        (call(0, 1, 5), call(-1.0, 2.0, 4, 2.0), call(0, 3, 4, dtype=_f64), call(1, 1, 0)),
        lambda start, end, steps, base=10.0, dtype=np.float32: np.logspace(
            start, end, steps, base=base
        ).astype(dtype),
        ONE,
        NOTHING,
        bench=call(0, 1, 1000),
        bad=(
            bad(RuntimeError, "number of steps must be non-negative", 0, 1, -1),
            bad(RuntimeError, "0-dimensional start and end", arr(2, dtype="float32"), 1, 3),
        ),
    ),
    "eye": Row(
        (call(3), call(2, 3), call(3, 2), call(0), call(2, dtype=np.dtype("int64"))),
        lambda n, m=None, dtype=np.float32: np.eye(n, m, dtype=dtype),
        ONE,
        NOTHING,
        bench=call(100),
        bad=(bad(RuntimeError, "greater or equal to 0", -1),),
    ),
}


def _core() -> Any:
    from steep import _core

    return _core


def _copy(x: Any, source: Any) -> Any:
    return x.clone().copy_(source)


def _fill(x: Any, value: Any) -> Any:
    return x.clone().fill_(value)


def _peak(m: Any) -> Timed:
    """The machine's own limit, which the rival does not measure."""
    core = getattr(m, "_core", None)
    return (lambda: None) if core is None else (lambda: core.fma_peak(1000))


PEAK = {
    "fma_peak": Row(
        (call(10), call(10, dtype=_f64)),
        None,
        ONE,
        NOTHING,
        reason="it measures the machine",
        bench=_peak,
        kernels=("fma_peak",),
        bad=(
            bad(ValueError, "fma_peak: expected 0 to 268435456 rounds, got -1", -1),
            bad(ValueError, "fma_peak: expected 0 to 268435456 rounds", 2**28 + 1),
            bad(ValueError, "fma_peak: expected float32 or float64", 1, dtype=_i32),
        ),
    ),
}

FILL = {
    "copy_": Row(
        (
            call(arr(2, 3), arr(2, 3)),
            call(arr(2, 3), arr(3)),
            call(arr(2, 3), arr()),
            call(arr(0, 3), arr(1)),
            call(arr(2), arr(2, dtype="int64")),
            call(arr(2, 3), arr(2, 3, dtype="float64")),
        ),
        lambda x, source: np.broadcast_to(source, x.shape).astype(x.dtype),
        ("float32", "float64", "int64", "int32"),
        function=_copy,
        bench=call(MATRIX, MATRIX),
        kernels=("cast",),
        bad=(bad(RuntimeError, "doesn't match the broadcast shape", arr(2, 3), arr(4)),),
    ),
    "fill": Row(
        (call(arr(2, 3), 2), call(arr(), 1), call(arr(0, 3), 0), call(arr(2, 3), arr())),
        lambda x, value: np.full(x.shape, value, x.dtype),
        ALL,
        bench=call(MATRIX, 1.5),
        bad=(bad(RuntimeError, "fill: expected a 0-dimension value tensor", arr(2), arr(2)),),
    ),
    "fill_": Row(
        (call(arr(2, 3), 2), call(arr(), 1), call(arr(0, 3), 0), call(arr(2, 3), arr())),
        lambda x, value: np.full(x.shape, value, x.dtype),
        ALL,
        function=_fill,
        bench=call(MATRIX, 1.5),
        forms={"zero_": call(MATRIX)},
        kernels=("fill",),
        bad=(bad(RuntimeError, "fill: expected a 0-dimension value tensor", arr(2), arr(2)),),
    ),
}
