"""Indexing, by the rules of PyTorch's documentation of tensor indexing.

They are NumPy's with one exception: a Python integer (or a 0-d integer array) selects before any
array does, so beside an array index it does not move the indexed dimensions to the front.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from steep.reference.registry import Array, normalize_dim, register, wide
from steep.reference.shape import collect, register_move


def getitem(input: Array, index: Any) -> Array:
    """``input[index]`` for integers, slices, None, ..., and arrays or lists of integers or bool."""
    items = list(index) if stands_for_tuple(index) else [index]
    ellipses = [i for i, item in enumerate(items) if item is Ellipsis]
    items = [item for i, item in enumerate(items) if i not in ellipses[1:]]
    items = [_tidy(item) for item in items]
    basic: list[Any] = []  # for NumPy's basic indexing: integers, slices, None
    advanced: list[Any] = []  # the arrays, by dimension of what the basic indexing leaves
    used = sum(item.ndim if _is_mask(item) else item is not None for item in items)
    used -= any(item is Ellipsis for item in items)
    for item in items:
        if item is Ellipsis:
            basic += [slice(None)] * (input.ndim - used)
            advanced += [slice(None)] * (input.ndim - used)
        elif isinstance(item, int):
            basic.append(item)
        elif isinstance(item, np.ndarray) and item.shape == ():  # True or False: a new dimension
            basic.append(None)
            advanced.append(np.flatnonzero(item))
        elif isinstance(item, np.ndarray):
            places = np.nonzero(item) if _is_mask(item) else (item,)
            _check_mask(item, input, basic)
            basic += [slice(None)] * len(places)
            advanced += places
        else:
            basic.append(item)
            advanced.append(slice(None))
    left = input[tuple(basic)]
    if all(isinstance(a, slice) for a in advanced):
        return np.asarray(left)
    return np.asarray(left[tuple(advanced)])


def stands_for_tuple(index: Any) -> bool:
    """Whether an index is one for each dimension: a tuple, or a short list of more than numbers."""
    if isinstance(index, tuple):
        return True
    if not isinstance(index, list) or len(index) >= 32:
        return False
    kinds = (list, tuple, range, slice, np.ndarray, type(None), type(Ellipsis))
    return any(isinstance(item, kinds) for item in index)


def _tidy(item: Any) -> Any:
    """An index as one of: int, slice, None, ..., or an array of int64 or bool."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return item
    array = np.asarray(item)
    if array.dtype.kind == "f" and isinstance(item, list | tuple):  # an empty one among them
        array = array.astype(np.int64)
    if array.dtype == np.uint8:  # PyTorch's masks of old
        array = array.astype(np.bool_)
    if array.ndim == 0 and array.dtype != np.bool_:
        return int(array)
    return array


def _is_mask(item: Any) -> bool:
    return isinstance(item, np.ndarray) and item.dtype == np.bool_


def _check_mask(mask: Array, input: Array, before: list[Any]) -> None:
    """A mask has the lengths of the dimensions it stands for."""
    first = sum(item is not None for item in before)
    if _is_mask(mask) and mask.shape != input.shape[first : first + mask.ndim]:
        raise IndexError(
            f"getitem: a mask of shape {mask.shape} does not fit dimension {first} onwards of "
            f"{input.shape}; it needs their lengths"
        )


def setitem(input: Array, index: Any, value: Any) -> Array:
    """A copy of `input` after ``input[index] = value``."""
    out: Array = input.copy()
    places = getitem(np.arange(input.size).reshape(input.shape), index)
    out.reshape(-1)[places] = np.asarray(value).astype(input.dtype)
    return out


def setitem_gradient(grad: Array, input: Array, index: Any, value: Any) -> tuple[Array, Array]:
    """The places written belong to `value`, the others to `input`."""
    places = getitem(np.arange(input.size).reshape(input.shape), index)
    by_input: Array = wide(grad).copy()
    by_input.reshape(-1)[places] = 0
    return by_input, wide(grad).reshape(-1)[places]


def select(input: Array, dim: int, index: int) -> Array:
    """One slice of `dim`, without that dimension."""
    return np.asarray(np.take(input, index, axis=dim))


def index_select(input: Array, dim: int, index: Array) -> Array:
    """The slices of `dim` that `index` lists."""
    if not input.ndim:
        return input
    return np.take(input, np.atleast_1d(index), axis=dim)


def index_select_gradient(grad: Array, input: Array, dim: int, index: Array) -> tuple[Array, None]:
    """See `collect`: an element chosen twice collects twice."""
    numbers = np.arange(input.size).reshape(input.shape)
    moved = index_select(numbers, dim, index)
    return collect(grad, moved, input.size).reshape(input.shape), None


def gather(input: Array, dim: int, index: Array) -> Array:
    """``out[i][j][k] = input[index[i][j][k]][j][k]`` for dim 0, and so on for the others."""
    if not input.ndim or not index.ndim:
        return np.asarray(input.reshape(-1)[index])
    places: list[Array] = list(np.indices(index.shape))
    places[normalize_dim(dim, input.ndim)] = index
    return np.asarray(input[tuple(places)])


def gather_gradient(grad: Array, input: Array, dim: int, index: Array) -> tuple[Array, None]:
    """See `collect`."""
    moved = gather(np.arange(input.size).reshape(input.shape), dim, index)
    return collect(grad, moved, input.size).reshape(input.shape), None


def scatter_add(input: Array, dim: int, index: Array, src: Array) -> Array:
    """``out[index[i][j][k]][j][k] += src[i][j][k]`` for dim 0: what `gather` is the reverse of."""
    places = gather(np.arange(input.size).reshape(input.shape), dim, index)
    part = src[tuple(slice(n) for n in index.shape)]
    total = wide(input) + collect(part, places, input.size).reshape(input.shape)
    return np.asarray(total).astype(input.dtype)


def scatter_add_gradient(
    grad: Array, input: Array, dim: int, index: Array, src: Array
) -> tuple[Array, None, Array]:
    """`input` passes through; the part of `src` in use gathers."""
    by_src = np.zeros(src.shape)
    by_src[tuple(slice(n) for n in index.shape)] = gather(wide(grad), dim, index)
    return wide(grad), None, by_src


def masked_fill(input: Array, mask: Array, value: Any) -> Array:
    """`value` where `mask` holds, `input` elsewhere; the dtype is the input's."""
    return np.where(mask, np.asarray(value).astype(input.dtype), input)


def masked_fill_gradient(
    grad: Array, input: Array, mask: Array, value: Any
) -> tuple[Array, None, Array]:
    """Each place belongs to what was taken there."""
    g = wide(grad)
    return np.where(mask, 0, g), None, np.where(mask, g, 0)


def masked_select(input: Array, mask: Array) -> Array:
    """The elements under `mask`, in order, after broadcasting both to one shape."""
    x, chosen = np.broadcast_arrays(input, mask)
    return np.asarray(x[chosen])


def masked_select_gradient(grad: Array, input: Array, mask: Array) -> tuple[Array, None]:
    """Each element of the result goes back to its place."""
    moved = masked_select(np.arange(input.size).reshape(input.shape), mask)
    return collect(grad, moved, input.size).reshape(input.shape), None


def one_hot(tensor: Array, num_classes: int = -1) -> Array:
    """``out[..., c] = (tensor == c)`` in int64; -1 takes the largest class plus one."""
    classes = int(tensor.max()) + 1 if num_classes == -1 else num_classes
    return np.asarray(tensor[..., None] == np.arange(classes)).astype(np.int64)


register_move("getitem", getitem)
register_move("select", select)
register("setitem", setitem, setitem_gradient, ("input", "value"))
register("index_select", index_select, index_select_gradient, ("input", "index"))
register("gather", gather, gather_gradient, ("input", "index"))
register("scatter_add", scatter_add, scatter_add_gradient, ("input", "index", "src"))
register("masked_fill", masked_fill, masked_fill_gradient, ("input", "mask", "value"))
register("masked_select", masked_select, masked_select_gradient, ("input", "mask"))
register("one_hot", one_hot, arrays=("tensor",))
