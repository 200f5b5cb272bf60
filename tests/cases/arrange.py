"""Diagonals, stacks, grids, turns and windows."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from cases.bench import MATRIX, SHAPE
from cases.row import ALL, NUMBERS, Bad, Builder, Row, Timed, arr, bad, call
from steep import _core

_X = arr(2, 3, 4)
_far = bad(IndexError, "Dimension out of range", arr(2, 3), 0, 0, 5)
_PAIR = ([MATRIX, MATRIX],)


def _of_list(name: str) -> Any:
    """The variadic function, called with a list in place of its tensors."""
    return lambda tensors, **kwargs: getattr(_core, name)(*tensors, **kwargs)


def _bad_stack(op: str) -> tuple[Bad, ...]:
    return (
        bad(RuntimeError, f"{op}: expected a non-empty list", []),
        bad(RuntimeError, "Sizes of tensors must match", [arr(2, 3, 2), arr(4, 4, 4)]),
    )


def _twice(name: str, *shape: int, **kwargs: Any) -> Builder:
    """The variadic function of two tensors of a shape."""

    def build(m: ModuleType) -> Timed:
        x, function = m.ones(*shape), getattr(m, name)
        return lambda: function(x, x, **kwargs)

    return build


def _fill(x: Any, value: Any, wrap: bool = False) -> Any:
    return x.clone().fill_diagonal_(value, wrap)


def _filling(m: Any) -> Timed:
    x = m.ones(*SHAPE)
    return lambda: x.fill_diagonal_(2.0)


def _windows(m: Any) -> Timed:
    x = m.ones(*SHAPE)
    return lambda: x.unfold(1, 4, 2)


def _triangle(rows: int, columns: int, offset: int, lower: bool) -> Any:
    keep = np.tril if lower else np.triu
    kept = keep(np.ones((rows, columns)), offset)
    return np.array(np.nonzero(kept)).astype(np.int64)


def _pad(x: Any, pad: Any, value: float = 0) -> Any:
    sides = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    return np.pad(x, [(0, 0)] * (x.ndim - len(sides)) + sides, constant_values=value)


_stacked = (
    call([arr(2), arr(2)]),
    call([arr(3, 2), arr(3, 2)]),
    call([arr(), arr()]),
)
_no_corner = bad(RuntimeError, "diagonal dimensions cannot be identical", arr(2, 3), 0, 1, 1)

DIAGONALS = {
    "diagonal": Row(
        (
            call(arr(3, 4)),
            call(arr(3, 4), 1),
            call(arr(3, 4), -2),
            call(_X, 0, 0, 2),
            call(arr(3, 3), 7),
            call(arr(0, 3)),
        ),
        "diagonal",
        ALL,
        view=True,
        bench=call(MATRIX),
        bad=(_no_corner, _far),
    ),
    "diag": Row(
        (call(arr(3)), call(arr(2), 1), call(arr(2), -1), call(arr(3, 4), 1), call(arr(0))),
        "diag",
        ALL,
        bench=call(MATRIX),
        bad=(bad(RuntimeError, "diag: expected a vector or a matrix", _X),),
    ),
    "diag_embed": Row(
        (call(arr(2, 3)), call(arr(2, 2), 1), call(arr(2, 3), 0, 0, 2), call(arr(2), -1)),
        "diag_embed",
        ALL,
        bench=call(MATRIX),
        bad=(_no_corner, bad(IndexError, "at least one dimension", arr())),
    ),
    "diagflat": Row(
        (call(arr(2, 2)), call(arr(2), 1), call(arr())),
        "diagflat",
        ALL,
        bench=call(arr(128)),
        lenient="any shape and offset will do",
    ),
    "trace": Row(
        (call(arr(3, 3)), call(arr(2, 4)), call(arr(0, 2))),
        "trace",
        NUMBERS,
        bench=call(MATRIX),
        bad=(bad(RuntimeError, "trace: expected a matrix", arr(3)),),
    ),
    "diagonal_scatter": Row(
        (call(arr(3, 3), arr(3)), call(arr(3, 4), arr(2), -1), call(_X, arr(3, 2), 0, 0, 2)),
        "diagonal_scatter",
        ALL,
        bench=call(MATRIX, arr(64)),
        bad=(bad(RuntimeError, "a src of the shape [3]", arr(3, 3), arr(2)),),
    ),
    "select_scatter": Row(
        (call(arr(2, 3), arr(3), 0, 1), call(arr(2, 3), arr(2), -1, -1)),
        "select_scatter",
        ALL,
        bench=call(MATRIX, arr(128), 0, 3),
        bad=(
            bad(RuntimeError, "a src of the shape [3]", arr(2, 3), arr(2), 0, 0),
            bad(IndexError, "out of bounds", arr(2, 3), arr(3), 0, 2),
        ),
    ),
    "slice_scatter": Row(
        (
            call(arr(4, 2), arr(2, 2), 0, 1, 3),
            call(arr(2, 5), arr(2, 3), 1, 0, None, 2),
            call(arr(3), arr(3)),
            call(arr(4), arr(1), 0, -1),
        ),
        "slice_scatter",
        ALL,
        bench=call(MATRIX, arr(4, 128), 0, 2, 6),
        bad=(
            bad(RuntimeError, "a src of the shape [2]", arr(4), arr(3), 0, 1, 3),
            bad(IndexError, "Dimension out of range", arr(4), arr(3), 1),
        ),
    ),
    "fill_diagonal_": Row(
        (call(arr(3, 3), 2), call(arr(2, 4), 3), call(arr(7, 2), 1, True), call(arr(2, 2, 2), 5)),
        "fill_diagonal_",
        ALL,
        function=_fill,
        bench=_filling,
        bad=(
            bad(RuntimeError, "fill_diagonal_: expected a matrix", arr(3), 1),
            bad(RuntimeError, "fill_diagonal_: expected a matrix", arr(2, 3, 2), 1),
        ),
    ),
}

STACKS = {
    **{
        name: Row(
            (call(arr()), call(arr(2)), call(arr(2, 3)), call(arr(2, 1, 3))),
            reference,
            ALL,
            view=True,
            bench=call(MATRIX),
            eager="it returns one of its arguments itself",
        )
        for name, reference in (
            ("atleast_1d", np.atleast_1d),
            ("atleast_2d", np.atleast_2d),
            ("atleast_3d", np.atleast_3d),
        )
    },
    "broadcast_tensors": Row(
        (call([arr(2, 1), arr(3)]), call([arr(), arr(2)]), call([arr(2)])),
        "broadcast_tensors",
        ALL,
        function=_of_list("broadcast_tensors"),
        view=True,
        bench=_twice("broadcast_tensors", *SHAPE),
        bad=(bad(RuntimeError, "broadcast_tensors: expected shapes", [arr(2), arr(3)]),),
    ),
    **{
        name: Row(_stacked, name, ALL, bench=call(*_PAIR), bad=_bad_stack(name))
        for name in ("hstack", "vstack", "dstack", "column_stack")
    },
    "tensor_split": Row(
        (
            call(arr(5), 2),
            call(arr(5, 2), (1, 3)),
            call(arr(2, 4), 3, 1),
            call(arr(4), (2, 9)),
            call(arr(2), 4),
        ),
        "tensor_split",
        ALL,
        view=True,
        bench=call(MATRIX, 4),
        bad=(
            bad(RuntimeError, "greater than 0", arr(4), 0),
            bad(RuntimeError, "at least a 1-dimensional", arr(), 1),
        ),
    ),
    "split_with_sizes": Row(
        (call(arr(5), (1, 4)), call(arr(2, 3), (0, 3), 1)),
        lambda x, sizes, dim=0: tuple(np.split(x, np.cumsum(sizes)[:-1], dim)),
        ALL,
        view=True,
        bench=call(MATRIX, (32, 32)),
        bad=(bad(RuntimeError, "sum exactly to 5", arr(5), (1, 3)),),
    ),
    **{
        name: Row(
            (call(arr(*shape), 2), call(arr(*shape), (1,))),
            reference,
            ALL,
            view=True,
            bench=call(arr(16, 16, 16), 4),
            bad=(bad(RuntimeError, f"{name}: expected", arr(*shape), 3), *refused),
        )
        for name, reference, shape, refused in (
            ("hsplit", np.hsplit, (3, 4), ()),
            ("vsplit", np.vsplit, (4, 3), (bad(RuntimeError, "at least 2", arr(4), 2),)),
            ("dsplit", np.dsplit, (1, 3, 2), (bad(RuntimeError, "at least 3", arr(4, 4), 2),)),
        )
    },
}

GRIDS = {
    "meshgrid": Row(
        (
            call([arr(2), arr(3)]),
            call([arr(2), arr(3), arr(2)], indexing="xy"),
            call([arr(), arr(2)], indexing="xy"),
            call([arr(2)]),
        ),
        "meshgrid",
        ALL,
        function=_of_list("meshgrid"),
        view=True,
        bench=_twice("meshgrid", 64, indexing="ij"),
        bad=(
            bad(RuntimeError, "scalars and vectors", [arr(2, 2)]),
            bad(RuntimeError, "one of 'xy' or 'ij'", [arr(2)], indexing="ab"),
            bad(RuntimeError, "the same dtype", [arr(2), arr(2, dtype="int64")]),
        ),
    ),
    "cartesian_prod": Row(
        (call([arr(2), arr(3)]), call([arr(2)]), call([arr(2), arr(2), arr(1)])),
        "cartesian_prod",
        ALL,
        function=_of_list("cartesian_prod"),
        view=True,
        eager="it returns one of its arguments itself",
        bench=_twice("cartesian_prod", 64),
        bad=(bad(RuntimeError, "cartesian_prod: expected vectors", [arr(2, 2)]),),
    ),
    "combinations": Row(
        (call(arr(4)), call(arr(3), 2, True), call(arr(4), 3), call(arr(2), 3)),
        "combinations",
        ALL,
        bench=call(arr(32)),
        bad=(bad(RuntimeError, "combinations: expected a vector", arr(2, 2)),),
    ),
    "kron": Row(
        (
            call(arr(2, 2), arr(3, 1)),
            call(arr(2), arr(2, 2)),
            call(arr(), arr(3)),
            call(arr(1, 2, 1), arr(2)),
        ),
        "kron",
        NUMBERS,
        bench=call(arr(16, 16), arr(8, 8)),
        lenient="any two shapes have a product",
    ),
    "block_diag": Row(
        (call([arr(2, 3), arr(2), arr()]), call([arr(1, 1)])),
        "block_diag",
        ALL,
        function=_of_list("block_diag"),
        bench=_twice("block_diag", *SHAPE),
        bad=(bad(RuntimeError, "block_diag: expected tensors with at most 2", [_X]),),
    ),
    **{
        name: Row(
            (call(3, 4), call(4, 3, 1), call(2, 5, -9), call(3, 3, 2), call(0, 4)),
            lambda row, col, offset=0, lower=lower: _triangle(row, col, offset, lower),
            ("float32",),
            "its result is an index",
            bench=call(64, 64),
            bad=(
                bad(RuntimeError, f"{name}: expected sizes of at least 0", -1, 2),
                bad(RuntimeError, "dtype int64 or int32", 2, 2, dtype=np.dtype("float32")),
            ),
        )
        for name, lower in (("tril_indices", True), ("triu_indices", False))
    },
}

TURNS = {
    "roll": Row(
        (
            call(arr(5), 2),
            call(arr(2, 3), 1),
            call(arr(2, 3), (1, -1), (0, 1)),
            call(arr(4), -9, 0),
            call(arr(0, 2), 1, 1),
            call(arr(), 3),
        ),
        "roll",
        ALL,
        bench=call(MATRIX, 5, 0),
        bad=(
            bad(RuntimeError, "roll: expected a dimension for each shift", arr(2, 3), (1, 2), (0,)),
            bad(IndexError, "Dimension out of range", arr(2), 1, 1),
            bad(IndexError, "roll: Dimension specified as 0", arr(), 1, 0),
        ),
    ),
    "rot90": Row(
        (call(arr(2, 3)), call(arr(2, 3), 2), call(arr(2, 3), 3), call(_X, -1, (0, 2))),
        "rot90",
        ALL,
        bench=call(MATRIX),
        bad=(
            bad(RuntimeError, "rot90: expected a tensor of at least two", arr(2)),
            bad(RuntimeError, "two different dimensions", arr(2, 3), 1, (0, -2)),
            bad(RuntimeError, "two dimensions to turn in", arr(2, 3), 1, (0, 1, 0)),
        ),
    ),
    "fliplr": Row(
        (call(arr(2, 3)), call(_X)),
        "fliplr",
        ALL,
        bench=call(MATRIX),
        bad=(bad(RuntimeError, "fliplr: expected a tensor of at least two", arr(2)),),
    ),
    "flipud": Row(
        (call(arr(2, 3)), call(arr(4))),
        "flipud",
        ALL,
        bench=call(MATRIX),
        bad=(bad(RuntimeError, "flipud: expected a tensor of at least one", arr()),),
    ),
    "windows_of_a_dimension": Row(
        (
            call(arr(5), 0, 2, 1),
            call(arr(2, 7), 1, 3, 2),
            call(arr(4, 2), -2, 4, 1),
            call(arr(), 0, 1, 1),
        ),
        "windows_of_a_dimension",
        ALL,
        function=lambda x, *args: x.unfold(*args),
        view=True,
        bench=_windows,
        bad=(
            bad(RuntimeError, "unfold: expected a window of at most the size 5", arr(5), 0, 6, 1),
            bad(RuntimeError, "unfold: expected a step greater than 0", arr(5), 0, 2, 0),
            bad(IndexError, "Dimension out of range", arr(5), 1, 2, 1),
        ),
    ),
    "constant_pad_nd": Row(
        (call(arr(2, 3), (1, 2)), call(arr(2, 3), (0, 1, 2, 0), 3), call(arr(4), (1, 1))),
        _pad,
        ALL,
        bench=call(MATRIX, (1, 1)),
        bad=(bad(RuntimeError, "", arr(3), (-4, 0)),),
    ),
}
