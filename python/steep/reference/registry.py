"""The table of reference operations, and what every one of them shares.

An operation is two functions.  ``forward(*args, **kwargs)`` takes PyTorch's arguments with arrays
in place of tensors, and returns an array, or a tuple of arrays.  ``gradient(grad, *args,
**kwargs)`` takes the gradient of a scalar with respect to the result (a tuple of them for several
results) before the same arguments, and returns its gradients with respect to the arrays among them.

Rules are written on wide numbers: floats as float64, whatever came in.  The result is rounded once,
to the dtype PyTorch would give it, so that a float32 result is the correctly rounded one.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Gradients = tuple[Array | None, ...]
DType = npt.DTypeLike | None  # None: the dtype follows from the arguments

# PyTorch's six dtypes here form a chain: two of them promote to the later one.
_LADDER = tuple(
    np.dtype(name) for name in ("bool", "uint8", "int32", "int64", "float32", "float64")
)


@dataclass(frozen=True)
class Op:
    """One reference operation.

    Attributes:
        name: PyTorch's name of the function or method.
        forward: The operation; arguments, order and defaults are PyTorch's.
        gradient: ``gradient(grad, *args, **kwargs)``: one entry for each array passed, in the order
            of the parameters, a sequence of arrays counting as its elements; each has the shape and
            dtype of its array.  Numbers, None, and arrays that only steer (an index, a mask that
            is not listed in ``arrays``) have no entry; an array that is listed but has no gradient
            (integers, a condition) has the entry None.  The whole is None where PyTorch has no
            gradient.
        arrays: Names of the parameters that take arrays.
    """

    name: str
    forward: Callable[..., Any]
    gradient: Callable[..., Gradients] | None
    arrays: tuple[str, ...]


OPS: dict[str, Op] = {}


def register(
    name: str,
    forward: Callable[..., Any],
    gradient: Callable[..., Sequence[Any]] | None = None,
    arrays: tuple[str, ...] = ("input",),
) -> Op:
    """Enter an operation into `OPS`; its rule gives one gradient (or None) a name in `arrays`.

    Floating-point warnings are silenced: infinities and NaN are results like others.
    """
    if name in OPS:
        raise ValueError(f"register: the name {name!r} is taken; give the operation another one")
    signature = inspect.signature(forward)

    @functools.wraps(forward)
    def checked_forward(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return forward(*args, **kwargs)

    def checked_gradient(grad: Any, *args: Any, **kwargs: Any) -> Gradients:
        assert gradient is not None
        passed = signature.bind(*args, **kwargs).arguments
        with np.errstate(all="ignore"):
            rules = gradient(grad, *args, **kwargs)
            gradients: list[Array | None] = []
            for parameter, rule in zip(arrays, rules, strict=True):
                gradients += _match(passed.get(parameter), rule)
        return tuple(gradients)

    op = Op(name, checked_forward, checked_gradient if gradient else None, arrays)
    OPS[name] = op
    return op


def _match(argument: Any, rule: Any) -> list[Array | None]:
    """The entries for one argument: the rule's gradient in the argument's own shape and dtype."""
    if isinstance(argument, list | tuple):
        return [entry for a, r in zip(argument, rule, strict=True) for entry in _match(a, r)]
    if not is_array(argument):
        return []
    if rule is None or argument.dtype.kind != "f":
        return [None]
    return [unbroadcast(np.asarray(rule), argument.shape).astype(argument.dtype)]


def is_array(x: object) -> bool:
    """Whether `x` is an array (NumPy's scalars are 0-d arrays), as opposed to a Python number."""
    return isinstance(x, np.ndarray | np.generic)


def promote(*dtypes: npt.DTypeLike) -> np.dtype[Any]:
    """The smallest of the six dtypes that every one of `dtypes` promotes to."""
    return _LADDER[max(_LADDER.index(np.dtype(d)) for d in dtypes)]


def result_type(*args: Any) -> np.dtype[Any]:
    """PyTorch's result dtype of arrays and numbers (docs: "Tensor Attributes", type promotion).

    Arrays with dimensions decide; 0-d arrays, and after them numbers, matter only when they are of
    a higher kind (bool < integer < float).

    >>> result_type(np.ones(2, np.int32), 2.5)
    dtype('float32')
    """
    ranks: list[list[npt.DTypeLike]] = [[], [], []]
    for arg in args:
        if is_array(arg):
            ranks[0 if arg.ndim else 1].append(arg.dtype)
        else:
            number = {bool: np.bool_, int: np.int64, float: np.float32}[type(arg)]
            ranks[2].append(number)
    result: np.dtype[Any] | None = None
    for dtypes in ranks:
        if dtypes:
            lower = promote(*dtypes)
            if result is None or (_kind(lower) > _kind(result)):
                result = lower if result is None else promote(result, lower)
    assert result is not None
    return result


def _kind(dtype: np.dtype[Any]) -> int:
    return "buif".index(dtype.kind) if dtype.kind != "u" else 2


def float_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of a result that must be a float: integers and bool become float32."""
    return dtype if dtype.kind == "f" else np.dtype(np.float32)


def wide(x: Any) -> Array:
    """`x` with floats as float64; integers and bool stay as they are."""
    array = np.asarray(x)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum `grad` over the dimensions that broadcasting added or stretched to make it from `shape`.

    >>> unbroadcast(np.ones((4, 3)), (3,))
    array([4., 4., 4.])
    """
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and grad.shape[i] != 1)
    return np.asarray(grad.sum(axis=stretched, keepdims=True)).reshape(shape)


def normalize_dims(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """`dim` as a tuple of dimensions counted from the front; None and () mean all of them."""
    if dim is None:
        return tuple(range(ndim))
    dims = (dim,) if isinstance(dim, int | np.integer) else tuple(dim)
    if not dims:
        return tuple(range(ndim))
    return tuple(normalize_dim(d, ndim) for d in dims)


def normalize_dim(dim: int, ndim: int) -> int:
    """`dim` counted from the front; a 0-d array is treated as having one dimension."""
    span = max(ndim, 1)
    if not -span <= dim < span:
        raise IndexError(f"dim must lie in [{-span}, {span - 1}], got {dim}; count from the front")
    return dim % span
