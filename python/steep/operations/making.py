"""Tensors from other objects' memory, from sizes, and from shapes."""

from __future__ import annotations

import warnings
from builtins import range as builtin_range
from collections.abc import Sequence
from typing import Any

import steep
from steep._core import Tensor, dtype, empty, from_numpy, tensor
from steep._out import takes_out

__all__ = [
    "asarray",
    "empty_permuted",
    "empty_strided",
    "frombuffer",
    "range",
    "scalar_tensor",
    "unravel_index",
    "vander",
]


def asarray(
    obj: Any,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Anything as a tensor: on its own memory where it has some that can be shared.

    A tensor is itself, with its history.

    Args:
        obj: a tensor, an array of NumPy or another library, an object with a buffer, numbers, or
            nested sequences of them.
        dtype: of the result. Default: its own.
        device: None or ``'cpu'``.
        copy: True: always; False: never. Default: where it has to be.
        requires_grad: whether a result without history records its gradient. Default: ``False``.

    Raises:
        ValueError: If `copy` is False, and there is no memory that can be shared.
        TypeError: For what holds no numbers.

    Example:
        >>> import steep
        >>> steep.asarray([1, 2])
        tensor([1, 2])
    """
    shared = isinstance(obj, Tensor) or hasattr(obj, "__array__") or _has_buffer(obj)
    if isinstance(obj, Tensor):
        out = obj if dtype is None else obj.to(dtype)
    elif hasattr(obj, "__dlpack__") and not hasattr(obj, "__array__"):
        shared, out = True, steep.from_dlpack(obj)
        out = out if dtype is None else out.to(dtype)
    elif _has_buffer(obj) and not hasattr(obj, "__array__"):
        out = frombuffer(obj, dtype=dtype or steep.get_default_dtype())
    else:
        out = steep.as_tensor(obj, dtype=dtype)
    if copy is False and not (shared and _same_memory(out, obj)):
        raise ValueError(
            f"asarray: expected memory that a tensor can share, as copy=False asks for, got "
            f"{type(obj).__name__}; leave out copy=False"
        )
    if copy and _same_memory(out, obj):
        out = out.clone()
    empty(0, device=device)
    return out.requires_grad_() if requires_grad and out.is_leaf else out


def _has_buffer(obj: Any) -> bool:
    return isinstance(obj, (bytes, bytearray, memoryview)) or type(obj).__name__ == "array"


def _same_memory(out: Tensor, obj: Any) -> bool:
    """Whether a write to one may be seen in the other."""
    if isinstance(obj, Tensor):
        return out.data_ptr() == obj.data_ptr()
    if hasattr(obj, "__dlpack__") or hasattr(obj, "__array__") or _has_buffer(obj):
        import numpy as np

        return bool(np.shares_memory(out.detach().numpy(), np.asarray(obj)))
    return False


def frombuffer(
    buffer: Any,
    *,
    dtype: dtype,
    count: int = -1,
    offset: int = 0,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of one dimension on the memory of an object with a buffer: bytes, arrays, maps.

    Args:
        buffer: the object. If it is read-only, as bytes are, the memory is copied.
        dtype: of the elements.
        count: how many; a negative number for all that there are. Default: -1.
        offset: bytes before the first. Default: 0.
        requires_grad: whether the result records its gradient. Default: ``False``.

    Raises:
        ValueError: If there are no such bytes, they are no whole elements, or the object has no
            buffer.

    Example:
        >>> import steep
        >>> steep.frombuffer(bytearray([1, 0, 2, 0]), dtype=steep.uint8, count=2, offset=2)
        tensor([2, 0], dtype=steep.uint8)
    """
    try:
        view = memoryview(buffer).cast("B")
    except TypeError as error:
        raise ValueError(
            f"frombuffer: expected an object with a buffer in one piece, got "
            f"{type(buffer).__name__}: {error}"
        ) from None
    size = empty(0, dtype=dtype).element_size()
    left = len(view) - offset
    if not 0 <= offset < len(view) or (count < 0 and left % size) or count * size > left:
        raise ValueError(
            f"frombuffer: expected {'whole' if count < 0 else count} elements of {size} bytes from "
            f"byte {offset} on, got a buffer of {len(view)} bytes"
        )
    if count == 0:
        raise ValueError("frombuffer: expected a count of elements above 0, or -1 for all, got 0")
    import numpy as np

    kind = np.dtype(str(dtype).rpartition(".")[2])
    array = np.frombuffer(buffer, kind, left // size if count < 0 else count, offset)
    writable = array.flags.writeable and array.ctypes.data % size == 0
    return (from_numpy(array) if writable else tensor(array)).requires_grad_(requires_grad)


def scalar_tensor(
    s: float, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor without dimensions, of the default floating dtype unless another is given.

    Args:
        s: the number.
        dtype: of the result. Default: the default dtype.
        device: None or ``'cpu'``.
        requires_grad: whether the result records its gradient. Default: ``False``.

    Raises:
        TypeError: For what is no number.

    Example:
        >>> import steep
        >>> steep.scalar_tensor(2)
        tensor(2.)
    """
    kind = steep.get_default_dtype() if dtype is None else dtype
    return steep.full((), s, dtype=kind, device=device).requires_grad_(requires_grad)


@takes_out
def range(
    start: float,
    end: float,
    step: float = 1,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """From start to end, which is one of the numbers, unlike in `arange`: deprecated.

    Args:
        start: the first number.
        end: the last, if it is a number of steps away.
        step: the difference of neighbours. Default: 1.
        dtype: of the result. Default: the default dtype.
        device: None or ``'cpu'``.
        requires_grad: whether the result records its gradient. Default: ``False``.

    Raises:
        RuntimeError: For a step of 0, and one that leads away from the end.

    Example:
        >>> import warnings
        >>> import steep
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     steep.range(1, 4).tolist()
        [1.0, 2.0, 3.0, 4.0]
    """
    warnings.warn(
        "range is deprecated, because Python's range leaves out the end; use arange",
        UserWarning,
        stacklevel=2,
    )
    if step == 0 or (end - start) / step < 0:
        raise RuntimeError(f"range: expected a step that leads from {start} to {end}, got {step}")
    count = int((end - start) / step) + 1
    kind = steep.get_default_dtype() if dtype is None else dtype
    numbers = steep.arange(count, dtype=steep.float64) * step + start
    return numbers.to(kind).to(device=device).requires_grad_(requires_grad)


def empty_strided(
    size: Sequence[int],
    stride: Sequence[int],
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of these sizes and strides, whose elements are whatever they are.

    Args:
        size: the shape.
        stride: elements from one item to the next, for each dimension.
        dtype: of the result. Default: the default dtype.
        device: None or ``'cpu'``.
        requires_grad: whether the result records its gradient. Default: ``False``.

    Raises:
        RuntimeError: For other than one stride for each size, and negative ones.

    Example:
        >>> import steep
        >>> steep.empty_strided((2, 3), (1, 2)).stride()
        (1, 2)
    """
    if len(size) != len(stride) or min((*size, *stride), default=0) < 0:
        raise RuntimeError(
            f"empty_strided: expected a stride of at least 0 for each size, got {tuple(size)} and "
            f"{tuple(stride)}"
        )
    steps = zip(size, stride, strict=True)
    count = 0 if 0 in size else 1 + sum((n - 1) * step for n, step in steps)
    memory = empty(count, dtype=dtype, device=device)
    return memory.as_strided(tuple(size), tuple(stride)).requires_grad_(requires_grad)


def empty_permuted(
    size: Sequence[int],
    physical_layout: Sequence[int],
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of this shape whose dimensions lie in memory in another order.

    Args:
        size: the shape.
        physical_layout: the dimensions from the outermost to the innermost.
        dtype: of the result. Default: the default dtype.
        device: None or ``'cpu'``.
        requires_grad: whether the result records its gradient. Default: ``False``.

    Raises:
        RuntimeError: If `physical_layout` is no order of the dimensions.

    Example:
        >>> import steep
        >>> steep.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
        (12, 1, 3)
    """
    order = list(physical_layout)
    if sorted(order) != [*builtin_range(len(size))]:
        raise RuntimeError(
            f"empty_permuted: expected an order of {len(size)} dimensions, got {tuple(order)}"
        )
    memory = empty([size[dim] for dim in order], dtype=dtype, device=device)
    back = [order.index(dim) for dim in builtin_range(len(size))]
    return memory.permute(back).requires_grad_(requires_grad)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:  # noqa: N803
    """The powers of each element from N - 1 down to 0: Vandermonde's matrix.

    `steep.linalg.vander` has them rising, and takes batches.

    Args:
        x: (n).
        N: how many powers. Default: n.
        increasing: from 0 up. Default: ``False``.

    Returns:
        (n, N).

    Raises:
        RuntimeError: For other than one dimension, and a negative N.

    Example:
        >>> import steep
        >>> steep.vander(steep.tensor([2, 3]), 3)
        tensor([[4, 2, 1],
                [9, 3, 1]])
    """
    if x.dim() != 1:
        raise RuntimeError(f"vander: expected one dimension, got shape {tuple(x.shape)}")
    count = x.shape[0] if N is None else N
    if count < 0:
        raise RuntimeError(f"vander: expected N of at least 0, got {count}")
    numbers = x if x.is_floating_point() else x.long()
    columns = [numbers.new_ones(x.shape[0], 1)]
    if count > 1:
        columns.append(numbers.unsqueeze(-1).expand(x.shape[0], count - 1).cumprod(-1))
    powers = steep.cat(columns, -1)[:, :count]
    return powers if increasing else powers.flip(-1)


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """The places in a tensor of this shape of indices that count its elements row by row.

    Args:
        indices: whole numbers, any shape.
        shape: the shape.

    Returns:
        For each dimension a tensor of int64, of the shape of `indices`.

    Raises:
        ValueError: For indices beyond the shape, and negative sizes.
        TypeError: For floating numbers and bool.

    Example:
        >>> import steep
        >>> steep.unravel_index(steep.tensor([5, 0]), (2, 3))
        (tensor([1, 0]), tensor([2, 0]))
    """
    if indices.is_floating_point() or indices.dtype == steep.bool:
        raise TypeError(f"unravel_index: expected whole numbers, got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(size < 0 for size in sizes):
        raise ValueError(f"unravel_index: expected sizes of at least 0, got {sizes}")
    count = 1
    for size in sizes:
        count *= size
    if indices.numel() and not (indices.min() >= 0 and indices.max() < count):
        raise ValueError(
            f"unravel_index: expected indices from 0 to {count - 1}, the last of shape {sizes}, "
            f"got {indices.min().item()} to {indices.max().item()}"
        )
    left, out = indices.long(), []
    for size in reversed(sizes):
        out.append(left % size if size else left)
        left = left // size if size else left
    return tuple(reversed(out))
