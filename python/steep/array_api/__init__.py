"""The Python array API standard, of version 2023.12, on tensors: `x.__array_namespace__()`.

Programs written for the standard find its functions here under its names (``axis``, ``concat``,
``permute_dims``) and with its meaning, where PyTorch's differ; `steep` itself keeps PyTorch's. Not
there are complex numbers, `fft`, unsigned integers but uint8, int8 and int16, and, because
PyTorch's name means something else, the attribute ``x.size``.

Source: https://data-apis.org/array-api/2023.12.

Example:
    >>> import steep
    >>> x = steep.tensor([[3.0, 1.0], [2.0, 4.0]])
    >>> xp = x.__array_namespace__()
    >>> xp.max(x, axis=0)
    tensor([3., 4.])
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import steep
from steep._core import Tensor, dtype
from steep._lazy import importing
from steep.array_api._inspection import Info
from steep.array_api._inspection import can_cast as can_cast
from steep.array_api._inspection import isdtype as isdtype
from steep.array_api._inspection import result_type as result_type
from steep.array_api._places import argsort as argsort
from steep.array_api._places import clip as clip
from steep.array_api._places import nonzero as nonzero
from steep.array_api._places import searchsorted as searchsorted
from steep.array_api._places import sort as sort
from steep.array_api._places import take as take
from steep.array_api._places import unique_all as unique_all
from steep.array_api._places import unique_counts as unique_counts
from steep.array_api._places import unique_inverse as unique_inverse
from steep.array_api._places import unique_values as unique_values

__array_api_version__ = "2023.12"

# Functions and constants that are the standard's as they are.
SAME = (
    *("abs", "acos", "acosh", "add", "arange", "argmax", "argmin", "asarray", "asin", "asinh"),
    *("atan", "atan2", "atanh", "bitwise_and", "bitwise_left_shift", "bitwise_or"),
    *("bitwise_right_shift", "bitwise_xor", "broadcast_to", "ceil", "conj", "copysign"),
    *("cos", "cosh", "divide", "empty", "empty_like", "eq", "exp", "expm1", "finfo", "floor"),
    *("floor_divide", "from_dlpack", "full", "full_like", "greater", "greater_equal", "hypot"),
    *("iinfo", "isfinite", "isinf", "isnan", "less", "less_equal", "log", "log10"),
    *("log1p", "log2", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor"),
    *("matmul", "maximum", "minimum", "moveaxis", "multiply", "negative", "not_equal", "ones"),
    *(
        "ones_like",
        "positive",
        "pow",
        "real",
        "remainder",
        "round",
        "sign",
        "signbit",
        "sin",
    ),
    *("sinh", "sqrt", "square", "stack", "subtract", "tan", "tanh", "tile", "trunc", "where"),
    *("zeros", "zeros_like", "e", "inf", "nan", "newaxis", "pi"),
    *("bool", "float32", "float64", "int32", "int64", "uint8"),
)
# Under another name in PyTorch.
RENAMED = {
    "bitwise_invert": "bitwise_not",
    "equal": "eq",
    "matrix_transpose": "adjoint",
}
Axes = int | Sequence[int] | None


_linalg = importing(__name__, "linalg")


def __getattr__(name: str) -> Any:
    if name == "linalg":
        return _linalg(name)
    if name in SAME or name in RENAMED:
        return getattr(steep, RENAMED.get(name, name))
    raise AttributeError(f"the array API of steep has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *SAME, *RENAMED, "linalg"})


# ---- dtypes and shapes --------------------------------------------------------------------------


def astype(x: Tensor, dtype: dtype, /, *, copy: builtins.bool = True, device: Any = None) -> Tensor:
    """The tensor in a dtype."""
    return x.to(dtype, copy=copy)


def __array_namespace_info__() -> Info:  # noqa: N807
    """What there is."""
    return Info()


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """All tensors in the shape to which they broadcast."""
    return list(steep.broadcast_tensors(*arrays))


def expand_dims(x: Tensor, /, *, axis: int = 0) -> Tensor:
    """A dimension of size 1 more."""
    return x.unsqueeze(axis)


def squeeze(x: Tensor, /, axis: int | Sequence[int]) -> Tensor:
    """Without these dimensions, which have size 1.

    Raises:
        ValueError: For another size.
    """
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if builtins.any(x.shape[one] != 1 for one in axes):
        raise ValueError(f"squeeze: expected sizes of 1 along {axes}, got {tuple(x.shape)}")
    return x.squeeze(axes)


def permute_dims(x: Tensor, /, axes: Sequence[int]) -> Tensor:
    """The dimensions in another order."""
    return x.permute(tuple(axes))


def reshape(x: Tensor, /, shape: Sequence[int], *, copy: builtins.bool | None = None) -> Tensor:
    """Another shape, row by row.

    Raises:
        ValueError: If `copy` is False, and it takes one.
    """
    out = x.reshape(tuple(shape))
    if copy is False and out.data_ptr() != x.data_ptr():
        raise ValueError("reshape: expected memory that the shape can be shown on, as copy=False")
    return out.clone() if copy and out.data_ptr() == x.data_ptr() else out


def flip(x: Tensor, /, *, axis: Axes = None) -> Tensor:
    """The elements in reverse order."""
    axes = tuple(range(x.dim())) if axis is None else axis
    return x.flip(axes)


def roll(x: Tensor, /, shift: Any, *, axis: Axes = None) -> Tensor:
    """The elements moved on, those at the end to the start."""
    return x.roll(shift, axis) if axis is not None else x.reshape(-1).roll(shift).reshape(x.shape)


def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each element several times."""
    return x.repeat_interleave(repeats, axis)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The parts along a dimension."""
    return tuple(x.unbind(axis))


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The lower triangle."""
    return x.tril(k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The upper triangle."""
    return x.triu(k)


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None
) -> Tensor:
    """Ones on a diagonal."""
    columns = n_rows if n_cols is None else n_cols
    out = steep.zeros(n_rows, columns, dtype=dtype, device=device)
    if -n_rows < k < columns:
        out.diagonal(k).fill_(1)
    return out


def linspace(
    start: float,
    stop: float,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: builtins.bool = True,
) -> Tensor:
    """Numbers of equal distances."""
    if endpoint:
        return steep.linspace(start, stop, num, dtype=dtype, device=device)
    return steep.linspace(start, stop, num + 1, dtype=dtype, device=device)[:num]


def concat(arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """Tensors one behind the other; with None their elements."""
    parts = list(arrays)
    return steep.cat([x.reshape(-1) for x in parts]) if axis is None else steep.cat(parts, axis)


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid."""
    return list(steep.meshgrid(*arrays, indexing=indexing))


# ---- sums and their like ------------------------------------------------------------------------


def _along(x: Tensor, axis: Axes) -> tuple[int, ...]:
    return tuple(range(x.dim())) if axis is None else (axis,) if isinstance(axis, int) else (*axis,)


def sum(
    x: Tensor, /, *, axis: Axes = None, dtype: Any = None, keepdims: builtins.bool = False
) -> Tensor:
    """The sum."""
    return x.sum(_along(x, axis), keepdims, dtype=dtype) if _along(x, axis) else _kept(x, dtype)


def _kept(x: Tensor, dtype: Any) -> Tensor:
    """What a sum along no dimension is."""
    whole = x.dtype if x.is_floating_point() else steep.int64
    return x.to(whole if dtype is None else dtype)


def prod(
    x: Tensor, /, *, axis: Axes = None, dtype: Any = None, keepdims: builtins.bool = False
) -> Tensor:
    """The product."""
    out = _kept(x, dtype)
    for one in sorted((a % x.dim() for a in _along(x, axis)), reverse=True):
        out = out.prod(one, keepdims)
    return out


def max(x: Tensor, /, *, axis: Axes = None, keepdims: builtins.bool = False) -> Tensor:
    """The largest element."""
    return x.amax(_along(x, axis), keepdims) if _along(x, axis) else x.clone()


def min(x: Tensor, /, *, axis: Axes = None, keepdims: builtins.bool = False) -> Tensor:
    """The least element."""
    return x.amin(_along(x, axis), keepdims) if _along(x, axis) else x.clone()


def mean(x: Tensor, /, *, axis: Axes = None, keepdims: builtins.bool = False) -> Tensor:
    """The mean."""
    return x.mean(_along(x, axis), keepdims) if _along(x, axis) else x.clone()


def var(
    x: Tensor, /, *, axis: Axes = None, correction: float = 0.0, keepdims: builtins.bool = False
) -> Tensor:
    """The variance, by default of the whole population."""
    off = (x - mean(x, axis=axis, keepdims=True)).square()
    axes = _along(x, axis)
    count = 1
    for one in axes:
        count *= x.shape[one]
    return sum(off, axis=axes, keepdims=keepdims) / steep.scalar_tensor(
        count - correction, dtype=x.dtype
    ).clamp(min=0)


def std(
    x: Tensor, /, *, axis: Axes = None, correction: float = 0.0, keepdims: builtins.bool = False
) -> Tensor:
    """The root of the variance."""
    return var(x, axis=axis, correction=correction, keepdims=keepdims).sqrt()


def all(x: Tensor, /, *, axis: Axes = None, keepdims: builtins.bool = False) -> Tensor:
    """Whether all elements are not 0."""
    return ~any(x == 0, axis=axis, keepdims=keepdims)


def any(x: Tensor, /, *, axis: Axes = None, keepdims: builtins.bool = False) -> Tensor:
    """Whether an element is not 0."""
    return sum((x != 0).int(), axis=axis, keepdims=keepdims) > 0


def cumulative_sum(
    x: Tensor,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: builtins.bool = False,
) -> Tensor:
    """Running sums.

    Raises:
        ValueError: Without an axis, for other than one dimension.
    """
    if axis is None and x.dim() != 1:
        raise ValueError("cumulative_sum: expected an axis, for there are several dimensions")
    along = 0 if axis is None else axis
    out = x.cumsum(along, dtype=dtype)
    if include_initial:
        out = steep.cat((steep.zeros_like(out.narrow(along, 0, 1)), out), along)
    return out


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: Any = 2) -> Tensor:
    """Sums of products along pairs of dimensions."""
    return steep.tensordot(x1, x2, axes)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Sums of products along one dimension."""
    return (x1 * x2).sum(axis)


def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None
) -> Tensor:
    """Differences of neighbours."""
    return steep.diff(x, n, axis, prepend, append)
