"""Operations with rules of one's own, and passes backward, inside of a vmap."""

from __future__ import annotations

from typing import Any, NamedTuple

from steep import _core
from steep._core import Tensor, autograd_grad
from steep.func._batched import Batched, full, levels_of, raw, rewrapped
from steep.func._calls import deepest, is_at
from steep.func._dispatch import call_each
from steep.func._levels import Level

__all__ = ["apply_to_batched", "gradients_of_batched", "gradients_of_each"]


class VmapInfo(NamedTuple):
    """What the `vmap` method of a `Function` is told of the vmap.

    Attributes:
        batch_size: how many examples there are.
        randomness: ``'error'``, ``'same'`` or ``'different'``.
    """

    batch_size: int
    randomness: str


def apply_to_batched(cls: Any, args: tuple[Any, ...]) -> Any:
    """`Function.apply` of batched tensors.

    By the class's own ``vmap(info, in_dims, *args)``, which returns the result and where the batch
    is in it; at once where the class says that its forward takes batches (``takes_batches``); else
    example by example.
    """
    level = deepest(*args)
    assert level is not None
    if getattr(cls, "takes_batches", False):
        tensors = [x for x in args if isinstance(x, Tensor)]
        rank = max(x.ndim for x in tensors)
        return _wrapped(cls.apply(*[_raised(x, level, rank) for x in args]), level)
    own = getattr(cls, "vmap", None)
    if own is None:
        return call_each(cls.__name__, cls.apply, args, {}, level)
    in_dims = tuple(0 if is_at(x, level) else None for x in args)
    info = VmapInfo(level.size, level.randomness)
    values = [x.value if is_at(x, level) else x for x in args]
    result, out_dims = own(info, in_dims, *values)
    return _placed(result, out_dims, level)


def _raised(x: Any, level: Level, rank: int) -> Any:
    """The value of a tensor with the batch first, and as many dimensions behind as the others."""
    if not is_at(x, level):
        return x
    return x.value.reshape((level.size, *(1,) * (rank - x.ndim), *x.shape))


def _wrapped(result: Any, level: Level) -> Any:
    if isinstance(result, (tuple, list)):
        return type(result)(_wrapped(one, level) for one in result)
    return Batched(result, level) if isinstance(result, Tensor) else result


def _placed(result: Any, dims: Any, level: Level) -> Any:
    if isinstance(result, (tuple, list)):
        several = dims if isinstance(dims, (tuple, list)) else (dims,) * len(result)
        return type(result)(_placed(*pair, level) for pair in zip(result, several, strict=True))
    if dims is None or not isinstance(result, Tensor):
        return result
    return Batched(result.movedim(dims, 0), level)


# ---- steep.autograd.grad ----


def _as_list(given: Any, count: int) -> list[Any]:
    if given is None:
        return [None] * count
    return list(given) if isinstance(given, (tuple, list)) else [given]


def gradients_of_each(
    outputs: Any, inputs: Any, grad_outputs: Any, retain_graph: bool | None, *options: Any
) -> tuple[Any, ...]:
    """`autograd.grad` for each of a batch of gradients, one pass after the other."""
    roots = _as_list(outputs, 1)
    vectors = _as_list(grad_outputs, len(roots))
    sizes = {v.shape[0] for v in vectors if v is not None}
    if len(sizes) != 1:
        raise RuntimeError(
            "grad: is_grads_batched=True expects grad_outputs with a first dimension of one size, "
            f"got sizes {sorted(sizes)}"
        )
    (size,) = sizes
    found = []
    for i in range(size):
        own = [None if v is None else v[i] for v in vectors]
        keep = True if i < size - 1 else retain_graph
        found.append(autograd_grad(roots, inputs, own, keep, *options))
    if not found:
        return tuple(x.new_zeros((0, *x.shape)) for x in _as_list(inputs, 1))
    columns = zip(*found, strict=True)
    return tuple(
        None if any(g is None for g in column) else _core.stack(list(column)) for column in columns
    )


def gradients_of_batched(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any,
    retain_graph: bool | None,
    create_graph: bool,
    *options: Any,
) -> tuple[Any, ...]:
    """`autograd.grad` inside of a vmap, where something given is batched."""
    roots, leaves = _as_list(outputs, 1), _as_list(inputs, 1)
    vectors = _as_list(grad_outputs, len(roots))
    level = deepest(*vectors)
    if level is not None and not any(level in levels_of(y) for y in roots):
        found = call_each(
            "autograd.grad",
            lambda *own: gradients_of_batched(roots, leaves, own, True, create_graph, *options),
            tuple(vectors), {}, level,
        )  # fmt: skip
        return tuple(found)
    for x in leaves:
        if any(set(levels_of(y)) - set(levels_of(x)) for y in roots):
            raise RuntimeError(
                "grad: inside of a vmap, expected inputs that are batched as the outputs are, got "
                "one that all examples share; use steep.func.grad, which gives the gradient of each"
            )
    ones = [
        v if v is not None or y.ndim else rewrapped(_core.ones_like(raw(y)), y)
        for v, y in zip(vectors, roots, strict=True)
    ]
    passed = [
        None if v is None else raw(full(v, levels_of(y))) for v, y in zip(ones, roots, strict=True)
    ]
    found = autograd_grad([raw(y) for y in roots], [raw(x) for x in leaves], passed, retain_graph,
                          create_graph, *options)  # fmt: skip
    return tuple(None if g is None else rewrapped(g, x) for g, x in zip(found, leaves, strict=True))
