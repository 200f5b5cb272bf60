"""Joining, repeating, triangles, turning over."""

from __future__ import annotations

from cases.bench import MATRIX
from cases.row import ALL, Counts, Row, arr, bad, call

JOIN = {
    "cat": Row(
        (
            call([arr(2, 3), arr(2, 1)], 1),
            call([arr(0), arr(2, 3)]),
            call((arr(2), arr(1), arr(3)), -1),
            call([arr(2, 3)]),
            call([arr(2, dtype="int64"), arr(3)]),
            call([arr(0), arr(0)]),
        ),
        "cat",
        ALL,
        bench=call([MATRIX] * 4),
        bad=(
            bad(ValueError, "cat: expected a non-empty list", []),
            bad(
                RuntimeError,
                "Sizes of tensors must match except in dimension 0",
                [arr(2, 3), arr(2, 2)],
            ),
            bad(RuntimeError, "zero-dimensional tensor", [arr(), arr()]),
            bad(IndexError, "Dimension out of range", [arr(2), arr(2)], 1),
        ),
        counts=Counts(launches=2, saved=0, saved_bytes=0, backward=0),
    ),
    "stack": Row(
        (
            call([arr(2, 3), arr(2, 3)], -1),
            call([arr(), arr()]),
            call((arr(3),), 0),
            call([arr(0, 2)] * 2, 1),
        ),
        "stack",
        ALL,
        bench=call([MATRIX] * 4),
        bad=(
            bad(RuntimeError, "stack: expected a non-empty list", []),
            bad(RuntimeError, "stack: expects each tensor to be equal size", [arr(2), arr(3)]),
            bad(IndexError, "Dimension out of range", [arr(2), arr(2)], 2),
        ),
    ),
    "repeat": Row(
        (
            call(arr(2, 3), (2, 1)),
            call(arr(2, 3), (2, 1, 2)),
            call(arr(3), (2, 2)),
            call(arr(), (3,)),
            call(arr(2), (0,)),
            call(arr(2), (1,)),
        ),
        "repeat",
        ALL,
        bench=call(MATRIX, (2, 2)),
        bad=(
            bad(RuntimeError, "can not be smaller", arr(2, 3), (2,)),
            bad(RuntimeError, "must not be negative", arr(2), (-1,)),
        ),
    ),
    "tile": Row(
        (
            call(arr(2, 3), (2, 1)),
            call(arr(2, 3), (2,)),
            call(arr(2, 3), (2, 1, 2)),
            call(arr(2, 3), ()),
            call(arr(3), (2, 2)),
            call(arr(), (3,)),
            call(arr(2), (0,)),
        ),
        "tile",
        ALL,
        bench=call(MATRIX, (2, 2)),
        bad=(bad(RuntimeError, "must not be negative", arr(2), (-1,)),),
    ),
    **{
        op: Row(
            (
                call(arr(3, 4)),
                call(arr(2, 3, 3), 1),
                call(arr(4, 2), -2),
                call(arr(2, 3), diagonal=9),
                call(arr(2, 3), -(2**62)),
                call(arr(0, 2)),
            ),
            op,
            ALL,
            bench=call(MATRIX),
            kernels=("triangle",),
            bad=(bad(RuntimeError, "at least 2 dimensions", arr(2)),),
        )
        for op in ("tril", "triu")
    },
    "flip": Row(
        (
            call(arr(2, 3), (0, 1)),
            call(arr(2, 3), (-1,)),
            call(arr(4), (0,)),
            call(arr(0, 2), (0,)),
        ),
        "flip",
        ALL,
        bench=call(MATRIX, (0, 1)),
        bad=(
            bad(IndexError, "Dimension out of range", arr(2, 3), (2,)),
            bad(RuntimeError, "appears multiple times", arr(2, 3), (0, 0)),
        ),
    ),
}
