"""Operations that move elements without computing.

All of them share one gradient rule.  Such an operation is a list of which input element each output
element is; run on the elements' own numbers it prints that list, and the gradient of an element is
the sum of the gradients of all places where it went.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steep.reference.registry import Array, normalize_dim, promote, register, wide

Shape = Sequence[int]


def collect(grad: Any, moved: Any, size: int) -> Array:
    """Add each element of `grad` to the place that the element of `moved` beside it names."""
    total = np.zeros(size)
    grads = grad if isinstance(grad, tuple) else (grad,)
    for g, places in zip(grads, moved if isinstance(moved, tuple) else (moved,), strict=True):
        np.add.at(total, np.asarray(places).ravel(), wide(g).ravel())
    return total


def register_move(name: str, forward: Callable[..., Any]) -> None:
    """Register an operation of one array that only moves its elements."""

    def gradient(grad: Any, input: Array, *args: Any, **kwargs: Any) -> tuple[Array]:
        numbers = np.arange(input.size).reshape(input.shape)
        moved = forward(numbers, *args, **kwargs)
        return (collect(grad, moved, input.size).reshape(input.shape),)

    register(name, forward, gradient)


# --- one array ----------------------------------------------------------------------------------


def reshape(input: Array, shape: Shape) -> Array:
    """The same elements in row-major order in another shape; one length may be -1."""
    return input.reshape(tuple(shape))


def transpose(input: Array, dim0: int, dim1: int) -> Array:
    """Swap two dimensions."""
    return np.swapaxes(input, dim0, dim1) if input.ndim else input


def t(input: Array) -> Array:
    """The transpose of a matrix; anything of fewer dimensions as it is."""
    return np.transpose(input)


def permute(input: Array, dims: Sequence[int]) -> Array:
    """Dimension ``dims[i]`` of the input becomes dimension i."""
    return np.transpose(input, tuple(dims))


def squeeze(input: Array, dim: int | Sequence[int] | None = None) -> Array:
    """Drop the dimensions of length 1: all, or those among `dim` that are."""
    asked = range(input.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    dims = {normalize_dim(d, input.ndim) for d in asked} if input.ndim else set()
    return input.reshape([n for i, n in enumerate(input.shape) if n != 1 or i not in dims])


def unsqueeze(input: Array, dim: int) -> Array:
    """Add a dimension of length 1 before `dim`, counted in the result."""
    return np.expand_dims(input, normalize_dim(dim, input.ndim + 1))


def expand(input: Array, size: Shape) -> Array:
    """Repeat dimensions of length 1; -1 keeps a length, and new dimensions come first."""
    known = (1,) * (len(size) - input.ndim) + input.shape
    return np.broadcast_to(input, [k if n == -1 else n for n, k in zip(size, known, strict=True)])


def flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """Join the dimensions from `start_dim` to `end_dim` into one."""
    if not input.ndim:
        return input.reshape(1)
    first, last = normalize_dim(start_dim, input.ndim), normalize_dim(end_dim, input.ndim)
    joined = int(np.prod(input.shape[first : last + 1]))
    return input.reshape(*input.shape[:first], joined, *input.shape[last + 1 :])


def flip(input: Array, dims: Sequence[int]) -> Array:
    """Reverse the order along `dims`."""
    return np.flip(input, tuple(dims))


def narrow(input: Array, dim: int, start: int, length: int) -> Array:
    """Elements `start` to ``start + length`` of a dimension; a negative start is from the end."""
    dim = normalize_dim(dim, input.ndim)
    start += input.shape[dim] if start < 0 else 0
    return input[(slice(None),) * dim + (slice(start, start + length),)]


def split(
    tensor: Array, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Array, ...]:
    """Pieces of one size, the last being what is left; or of the sizes listed."""
    length = tensor.shape[dim]
    sizes = split_size_or_sections
    if isinstance(sizes, int):
        pieces = max(1, -(-length // sizes)) if sizes else 1
        sizes = [min(sizes, length - i * sizes) for i in range(pieces)]
    starts = np.cumsum([0, *sizes])
    return tuple(narrow(tensor, dim, int(s), n) for s, n in zip(starts, sizes, strict=False))


def chunk(input: Array, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    """At most `chunks` pieces of equal size, the last one smaller if it does not divide."""
    length = input.shape[dim]
    if length == 0:
        return tuple(input for _ in range(chunks))
    return split(input, -(-length // chunks), dim)


def movedim(input: Array, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Dimensions at other places, the rest in order."""
    return np.moveaxis(input, source, destination)


def unflatten(input: Array, dim: int, sizes: Shape) -> Array:
    """One dimension as several; one length may be -1."""
    dim = normalize_dim(dim, input.ndim)
    length, known = input.shape[dim], int(np.prod([n for n in sizes if n != -1]))
    parts = [length // known if n == -1 else n for n in sizes]
    return input.reshape(*input.shape[:dim], *parts, *input.shape[dim + 1 :])


def as_strided(input: Array, size: Shape, stride: Shape, storage_offset: int = 0) -> Array:
    """``out[i, j, ...] = memory[offset + i * stride[0] + j * stride[1] + ...]``, row-major."""
    places = np.full(tuple(size), storage_offset)
    for positions, step in zip(np.indices(tuple(size)), stride, strict=True):
        places += positions * step
    return np.asarray(input.reshape(-1)[places])


def unbind(input: Array, dim: int = 0) -> tuple[Array, ...]:
    """Every element of a dimension."""
    dim = normalize_dim(dim, input.ndim)
    return tuple(np.take(input, i, axis=dim) for i in range(input.shape[dim]))


def repeat(input: Array, repeats: Shape) -> Array:
    """Copies beside each other, so many along each dimension."""
    return np.tile(input, tuple(repeats))


def tile(input: Array, dims: Shape) -> Array:
    """`repeat`, where `dims` may leave out the first dimensions."""
    return repeat(input, (1,) * (input.ndim - len(tuple(dims))) + tuple(dims))


def tril(input: Array, diagonal: int = 0) -> Array:
    """The lower triangles of the last two dimensions, zeros above."""
    return np.tril(input, diagonal)


def triu(input: Array, diagonal: int = 0) -> Array:
    """The upper triangles of the last two dimensions, zeros below."""
    return np.triu(input, diagonal)


_moves: dict[str, Callable[..., Any]] = {
    "reshape": reshape,
    "view": reshape,
    "transpose": transpose,
    "permute": permute,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "expand": expand,
    "tile": tile,
    "flatten": flatten,
    "unflatten": unflatten,
    "movedim": movedim,
    "as_strided": as_strided,
    "unbind": unbind,
    "repeat": repeat,
    "t": t,
    "flip": flip,
    "narrow": narrow,
    "chunk": chunk,
}
for _name, _forward in _moves.items():
    register_move(_name, _forward)


def split_gradient(
    grad: Any, tensor: Array, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Array]:
    """The pieces side by side again."""
    return (np.concatenate([wide(g) for g in grad], axis=dim),)


register("split", split, split_gradient, ("tensor",))
register("tril", tril, lambda grad, input, diagonal=0: (np.tril(grad, diagonal),))
register("triu", triu, lambda grad, input, diagonal=0: (np.triu(grad, diagonal),))


# --- several arrays -----------------------------------------------------------------------------


def cat(tensors: Sequence[Array], dim: int = 0) -> Array:
    """One after another along `dim`; an array of shape (0,) is left out."""
    dtype = promote(*(t.dtype for t in tensors))
    parts = [t for t in tensors if t.shape != (0,)] or list(tensors[:1])
    return np.concatenate([t.astype(dtype) for t in parts], axis=dim)


def cat_gradient(grad: Array, tensors: Sequence[Array], dim: int = 0) -> tuple[list[Array]]:
    """Each gets its own stretch."""
    gradients, start = [], 0
    for t in tensors:
        length = 0 if t.shape == (0,) else t.shape[dim]
        piece = narrow(wide(grad), dim, start, length)
        gradients.append(piece.reshape(t.shape))
        start += length
    return (gradients,)


def stack(tensors: Sequence[Array], dim: int = 0) -> Array:
    """Along a new dimension before `dim`, counted in the result."""
    dtype = promote(*(t.dtype for t in tensors))
    return np.stack([t.astype(dtype) for t in tensors], axis=dim)


def stack_gradient(grad: Array, tensors: Sequence[Array], dim: int = 0) -> tuple[list[Array]]:
    """Each gets its own slice."""
    return ([np.take(wide(grad), i, axis=dim) for i in range(len(tensors))],)


register("cat", cat, cat_gradient, ("tensors",))
register("stack", stack, stack_gradient, ("tensors",))
