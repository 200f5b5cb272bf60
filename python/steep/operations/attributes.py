"""Attributes of tensors that say what real, dense tensors of a CPU are, and views of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from steep._core import Tensor, empty
from steep.operations.making import empty_strided

__all__ = ["NEVER", "H", "const_data_ptr", "dim_order", "is_cpu", "mH", "real"]

# What a tensor here never is.
NEVER = (
    *("is_ipu", "is_maia", "is_meta", "is_mkldnn", "is_mps", "is_mtia", "is_nested"),
    *("is_quantized", "is_sparse_csr", "is_vulkan", "is_xla", "is_xpu"),
)


def _adjoint_of_matrix(self: Tensor) -> Tensor:
    """A matrix with rows and columns exchanged."""
    if self.dim() not in (0, 2):
        raise RuntimeError(
            f"Tensor.H: expected a matrix, got {self.dim()} dimensions; batches have .mH"
        )
    return self.mT if self.dim() else self


def _adjoint(self: Tensor) -> Tensor:
    """The last two dimensions exchanged."""
    return self.mT


def _itself(self: Tensor) -> Tensor:
    """The tensor itself: numbers are real."""
    return self


def _imaginary(self: Tensor) -> NoReturn:
    """Refused."""
    raise RuntimeError("Tensor.imag: expected complex numbers, which steep does not have")


def _true(self: Tensor) -> bool:
    """True."""
    return True


def _false(self: Tensor) -> bool:
    """False."""
    return False


def _array_interface(self: Tensor) -> dict[str, Any]:
    """Where the memory is, as NumPy and Pillow ask for it."""
    if self.requires_grad:
        raise AttributeError("Tensor.__array_interface__: requires grad; use .detach() first")
    out: dict[str, Any] = self.numpy().__array_interface__
    return out


H = property(_adjoint_of_matrix)
mH = property(_adjoint)  # noqa: N816 - PyTorch's name
real = property(_itself)
imag = property(_imaginary)
is_cpu = property(_true)
never = property(_false)
__array_interface__ = property(_array_interface)


def __getattr__(name: str) -> property:
    if name in NEVER:
        return never
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __array_namespace__(self: Tensor, *, api_version: str | None = None) -> Any:  # noqa: N807
    """The functions of the Python array API standard: `steep.array_api`.

    Raises:
        ValueError: For a version of the standard that is not there.

    Example:
        >>> import steep
        >>> steep.ones(1).__array_namespace__() is steep.array_api
        True
    """
    known = ("2021.12", "2022.12", "2023.12")
    if api_version is not None and api_version not in known:
        raise ValueError(
            f"__array_namespace__: expected one of the versions {', '.join(known)}, got "
            f"{api_version!r}"
        )
    import steep

    return steep.array_api


def to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """The array API's `Tensor.to`, of a device.

    Raises:
        RuntimeError: For another device than the CPU.
    """
    return self.to(device)


def const_data_ptr(self: Tensor) -> int:
    """`Tensor.data_ptr`."""
    return self.data_ptr()


def dim_order(self: Tensor) -> tuple[int, ...]:
    """The dimensions from the outermost in memory to the innermost.

    Example:
        >>> import steep
        >>> steep.ones(2, 3).t().dim_order()
        (1, 0)
    """
    strides = self.stride()
    return tuple(sorted(range(self.dim()), key=lambda dim: -strides[dim]))


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both show the same memory in the same way.

    Example:
        >>> import steep
        >>> x = steep.ones(2, 2)
        >>> x.is_set_to(x.view(2, 2)), x.is_set_to(x.t())
        (True, False)
    """
    mine, other = ((x.data_ptr(), x.shape, x.stride(), x.storage_offset()) for x in (self, tensor))
    return mine == other and self.dtype == tensor.dtype


def is_nonzero(self: Tensor) -> bool:
    """Whether the only element is not 0.

    Raises:
        RuntimeError: For more or fewer elements.
    """
    if self.numel() != 1:
        raise RuntimeError(
            f"is_nonzero: expected a tensor of one element, got shape {tuple(self.shape)}"
        )
    return bool(self)


def is_conj(self: Tensor) -> bool:
    """False: numbers are real."""
    return False


def to_dense(self: Tensor, dtype: Any = None) -> Tensor:
    """The tensor itself, or in another dtype: it is dense."""
    return self if dtype is None else self.to(dtype)


def new_empty_strided(
    self: Tensor, size: Sequence[int], stride: Sequence[int], *, dtype: Any = None
) -> Tensor:
    """`steep.empty_strided`, of this tensor's dtype.

    Raises:
        RuntimeError: As `steep.empty_strided`.

    Example:
        >>> import steep
        >>> steep.ones(1).new_empty_strided((2, 3), (1, 2)).stride()
        (1, 2)
    """
    return empty_strided(size, stride, dtype=self.dtype if dtype is None else dtype)


def as_strided_(
    self: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """Show the memory in another way: `as_strided`, of the tensor itself.

    Raises:
        RuntimeError: For a view beyond the memory, and a tensor that requires grad.

    Example:
        >>> import steep
        >>> steep.arange(4).as_strided_((2,), (2,))
        tensor([0, 2])
    """
    return set_(self, self.as_strided(size, stride, storage_offset))


def set_(self: Tensor, source: Tensor | None = None) -> Tensor:
    """Take the memory, shape and strides of another tensor.

    Args:
        source: of the same dtype. Default: an empty tensor.

    Raises:
        RuntimeError: For another dtype, and a tensor that requires grad.
        TypeError: For what is no tensor.

    Example:
        >>> import steep
        >>> steep.ones(1).set_(steep.zeros(2))
        tensor([0., 0.])
    """
    given = empty(0, dtype=self.dtype) if source is None else source
    if not isinstance(given, Tensor):
        raise TypeError(f"set_: expected a Tensor, got {type(given).__name__}")
    if self.requires_grad or given.dtype != self.dtype:
        raise RuntimeError(
            f"set_: expected a tensor that requires no grad, and one dtype, got {self.dtype} and "
            f"{given.dtype}"
        )
    self.data = given.detach()
    return self


def unsafe_chunk(self: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`Tensor.chunk`."""
    return tuple(self.chunk(chunks, dim))


def unsafe_split(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`Tensor.split`."""
    return tuple(self.split(split_size, dim))


def unsafe_split_with_sizes(
    self: Tensor, split_sizes: Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """`Tensor.split`, by sizes."""
    return tuple(self.split(list(split_sizes), dim))
