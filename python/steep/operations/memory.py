"""The memory of tensors as an object, as programs ask which tensors share one."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, device, dtype, empty, from_numpy, uint8

__all__ = ["TypedStorage", "UntypedStorage", "storage", "untyped_storage", "view_bytes"]


class UntypedStorage:
    """The whole memory that a tensor is a view of.

    Two are equal where the memory is the same. It can be asked, and its bytes read, not changed;
    `steep.asarray` gives its bytes as a tensor on the same memory.

    Example:
        >>> import steep
        >>> x = steep.zeros(2, 3)
        >>> x[1].untyped_storage() == x.untyped_storage(), x[1].untyped_storage().nbytes()
        (True, 24)
    """

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor.detach()

    @classmethod
    def from_file(cls, filename: str, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first bytes of a file, which are read when they are asked for.

        Args:
            filename: the file; writing to the memory does not change it.
            shared: must be False.
            nbytes: how many bytes. Default: 0.

        Raises:
            NotImplementedError: for a memory that is the file's.
            OSError: for a file that cannot be read.
            ValueError: for more bytes than the file has.
        """
        import numpy as np

        if shared:
            raise NotImplementedError(
                "UntypedStorage.from_file: expected shared=False; write files with steep.save"
            )
        if nbytes == 0:
            return cls(empty(0, dtype=uint8))
        bytes_ = np.memmap(filename, mode="c", dtype=np.uint8, shape=(nbytes,))
        return cls(from_numpy(bytes_))

    def __getitem__(self, index: slice) -> UntypedStorage:
        """Part of the bytes, on the same memory."""
        if not isinstance(index, slice):
            raise TypeError(f"UntypedStorage: expected a slice, got {type(index).__name__}")
        return UntypedStorage(from_numpy(self._bytes()[index]))

    def __dlpack__(self, **kwargs: Any) -> Any:
        """The bytes, for libraries that take such memory."""
        return self._bytes().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        """The CPU."""
        return self._bytes().__dlpack_device__()

    def _bytes(self) -> Any:
        """The same memory as an array of NumPy's."""
        import numpy as np

        x = self._tensor
        whole = x.as_strided((_elements(x),), (1,), 0) if x.numel() else x.reshape(-1)
        return whole.numpy().view(np.uint8)

    def data_ptr(self) -> int:
        """Where it begins."""
        x = self._tensor
        return x.data_ptr() - x.storage_offset() * x.element_size()

    def nbytes(self) -> int:
        """How long it is, in bytes."""
        return _elements(self._tensor) * self._tensor.element_size()

    def size(self) -> int:
        """The same."""
        return self.nbytes()

    def untyped(self) -> UntypedStorage:
        """The memory, counted in bytes."""
        return UntypedStorage(self._tensor)

    def __len__(self) -> int:
        return self.nbytes()

    @property
    def device(self) -> device:
        """The CPU."""
        return self._tensor.device

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UntypedStorage):
            return NotImplemented
        return self.data_ptr() == other.data_ptr() and self.nbytes() == other.nbytes()

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __repr__(self) -> str:
        return f"UntypedStorage({self.nbytes()} bytes)"


class TypedStorage(UntypedStorage):
    """The same, counted in elements: what `Tensor.storage` gives."""

    def size(self) -> int:
        """How many elements there are."""
        return _elements(self._tensor)

    def __len__(self) -> int:
        return self.size()

    def element_size(self) -> int:
        """Bytes of an element."""
        return self._tensor.element_size()


def _elements(x: Tensor) -> int:
    """How many elements the memory holds: `as_strided` refuses what lies beyond its end."""
    steps = zip(x.shape, x.stride(), strict=True)
    reached = x.storage_offset() + sum((size - 1) * step for size, step in steps) + 1
    low = reached if x.numel() else x.storage_offset()
    if not _holds(x, low + 1):  # nearly always: the tensor reaches to the end
        return low
    step = 1
    while _holds(x, low + step):
        low, step = low + step, step * 2
    while step > 1:
        step //= 2
        if _holds(x, low + step):
            low += step
    return low


def _holds(x: Tensor, count: int) -> bool:
    try:
        x.as_strided((1,), (1,), count - 1)
    except RuntimeError:
        return False
    return True


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The whole memory that the tensor is a view of, as an object: whose it is, and how long.

    Example:
        >>> import steep
        >>> x = steep.zeros(4)
        >>> x[2:].untyped_storage().data_ptr() == x.data_ptr()
        True
    """
    return UntypedStorage(self)


def storage(self: Tensor) -> Any:
    """The same, counted in elements.

    Example:
        >>> import steep
        >>> steep.zeros(4)[2:].storage().size()
        4
    """
    return TypedStorage(self)


def view_bytes(x: Tensor, dtype: dtype) -> Tensor:
    """`Tensor.view` of a dtype: the same bytes as numbers of another kind, without a gradient.

    The last dimension grows or shrinks with the size of an element. As with `Tensor.numpy`, what
    is written to the one appears in the other, unseen by autograd.

    Raises:
        RuntimeError: Where elements of another size do not fit, and for bytes besides 0 and 1 as
            bools.

    Example:
        >>> import steep
        >>> steep.tensor([1.0]).view(steep.int32)
        tensor([1065353216], dtype=steep.int32)
    """
    import numpy as np

    if x.dtype == dtype:
        return x.view(x.shape)
    array = x.detach().numpy()
    kind = np.dtype(str(dtype).rpartition(".")[2])
    try:
        viewed = array.view(kind)
    except ValueError as error:
        raise RuntimeError(
            f"view: expected a last dimension in a row, of a size that is a whole number of "
            f"{dtype}, got {x.dtype} of shape {tuple(x.shape)} and strides {x.stride()}; {error}"
        ) from None
    if kind.kind == "b" and (viewed.view(np.uint8) > 1).any():
        raise RuntimeError("view: expected bytes of 0 and 1 for bools; write x != 0")
    return from_numpy(viewed)
