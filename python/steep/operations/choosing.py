"""Writing and choosing by index, slices held to a norm, sums to a shape."""

from __future__ import annotations

from typing import Any

from steep import _core
from steep._core import Tensor, cat, full, ones_like, where
from steep._core import int64 as int64_
from steep._out import takes_out

__all__ = ["as_strided_scatter", "index_reduce", "nonzero_static", "renorm", "sum_to_size"]

REDUCES = ("prod", "mean", "amax", "amin")


def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """Rows of `source` reduced into the rows of a copy of `input` that an index names.

    Args:
        input: any shape.
        dim: of the rows.
        index: (n), int64 or int32: for each row of `source`, that of `input`.
        source: the input's shape and dtype, with size n along `dim`.
        reduce: ``'prod'``, ``'mean'``, ``'amax'`` or ``'amin'``.
        include_self: whether the input's own rows count where others are written.
            Default: ``True``.

    Raises:
        RuntimeError: For another reduction, shapes or dtypes that do not fit, and an index beyond
            the rows.

    Example:
        >>> import steep
        >>> x = steep.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> steep.index_reduce(x, 0, steep.tensor([1]), steep.tensor([[9.0, 0.0]]), "amax")
        tensor([[1., 2.],
                [9., 4.]])
    """
    if reduce not in REDUCES:
        raise RuntimeError(
            f"index_reduce: expected reduce to be one of {', '.join(REDUCES)}, got {reduce!r}"
        )
    if index.dim() > 1 or index.is_floating_point():
        raise RuntimeError(
            f"index_reduce: expected an index of whole numbers in one dimension, got "
            f"{index.dtype} of shape {tuple(index.shape)}"
        )
    if source.dtype != input.dtype:
        raise RuntimeError(
            f"index_reduce: expected a source of dtype {input.dtype}, got {source.dtype}"
        )
    if input.dim() == 0:
        input, source = input.reshape(1), source.reshape(1)
        return index_reduce(input, 0, index, source, reduce, include_self=include_self)[0]
    axis = dim % input.dim() if -input.dim() <= dim < input.dim() else dim
    rows = [n for place, n in enumerate(input.shape) if place != axis]
    others = [n for place, n in enumerate(source.shape) if place != axis]
    count = index.numel()
    if source.dim() != input.dim() or rows != others or source.shape[axis] != count:
        raise RuntimeError(
            f"index_reduce: expected a source of the input's shape {tuple(input.shape)}, with size "
            f"{count} along dimension {dim}, got {tuple(source.shape)}"
        )
    shape = [count if place == axis else 1 for place in range(input.dim())]
    places = index.long().reshape(shape).expand(source.shape)
    return input.scatter_reduce(axis, places, source, reduce, include_self=include_self)


@takes_out
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The tensor with its slices along a dimension made smaller where their norm is too large.

    Args:
        input: float32 or float64, of at least two dimensions.
        p: of the norm, (sum |x|^p)^(1/p); above 0.
        dim: the slices are ``input.select(dim, i)``.
        maxnorm: the largest norm, at least 0.

    Raises:
        RuntimeError: For fewer dimensions, a `p` that is not above 0, and a negative `maxnorm`.

    Example:
        >>> import steep
        >>> steep.renorm(steep.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
        tensor([[0.6000, 0.8000],
                [0.3000, 0.4000]])
    """
    if input.dim() < 2 or p <= 0 or maxnorm < 0 or not input.is_floating_point():
        raise RuntimeError(
            "renorm: expected a floating tensor of at least 2 dimensions, p above 0 and maxnorm of "
            f"at least 0, got {input.dtype} of shape {tuple(input.shape)}, p={p}, maxnorm={maxnorm}"
        )
    axis = dim % input.dim() if -input.dim() <= dim < input.dim() else dim
    others = tuple(place for place in range(input.dim()) if place != axis)
    sizes = _core.norm(input, p, others, True)
    return input * where(sizes > maxnorm, maxnorm / (sizes + 1e-7), ones_like(sizes))


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The places of the elements that are not 0, of which there are as many as asked for.

    Args:
        input: any shape.
        size: how many rows; further places are left out.
        fill_value: what rows hold for which there is no place. Default: -1.

    Returns:
        (size, dimensions), of int64.

    Raises:
        RuntimeError: For a negative size.

    Example:
        >>> import steep
        >>> steep.nonzero_static(steep.tensor([0, 3, 4]), size=3).tolist()
        [[1], [2], [-1]]
    """
    if size < 0:
        raise RuntimeError(f"nonzero_static: expected a size of at least 0, got {size}")
    found = input.nonzero()[:size]
    rest = full((size - found.shape[0], found.shape[1]), fill_value, dtype=int64_)
    return cat((found, rest))


def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """A copy of the tensor, with `src` written to the elements that `as_strided` would show.

    Args:
        input: any shape.
        src: of shape `size`.
        size: of the view.
        stride: of the view.
        storage_offset: where it begins. Default: at the first element.

    Raises:
        RuntimeError: For a view beyond the memory, and a `src` of another shape.

    Example:
        >>> import steep
        >>> steep.as_strided_scatter(steep.zeros(2, 2), steep.ones(2), (2,), (3,))
        tensor([[1., 0.],
                [0., 1.]])
    """
    out = input.clone()
    view = out.as_strided(size, stride, 0 if storage_offset is None else storage_offset)
    if view.shape != src.shape:
        raise RuntimeError(
            f"as_strided_scatter: expected src of shape {tuple(view.shape)}, got {tuple(src.shape)}"
        )
    view.copy_(src)
    return out


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Summed along the dimensions in which it was broadcast from this shape.

    Args:
        input: any shape.
        size: a shape that broadcasts to that of `input`; numbers, or one sequence of them.

    Raises:
        RuntimeError: For a shape that does not broadcast.

    Example:
        >>> import steep
        >>> steep.ones(2, 3).sum_to_size(1, 3)
        tensor([[2., 2., 2.]])
    """
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    more = input.dim() - len(shape)
    fits = more >= 0 and all(
        n in (1, m) for n, m in zip(shape, input.shape[max(more, 0) :], strict=False)
    )
    if not fits:
        raise RuntimeError(
            f"sum_to_size: expected a shape that broadcasts to {tuple(input.shape)}, got {shape}"
        )
    dims = [*range(more)]
    dims += [more + k for k, n in enumerate(shape) if n == 1 and input.shape[more + k] != 1]
    return (input.sum(dims, keepdim=True) if dims else input).reshape(shape)
