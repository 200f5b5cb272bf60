"""Rules of subscripts, and of operations that take or put elements by index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep import _core
from steep._core import Tensor
from steep.func._batched import Batched, expanded
from steep.func._calls import Call, NoRuleError, deepest, is_at
from steep.func._levels import Level
from steep.func._reductions import place

__all__ = ["COMPOSED", "get_item", "index_fill", "one_hot", "searchsorted", "set_item"]

Key = tuple[Any, ...]


def _as_tuple(key: Any) -> Key:
    return key if isinstance(key, tuple) else (key,)


def _is_advanced(item: Any) -> bool:
    """Whether an item is an index tensor or a mask, rather than a view."""
    if isinstance(item, Tensor):
        return item.ndim > 0 or item.dtype == _core.bool or type(item) is Batched
    return isinstance(item, (list, bool)) or hasattr(item, "__array__")


def _width(item: Any) -> int:
    """How many dimensions of the operand an item takes."""
    if item is None or isinstance(item, bool):
        return 0
    is_mask = isinstance(item, Tensor) and item.dtype == _core.bool
    return int(item.ndim) if is_mask else 1


def _without_ellipsis(key: Key, rank: int) -> list[Any]:
    """The key with slices in the place of ``...``, and behind it, for all dimensions."""
    rest = rank - sum(_width(item) for item in key if item is not Ellipsis)
    if rest < 0:
        raise IndexError(f"too many indices for tensor of dimension {rank}")
    every = [slice(None)] * rest
    at = next((i for i, item in enumerate(key) if item is Ellipsis), None)
    return [*key, *every] if at is None else [*key[:at], *every, *key[at + 1 :]]


def _block(key: list[Any]) -> tuple[int, bool]:
    """Where the dimensions of the indices stand in the result, and whether in one place."""
    places = [at for at, item in enumerate(key) if _is_advanced(item)]
    apart = any(not isinstance(key[at], int) and not _is_advanced(key[at])
                for at in range(places[0], places[-1]))  # fmt: skip
    before = sum(1 for item in key[: places[0]] if item is None or isinstance(item, slice))
    return (0, False) if apart else (before, True)


def _as_index(item: Any) -> Any:
    """An advanced item as a tensor of places."""
    if isinstance(item, Tensor):
        return item
    return _core.as_tensor(item)


def _rank_of(items: list[Any]) -> int:
    return max((item.ndim for item in items if isinstance(item, Tensor)), default=0)


def _get_by_view(x: Batched, key: Key) -> Any:
    """No index differs by example: the key holds behind the batch."""
    items = _without_ellipsis(key, x.ndim)
    behind = (slice(None), *items)
    value = x.value[behind]
    if not any(_is_advanced(item) for item in items) or _block(items)[1]:
        return Batched(value, x.level)
    # Index tensors that stand apart put their dimensions first, in front of the batch.
    indices = [_as_index(item) for item in items if _is_advanced(item)]
    first = _rank_of([item.nonzero()[:, 0] if item.dtype == _core.bool else item
                      for item in indices])  # fmt: skip
    return Batched(value.movedim(first, 0), x.level)


def _get_by_batch(x: Any, key: Key, level: Level) -> Any:
    """Indices that differ by example: with a place in the batch beside them."""
    items = _without_ellipsis(key, x.ndim)
    advanced = [_as_index(item) for item in items if _is_advanced(item)]
    if any(item.dtype == _core.bool for item in advanced):
        raise RuntimeError(
            "vmap: a mask that differs by example selects different numbers of elements; use "
            "steep.where instead"
        )
    rank = _rank_of(advanced)
    at, together = _block(items)
    ready = [_aligned_index(item, level, rank) if _is_advanced(item) else item for item in items]
    if not is_at(x, level):
        value = x[tuple(ready)]
        return Batched(value.movedim(at if together else 0, 0), level)
    batch = _core.arange(level.size).reshape((-1,) + (1,) * rank)
    beside = (batch, *ready)
    value = x.value[beside]
    if at and rank:
        value = value.movedim(tuple(range(1, rank + 1)), tuple(range(at + 1, at + rank + 1)))
    return Batched(value, level)


def _aligned_index(item: Any, level: Level, rank: int) -> Any:
    index = _as_index(item)
    if not is_at(index, level):
        return index
    value = index.value
    return value.reshape((value.shape[0], *(1,) * (rank - index.ndim), *index.shape))


def get_item(x: Any, key: Any) -> Any:
    """``x[key]``, where either differs by example."""
    items = _as_tuple(key)
    level = deepest(x, items)
    assert level is not None
    if any(is_at(item, level) for item in items):
        return _get_by_batch(x, items, level)
    return _get_by_view(x, items)


def _put_where(x: Any, mask: Any, value: Any) -> None:
    wide = mask.reshape((*mask.shape, *(1,) * (x.ndim - mask.ndim)))
    x.copy_(_core.where(wide, value, x))


def set_item(x: Any, key: Any, value: Any) -> None:
    """``x[key] = value``, where any of them differs by example."""
    items = _as_tuple(key)
    level = deepest(x, items, value)
    assert level is not None
    if not is_at(x, level):
        raise RuntimeError(
            "vmap: x[key] = value would write what differs by example into a tensor x that is not "
            "batched; make x by an operation on a batched tensor, such as x.new_zeros(...)"
        )
    single = len(items) == 1 and isinstance(items[0], Tensor) and items[0].dtype == _core.bool
    scalar = not isinstance(value, Tensor) or value.ndim == 0
    if single and scalar:
        return _put_where(x, items[0], value)
    if any(is_at(item, level) for item in items):
        raise NoRuleError
    full_key = _without_ellipsis(items, x.ndim)
    if any(_is_advanced(item) for item in full_key) and not _block(full_key)[1]:
        raise NoRuleError
    place = (slice(None), *full_key)
    put: Any = value
    if is_at(value, level):
        rank = x.value[place].ndim - 1
        ones = (1,) * (rank - value.ndim)
        put = value.value.reshape((level.size, *ones, *value.shape))
    x.value[place] = put
    return None


def one_hot(call: Call) -> Any:
    if call.get("num_classes", -1) < 0:
        raise RuntimeError(
            "vmap: one_hot would find the number of classes from values that differ by example; "
            "pass num_classes"
        )
    return call.wrapped(call.on(input=call["input"].value))


def searchsorted(call: Call) -> Any:
    borders, x = call["sorted_sequence"], call["input"]
    if call.get("sorter") is not None or not _core.is_tensor(x):
        raise NoRuleError
    if not is_at(borders, call.level):
        if borders.ndim == 1:
            return call.wrapped(call.on(input=x.value))
        values = {"input": x.value, "sorted_sequence": expanded(borders, call.level)}
        return call.wrapped(call.on(**values))
    value = expanded(x, call.level)
    if borders.ndim > 1:
        return call.wrapped(call.on(sorted_sequence=borders.value, input=value))
    rows = value.reshape((value.shape[0], -1))
    found = call.on(sorted_sequence=borders.value, input=rows)
    return call.wrapped(found.reshape(value.shape))


# ---- made of other operations, on examples ----


def _index_select(input: Any, dim: int, index: Any) -> Any:
    if input.ndim == 0:
        return input
    key = (slice(None),) * (dim % input.ndim)
    place = (*key, index.reshape(-1))
    return input[place]


def index_fill(call: Call) -> Any:
    x = call["input"]
    if any(is_at(call[name], call.level) for name in ("index", "value")):
        raise NoRuleError
    return call.wrapped(call.on(input=x.value, dim=place(call["dim"], x.ndim)))


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    number = value.to(input.dtype) if isinstance(value, Tensor) else value
    return _core.where(mask, number, input).to(input.dtype)


def fill(input: Any, value: Any) -> Any:
    if isinstance(value, Tensor):
        return _core.zeros_like(input) + value.to(input.dtype)
    return _core.full_like(input, value)


def _take(input: Any, index: Any) -> Any:
    return input.reshape(-1)[index]


def _take_along(input: Any, indices: Any, dim: Any = None) -> Any:
    if dim is None:
        return input.reshape(-1).gather(0, indices.reshape(-1))
    at = dim % input.ndim
    indices = _core.where(indices < 0, indices + input.shape[at], indices)
    shape = _core.broadcast_tensors(
        _core.empty([1 if i == at else n for i, n in enumerate(input.shape)]),
        _core.empty([1 if i == at else n for i, n in enumerate(indices.shape)]),
    )[0].shape
    wide = [[own if i == at else n for i, n in enumerate(shape)]
            for own in (input.shape[at], indices.shape[at])]  # fmt: skip
    return input.expand(wide[0]).gather(at, indices.expand(wide[1]))


COMPOSED: dict[str, Callable[..., Any]] = {
    "fill": fill,
    "masked_fill": masked_fill,
    "index_select": _index_select,
    "take": _take,
    "take_along_dim": _take_along,
}
