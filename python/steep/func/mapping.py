"""`vmap`: a function of one example, made one of a batch of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from steep import _core
from steep._core import Tensor
from steep.func import _dispatch as _dispatch
from steep.func._batched import Batched, expanded
from steep.func._levels import Level, entered
from steep.func._trees import flatten, spread_prefix, unflatten

__all__ = ["vmap"]

_RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that maps `func` over a dimension of its arguments, by batched operations.

    `func` is called once. What it sees are tensors of one example; each operation that it calls
    runs once, for all examples. An operation without a rule for that runs example by example, and a
    warning says so once.

    Args:
        func: of one example, to tensors or containers of them. It must not read values of tensors
            (``.item()``, ``if x > 0``), which differ by example.
        in_dims: which dimension of each argument is mapped over: one number for all, or a structure
            like that of the arguments; ``None`` passes an argument as it is. Keywords are passed as
            they are. Default: 0.
        out_dims: where that dimension is in each result, likewise. Default: 0.
        randomness: ``'error'`` refuses random operations, ``'same'`` draws once for all examples,
            ``'different'`` for each of them. Default: ``'error'``.
        chunk_size: at most how many examples are computed at once; all if ``None``. Less memory is
            used, by more launches. Default: ``None``.

    Returns:
        A function of batches. It can be differentiated, nested in another `vmap`, and compiled.

    Raises:
        ValueError: for in_dims and out_dims that do not fit, sizes that differ, and results that
            are no tensors.
        RuntimeError: for an unknown randomness; where `func` reads a value, draws numbers that it
            must not, or writes what differs by example into a tensor from outside.

    Example:
        >>> import steep
        >>> rows = steep.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> steep.func.vmap(steep.dot)(rows, rows)
        tensor([ 5., 25.])
        >>> steep.func.vmap(steep.dot, in_dims=(0, None))(rows, steep.tensor([1.0, 0.0]))
        tensor([1., 3.])
    """
    if randomness not in _RANDOMNESS:
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )
    if not (chunk_size is None or (isinstance(chunk_size, int) and chunk_size > 0)):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    def mapped(*args: Any, **kwargs: Any) -> Any:
        given = _Given(func, in_dims, args)
        if chunk_size is None or given.size <= chunk_size:
            return _run(func, given, out_dims, randomness, kwargs)
        return _in_chunks(func, given, out_dims, randomness, kwargs, chunk_size)

    return mapped


def name_of(func: Callable[..., Any]) -> str:
    """How messages call a function."""
    return str(getattr(func, "__name__", func))


class _Given:
    """Arguments: their leaves, which dimension of each is mapped over, and how many examples."""

    def __init__(self, func: Callable[..., Any], in_dims: Any, args: tuple[Any, ...]) -> None:
        name = f"vmap({name_of(func)}, in_dims={in_dims}, ...)(<inputs>)"
        if not isinstance(in_dims, (int, tuple, list)) or isinstance(in_dims, bool):
            raise ValueError(
                f"{name}: expected `in_dims` to be int or a (potentially nested) tuple matching "
                f"the structure of inputs, got: {type(in_dims)}."
            )
        if not args:
            raise ValueError(
                f"{name}: got no inputs. Maybe you forgot to add inputs, or you are trying to vmap "
                "over a function with no inputs. The latter is unsupported."
            )
        self.leaves, self.tree = flatten(args)
        dims = spread_prefix(in_dims, self.tree)
        if dims is None:
            raise ValueError(
                f"{name}: in_dims is not compatible with the structure of inputs. in_dims has "
                f"structure {in_dims} but inputs are {[type(x).__name__ for x in args]}."
            )
        self.dims = [_checked_dim(name, x, dim) for x, dim in zip(self.leaves, dims, strict=True)]
        self.size = _common_size(name, self.leaves, self.dims)

    def part(self, begin: int, end: int) -> _Given:
        """The arguments of some of the examples."""
        part = _Given.__new__(_Given)
        part.leaves = [
            x if dim is None else x.narrow(dim, begin, end - begin)
            for x, dim in zip(self.leaves, self.dims, strict=True)
        ]
        part.tree, part.dims, part.size = self.tree, self.dims, end - begin
        return part

    def at(self, level: Level) -> Any:
        """The arguments as `func` gets them."""
        return unflatten(self.tree, [
            x if dim is None else Batched(x.movedim(dim, 0) if dim else x, level)
            for x, dim in zip(self.leaves, self.dims, strict=True)
        ])  # fmt: skip


def _checked_dim(name: str, x: Any, dim: Any) -> int | None:
    if dim is None:
        return None
    if not isinstance(dim, int) or isinstance(dim, bool):
        raise ValueError(
            f"{name}: Got in_dim={dim} for an input but in_dim must be either an integer dimension "
            "or None."
        )
    if not isinstance(x, Tensor):
        raise ValueError(
            f"{name}: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot "
            "vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    rank = x.dim()
    if not -rank <= dim < rank:
        raise ValueError(
            f"{name}: Got in_dim={dim} for some input, but that input is a Tensor of "
            f"dimensionality {rank} so expected in_dim to satisfy -{rank} <= in_dim < {rank}."
        )
    return dim % rank


def _common_size(name: str, leaves: Sequence[Any], dims: Sequence[int | None]) -> int:
    sizes = [x.shape[dim] for x, dim in zip(leaves, dims, strict=True) if dim is not None]
    if not sizes:
        raise ValueError(
            f"{name}: at least one input must be mapped over; in_dims is None for all of them"
        )
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"{name}: Expected all tensors to have the same size in the mapped dimension, got "
            f"sizes {sizes} for the mapped dimension"
        )
    return int(sizes[0])


def _run(
    func: Callable[..., Any], given: _Given, out_dims: Any, randomness: str, kwargs: dict[str, Any]
) -> Any:
    with entered(given.size, randomness) as level:
        result = func(*given.at(level), **kwargs)
        return taken_off(result, level, out_dims, name_of(func))


def taken_off(result: Any, level: Level, out_dims: Any, name: str) -> Any:
    """Batches where the function gave examples, with the batch at `out_dims`."""
    leaves, tree = flatten(result)
    for x in leaves:
        if not isinstance(x, Tensor):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did "
                "you mean to set out_dims= to None for output?"
            )
    dims = spread_prefix(out_dims, tree)
    if dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with "
            f"the structure of outputs, {len(leaves)} tensors."
        )
    return unflatten(tree, [
        _placed(x, level, dim, name) for x, dim in zip(leaves, dims, strict=True)
    ])  # fmt: skip


def _placed(x: Any, level: Level, dim: Any, name: str) -> Any:
    batched = type(x) is Batched and x.level is level
    if dim is None and not batched:
        return x
    if not isinstance(dim, int) or isinstance(dim, bool):
        raise ValueError(
            f"vmap({name}, ..., out_dims={dim}): `{name}` can not return a BatchedTensor when "
            "out_dim is None; expected the dimension of the batch"
        )
    value = expanded(x, level)
    if not -value.ndim <= dim < value.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-value.ndim}, {value.ndim - 1}],"
            f" but got {dim}); out_dims of vmap({name})"
        )
    return value.movedim(0, dim) if dim else value


def _in_chunks(
    func: Callable[..., Any],
    given: _Given,
    out_dims: Any,
    randomness: str,
    kwargs: dict[str, Any],
    chunk_size: int,
) -> Any:
    """The same for so many examples at a time, joined again."""
    parts = [
        _run(func, given.part(begin, min(begin + chunk_size, given.size)), out_dims, randomness,
             kwargs)
        for begin in range(0, given.size, chunk_size)
    ]  # fmt: skip
    leaves = [flatten(part)[0] for part in parts]
    tree = flatten(parts[0])[1]
    dims = spread_prefix(out_dims, tree)
    assert dims is not None
    joined = [
        column[0] if dim is None else _core.cat(list(column), dim)
        for column, dim in zip(zip(*leaves, strict=True), dims, strict=True)
    ]
    return unflatten(tree, joined)
