"""More operations that move elements: diagonals, stacks, grids, turns and windows.

All but the sums share the rule of `steep.reference.shape`: a move is differentiated by moving the
numbers of the elements.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steep.reference.registry import Array, register, wide
from steep.reference.shape import collect, register_move


def register_joint(name: str, forward: Callable[..., Any]) -> None:
    """Register an operation of a list of arrays that only moves their elements."""

    def gradient(grad: Any, tensors: Sequence[Array], *args: Any, **kwargs: Any) -> list[Any]:
        ends = np.cumsum([0, *(x.size for x in tensors)])
        numbers = [
            np.arange(first, end).reshape(x.shape) + 1
            for x, first, end in zip(tensors, ends, ends[1:], strict=False)
        ]
        moved = forward(numbers, *args, **kwargs)  # 0 stands where nothing came from
        total = collect(grad, moved, int(ends[-1]) + 1)[1:]
        return [
            [
                total[first:end].reshape(x.shape)
                for x, first, end in zip(tensors, ends, ends[1:], strict=False)
            ]
        ]

    register(name, forward, gradient, ("tensors",))


def register_sparse_move(name: str, forward: Callable[..., Any]) -> None:
    """Register a move of one array that leaves zeros where nothing came from."""

    def gradient(grad: Any, input: Array, *args: Any, **kwargs: Any) -> tuple[Array]:
        numbers = np.arange(1, input.size + 1).reshape(input.shape)
        moved = forward(numbers, *args, **kwargs)
        return (collect(grad, moved, input.size + 1)[1:].reshape(input.shape),)

    register(name, forward, gradient)


def diagonal(input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """``out[..., i] = input[..., i, i + offset]``."""
    return np.diagonal(input, offset, dim1, dim2)


def diag_embed(input: Array, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    """Matrices with the last dimension on a diagonal."""
    side = input.shape[-1] + abs(offset)
    out = np.zeros((*input.shape[:-1], side, side), input.dtype)
    along = np.arange(input.shape[-1])
    out[..., along + max(-offset, 0), along + max(offset, 0)] = input
    return np.moveaxis(out, (-2, -1), (dim1, dim2))


def diag(input: Array, diagonal: int = 0) -> Array:
    """A matrix's diagonal, or the matrix of one."""
    return np.diag(input, diagonal)


def diagflat(input: Array, offset: int = 0) -> Array:
    """The matrix of all elements as a diagonal."""
    return np.diagflat(input, offset)


def trace(input: Array) -> Array:
    """The sum of the main diagonal."""
    kind = input.dtype if input.dtype.kind == "f" else np.int64
    return np.asarray(np.trace(wide(input))).astype(kind)


def trace_gradient(grad: Array, input: Array) -> tuple[Array]:
    """Ones on the diagonal."""
    return (wide(grad) * np.eye(*input.shape),)


def diagonal_scatter(
    input: Array, src: Array, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Array:
    """A copy with `src` on a diagonal."""
    out = input.copy()
    places = diagonal(np.arange(input.size).reshape(input.shape), offset, dim1, dim2)
    out.reshape(-1)[places] = src
    return np.asarray(out)


def select_scatter(input: Array, src: Array, dim: int, index: int) -> Array:
    """A copy with `src` at one place of a dimension."""
    out = input.copy()
    np.moveaxis(out, dim, 0)[index] = src
    return np.asarray(out)


def slice_scatter(
    input: Array,
    src: Array,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Array:
    """A copy with `src` in a slice of a dimension."""
    out = input.copy()
    np.moveaxis(out, dim, 0)[start:end:step] = np.moveaxis(src, dim, 0)
    return np.asarray(out)


def fill_diagonal_(input: Array, fill_value: float, wrap: bool = False) -> Array:
    """A copy with one value on the main diagonal."""
    out = input.copy()
    np.fill_diagonal(out, fill_value, wrap)
    return np.asarray(out)


def roll(
    input: Array, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None
) -> Array:
    """Elements moved around; without `dims` in row-major order."""
    return np.roll(input, shifts, tuple(dims) if isinstance(dims, list) else dims)


def rot90(input: Array, k: int = 1, dims: Sequence[int] = (0, 1)) -> Array:
    """Turned in the plane of two dimensions."""
    first, second = dims
    return np.rot90(input, k, (first, second))


def unfold(input: Array, dimension: int, size: int, step: int) -> Array:
    """``out[..., w, ..., i] = input[..., w * step + i, ...]``."""
    x = np.atleast_1d(input)
    if size == 0:
        shape = list(x.shape)
        shape[dimension] = x.shape[dimension] // step + 1
        return np.zeros((*shape, 0), x.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(x, size, dimension)
    windows = np.moveaxis(np.moveaxis(windows, dimension, 0)[::step], 0, dimension)
    return np.asarray(windows[0] if input.ndim == 0 else windows)


def split_evenly(input: Array, parts: Any, dim: int = 0) -> tuple[Array, ...]:
    """So many parts, the first of them one longer, or the parts between indices."""
    return tuple(np.array_split(input, parts, dim))


def block_diag(tensors: Sequence[Array]) -> Array:
    """Matrices along a diagonal."""
    blocks = [np.atleast_2d(x) for x in tensors]
    sizes = np.array([x.shape for x in blocks])
    out = np.zeros(sizes.sum(0), blocks[0].dtype)
    row = column = 0
    for x in blocks:
        out[row : row + x.shape[0], column : column + x.shape[1]] = x
        row, column = row + x.shape[0], column + x.shape[1]
    return out


def cartesian_prod(tensors: Sequence[Array]) -> Array:
    """A row for each way of taking an element of each."""
    if len(tensors) == 1:
        return tensors[0]
    return np.stack([g.reshape(-1) for g in np.meshgrid(*tensors, indexing="ij")], 1)


def meshgrid(tensors: Sequence[Array], indexing: Any = "ij") -> tuple[Array, ...]:
    """Each array along a dimension of its own."""
    return tuple(np.meshgrid(*tensors, indexing=indexing))


def combinations(input: Array, r: int = 2, with_replacement: bool = False) -> Array:
    """A row for each choice of `r` elements in order."""
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(input.size), r)), np.int64).reshape(-1, r)
    return np.asarray(input[places])


def kron_gradient(grad: Array, input: Array, other: Array) -> tuple[Array, Array]:
    """Blocks of the gradient times the other factor, summed."""
    rank = max(input.ndim, other.ndim)
    a = wide(input).reshape((1,) * (rank - input.ndim) + input.shape)
    b = wide(other).reshape((1,) * (rank - other.ndim) + other.shape)
    paired: tuple[int, ...] = tuple(np.stack([a.shape, b.shape], 1).reshape(-1).tolist())
    g = wide(grad).reshape(paired)
    outer, inner = tuple(range(0, 2 * rank, 2)), tuple(range(1, 2 * rank, 2))
    by_a = (g * np.expand_dims(b, outer)).sum(inner)
    by_b = (g * np.expand_dims(a, inner)).sum(outer)
    return by_a.reshape(input.shape), by_b.reshape(other.shape)


_MOVES: dict[str, Callable[..., Any]] = {
    "diagonal": diagonal,
    "roll": roll,
    "rot90": rot90,
    "fliplr": lambda input: np.fliplr(input),
    "flipud": lambda input: np.flipud(input),
    "windows_of_a_dimension": unfold,
    "tensor_split": split_evenly,
    "combinations": combinations,
}
_SPARSE: dict[str, Callable[..., Any]] = {
    "diag_embed": diag_embed,
    "diag": diag,
    "diagflat": diagflat,
}
_JOINT: dict[str, Callable[..., Any]] = {
    "hstack": lambda tensors: np.hstack(tensors),
    "vstack": lambda tensors: np.vstack(tensors),
    "dstack": lambda tensors: np.dstack(tensors),
    "column_stack": lambda tensors: np.column_stack(tensors),
    "block_diag": block_diag,
    "cartesian_prod": cartesian_prod,
    "meshgrid": meshgrid,
    "broadcast_tensors": lambda tensors: tuple(np.broadcast_arrays(*tensors)),
}
_WRITES: dict[str, Callable[..., Any]] = {
    "diagonal_scatter": diagonal_scatter,
    "select_scatter": select_scatter,
    "slice_scatter": slice_scatter,
}
for _name, _forward in _MOVES.items():
    register_move(_name, _forward)
for _name, _forward in _SPARSE.items():
    register_sparse_move(_name, _forward)
for _name, _forward in _JOINT.items():
    register_joint(_name, _forward)
for _name, _forward in _WRITES.items():
    register(_name, _forward, arrays=("input", "src"))
register("trace", trace, trace_gradient)
register("fill_diagonal_", fill_diagonal_)
register(
    "kron",
    lambda input, other: np.kron(wide(input), wide(other)).astype(input.dtype),
    kron_gradient,
    ("input", "other"),
)
