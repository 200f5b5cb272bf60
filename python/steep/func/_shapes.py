"""Rules of operations that give examples another shape, and of those that join several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep import _core
from steep.func._batched import Batched, expanded
from steep.func._calls import Call, NoRuleError
from steep.func._reductions import place

__all__ = ["COMPOSED", "expand", "joined", "new", "permute", "repeat", "reshape", "squeeze"]


def _sizes(given: Any) -> tuple[int, ...]:
    return tuple(given) if isinstance(given, (tuple, list)) else (given,)


def reshape(call: Call) -> Any:
    """reshape and view: the batch is a dimension in front of the others."""
    name = "size" if "size" in call.arguments else "shape"
    x = call["input"]
    sizes = _sizes(call[name])
    if not x.value.numel() and -1 in sizes:
        # The size that is to be found cannot be had from a batch without elements.
        sizes = tuple(_core.empty(x.shape).reshape(sizes).shape)
    return call.wrapped(call.on(input=x.value, **{name: (x.value.shape[0], *sizes)}))


def _padded(x: Any, rank: int) -> Any:
    return x.value.reshape((x.value.shape[0], *(1,) * (rank - x.ndim), *x.shape))


def expand(call: Call) -> Any:
    """expand and broadcast_to."""
    x, sizes = call["input"], _sizes(call["size"])
    if len(sizes) < x.ndim:
        raise RuntimeError(
            f"{call.name}: the number of sizes provided ({len(sizes)}) must be greater or equal to "
            f"the number of dimensions in the tensor ({x.ndim})"
        )
    value = _padded(x, len(sizes))
    return call.wrapped(value.expand((value.shape[0], *sizes)))


def repeat(call: Call) -> Any:
    """repeat and tile."""
    name = "repeats" if "repeats" in call.arguments else "dims"
    x, counts = call["input"], _sizes(call[name])
    if call.name == "tile":
        counts = (1,) * (x.ndim - len(counts)) + counts
    return call.wrapped(_padded(x, len(counts)).repeat(1, *counts))


def permute(call: Call) -> Any:
    x, dims = call["input"], _sizes(call["dims"])
    return call.wrapped(x.value.permute(0, *place(dims, x.ndim)))


def squeeze(call: Call) -> Any:
    x = call["input"]
    if "dim" in call.arguments:
        dims = _sizes(call["dim"])
        if x.ndim == 0:
            place(dims, 0)
            return Batched(x.value, call.level)
        return call.wrapped(x.value.squeeze(place(dims, x.ndim)))
    ones = tuple(at + 1 for at, size in enumerate(x.shape) if size == 1)
    return call.wrapped(x.value.squeeze(ones) if ones else x.value)


def joined(default: int = 0, more: int = 0) -> Callable[[Call], Any]:
    """cat and stack: all tensors of the list with a batch in front."""

    def rule(call: Call) -> Any:
        tensors = list(call["tensors"])
        rank = max(x.ndim for x in tensors)
        dim = place(call.get("dim", default), rank + more)
        values = [expanded(x, call.level) for x in tensors]
        if not more:
            values = [v for v, x in zip(values, tensors, strict=True)
                      if x.ndim == rank or x.numel()] or values  # fmt: skip
        return call.wrapped(call.on(tensors=values, dim=dim))

    return rule


def new(call: Call) -> Any:
    """new_zeros and its like: a batch of such tensors, so that an example may write into it."""
    x = call["input"]
    return call.wrapped(call.on(input=x.value, size=(x.value.shape[0], *_sizes(call["size"]))))


# ---- made of other operations, on examples ----


def _atleast(rank: int) -> Callable[[Any], Any]:
    def one(x: Any) -> Any:
        if x.ndim >= rank:
            return x
        if x.ndim == 0:
            return x.reshape((1,) * rank)
        if x.ndim == 1:
            return x.unsqueeze(0) if rank == 2 else x.unsqueeze(0).unsqueeze(-1)
        return x.unsqueeze(-1)

    return one


def _atleast_of_call(rank: int) -> Callable[..., Any]:
    def run(input: Any = None, tensors: Any = None) -> Any:
        one = _atleast(rank)
        return one(input) if tensors is None else tuple(one(x) for x in tensors)

    return run


def _stacked(rank: int, dim: int) -> Callable[..., Any]:
    def run(tensors: Any) -> Any:
        raised = [_atleast(rank)(x) for x in tensors]
        along_first = rank == 1 and raised[0].ndim == 1
        return _core.cat(raised, 0 if along_first else dim)

    return run


def _column_stack(tensors: Any) -> Any:
    return _core.cat([x.reshape(-1, 1) if x.ndim < 2 else x for x in tensors], 1)


def _meshgrid(tensors: Any, indexing: Any = None) -> Any:
    lists = [x.reshape(-1) for x in tensors]
    swapped = indexing == "xy" and len(lists) > 1
    if swapped:
        lists[:2] = lists[1], lists[0]
    shape = [x.numel() for x in lists]
    grids = [x.reshape((-1,) + (1,) * (len(lists) - 1 - at)).expand(shape)
             for at, x in enumerate(lists)]  # fmt: skip
    if swapped:
        grids[:2] = grids[1], grids[0]
    return tuple(grids)


def _broadcast_tensors(tensors: Any) -> Any:
    shape = _core.broadcast_tensors(*[_core.empty(x.shape) for x in tensors])[0].shape
    return tuple(x.expand(shape) for x in tensors)


def _t(input: Any) -> Any:
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return input.transpose(0, 1) if input.ndim == 2 else input


def _diag(input: Any, diagonal: int = 0) -> Any:
    return input.diag_embed(diagonal) if input.ndim == 1 else input.diagonal(diagonal, 0, 1)


def _split_along(least: int, dim: int) -> Callable[..., Any]:
    def run(input: Any, sections: Any = None, indices: Any = None) -> Any:
        if input.ndim < least:
            raise RuntimeError(f"expected at least {least} dimensions, got {input.ndim}")
        at = 0 if dim == 1 and input.ndim == 1 else dim
        return input.tensor_split(sections if indices is None else indices, at)

    return run


def _rolled(input: Any, shifts: Any, dims: Any = None) -> Any:
    if dims is None or dims == ():
        return input.reshape(-1).roll(shifts, 0).reshape(input.shape)
    value = input.value.roll(shifts, place(dims, input.ndim))
    return Batched(value, input.level)


def _repeated(repeats: Any, input: Any = None, dim: Any = None, output_size: Any = None) -> Any:
    if type(input) is not Batched or type(repeats) is Batched:
        raise NoRuleError
    rows = input.reshape(-1) if dim is None else input
    at = place(0 if dim is None else dim, rows.ndim)
    return Batched(rows.value.repeat_interleave(repeats, at, output_size=output_size), rows.level)


def _as_strided(input: Any, size: Any, stride: Any, storage_offset: Any = None) -> Any:
    """By the places of the elements, as if each example lay in row-major memory of its own."""
    places = _core.zeros(size, dtype=_core.int64) + (storage_offset or 0)
    for at, (count, step) in enumerate(zip(size, stride, strict=True)):
        ones = (1,) * (len(size) - 1 - at)
        places = places + (_core.arange(count) * step).reshape((-1, *ones))
    return input.reshape(-1)[places]


COMPOSED: dict[str, Callable[..., Any]] = {
    "atleast_1d": _atleast_of_call(1),
    "atleast_2d": _atleast_of_call(2),
    "atleast_3d": _atleast_of_call(3),
    "hstack": _stacked(1, 1),
    "vstack": _stacked(2, 0),
    "row_stack": _stacked(2, 0),
    "dstack": _stacked(3, 2),
    "column_stack": _column_stack,
    "meshgrid": _meshgrid,
    "broadcast_tensors": _broadcast_tensors,
    "t": _t,
    "diag": _diag,
    "diagflat": lambda input, offset=0: input.reshape(-1).diag_embed(offset),
    "trace": lambda input: input.diagonal(0, 0, 1).sum(-1),
    "hsplit": _split_along(1, 1),
    "vsplit": _split_along(2, 0),
    "dsplit": _split_along(3, 2),
    "fliplr": lambda input: input.flip(1),
    "flipud": lambda input: input.flip(0),
    "ravel": lambda input: input.reshape(-1),
    "as_strided": _as_strided,
    "roll": _rolled,
    "repeat_interleave": _repeated,
    "reshape_as": lambda input, other: input.reshape(other.shape),
    "view_as": lambda input, other: input.view(other.shape),
    "expand_as": lambda input, other: input.expand(other.shape),
}
