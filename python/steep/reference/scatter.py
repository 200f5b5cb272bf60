"""Writing and combining by index, along one dimension or by places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steep.reference.index import gather, getitem, setitem
from steep.reference.registry import Array, normalize_dim, register, wide
from steep.reference.shape import register_move

_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda a, b: a + b,
    "mean": lambda a, b: a + b,
    "prod": lambda a, b: a * b,
    "amax": np.maximum,
    "amin": np.minimum,
}


def _places(input: Array, dim: int, index: Array) -> Array:
    return gather(np.arange(input.size).reshape(input.shape), dim, index)


def scatter(input: Array, dim: int, index: Array, src: Any, *, reduce: str = "") -> Array:
    """``out[index[i][j]][j] = src[i][j]`` for dim 0."""
    if reduce:
        way = {"add": "sum", "multiply": "prod"}[reduce]
        return scatter_reduce(input, dim, index, _filled(src, index, input), way)
    out: Array = input.copy()
    source = _filled(src, index, input)
    part = source[tuple(slice(n) for n in index.shape)] if index.ndim else source
    out.reshape(-1)[_places(input, dim, index).reshape(-1)] = np.reshape(part, -1)
    return out


def _filled(src: Any, index: Array, input: Array) -> Array:
    if isinstance(src, np.ndarray):
        return src
    return np.full(index.shape, src, input.dtype)


def scatter_reduce(
    input: Array, dim: int, index: Array, src: Array, reduce: str, *, include_self: bool = True
) -> Array:
    """Elements that share a place, combined in order."""
    flat, counts = wide(input).reshape(-1).copy(), np.ones(input.size, np.int64)
    part = src[tuple(slice(n) for n in index.shape)] if index.ndim else src
    places = _places(input, dim, index).reshape(-1)
    fresh = set() if include_self else set(places.tolist())
    for place, value in zip(places.tolist(), wide(part).reshape(-1), strict=True):
        if place in fresh:
            fresh.discard(place)
            flat[place] = value
        else:
            flat[place] = _COMBINE[reduce](flat[place], value)
            counts[place] += 1
    if reduce == "mean":
        flat = flat / counts if flat.dtype.kind == "f" else flat // counts
    return np.asarray(flat).reshape(input.shape).astype(input.dtype)


def index_add(input: Array, dim: int, index: Array, source: Array, *, alpha: float = 1) -> Array:
    """Rows added."""
    out = wide(input).copy()
    rows = np.moveaxis(out, dim, 0)
    np.add.at(rows, index, alpha * np.moveaxis(wide(source), dim, 0))
    return np.asarray(out).astype(input.dtype)


def index_copy(input: Array, dim: int, index: Array, source: Array) -> Array:
    """Rows replaced."""
    out: Array = input.copy()
    np.moveaxis(out, dim, 0)[index] = np.moveaxis(source, dim, 0)
    return out


def index_fill(input: Array, dim: int, index: Array, value: Any) -> Array:
    """Rows of one value."""
    out: Array = input.copy()
    np.moveaxis(out, dim, 0)[index] = value
    return out


def index_put(
    input: Array, indices: Sequence[Array], values: Array, accumulate: bool = False
) -> Array:
    """A subscript assigned, or added to."""
    if not accumulate:
        return setitem(input, tuple(indices), values)
    out = wide(input).copy()
    places = getitem(np.arange(input.size).reshape(input.shape), tuple(indices))
    np.add.at(out.reshape(-1), places, wide(values))
    return np.asarray(out).astype(input.dtype)


def put(input: Array, index: Array, source: Array, accumulate: bool = False) -> Array:
    """Elements at places of the row-major order."""
    return index_put(input.reshape(-1), (index,), source.reshape(index.shape), accumulate).reshape(
        input.shape
    )


def take_along_dim(input: Array, indices: Array, dim: int | None = None) -> Array:
    """``out[i][j] = input[i][indices[i][j]]`` for dim 1."""
    if dim is None:
        return np.asarray(input.reshape(-1)[indices.reshape(-1)])
    axis = normalize_dim(dim, input.ndim)
    shape = np.broadcast_shapes(
        *(tuple(1 if d == axis else n for d, n in enumerate(x.shape)) for x in (input, indices))
    )
    x, places = (
        np.broadcast_to(a, (*shape[:axis], a.shape[axis], *shape[axis + 1 :]))
        for a in (input, indices)
    )
    return np.take_along_axis(x, places, axis)


def masked_scatter(input: Array, mask: Array, source: Array) -> Array:
    """The elements of `source` in turn, where `mask` holds."""
    x, chosen = np.broadcast_arrays(input, mask)
    out: Array = x.copy()
    out[chosen] = source.reshape(-1)[: chosen.sum()]
    return out


def repeat_interleave(
    input: Array, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Array:
    """Copies beside each other."""
    return np.repeat(np.atleast_1d(input), repeats, dim)


register("scatter", scatter, arrays=("input", "index", "src"))
register("scatter_reduce", scatter_reduce, arrays=("input", "index", "src"))
register("index_add", index_add, arrays=("input", "index", "source"))
register("index_copy", index_copy, arrays=("input", "index", "source"))
register("index_fill", index_fill, arrays=("input", "index", "value"))
register("index_put", index_put, arrays=("input", "indices", "values"))
register("put", put, arrays=("input", "index", "source"))
register("masked_scatter", masked_scatter, arrays=("input", "mask", "source"))
register("repeat_interleave_by", repeat_interleave, arrays=("input", "repeats"))
register("take", lambda input, index: input.reshape(-1)[index], arrays=("input", "index"))
register("take_along_dim", take_along_dim, arrays=("input", "indices"))
register_move("repeat_interleave", repeat_interleave)
