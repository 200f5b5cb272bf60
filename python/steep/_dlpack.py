"""Memory shared with other array libraries by DLPack, of version 1.0 and before."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, empty, take_capsule

__all__ = ["from_dlpack", "to_dlpack"]

_VERSION = (1, 0)  # the newest that is understood here
_CPU = (1, 0)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of another library's array: what one writes, the other sees.

    Args:
        ext_tensor: an array with ``__dlpack__`` and ``__dlpack_device__``, as of NumPy, PyTorch or
            JAX, or a DLPack capsule, which can be taken once. In the memory of the CPU, of float32,
            float64, int64, int32, uint8 or bool.
        device: None or ``'cpu'``.
        copy: True: always copy; False: never. Default: only what no tensor can share: read-only and
            unaligned memory, negative strides, and int8, int16, uint16 (to int32) and float16 (to
            float32).

    Returns:
        A tensor without history. It keeps the memory alive, whatever becomes of the array.

    Raises:
        TypeError: If it is no such array, or of another dtype.
        BufferError: If the memory is not the CPU's, the array needs a gradient, or it cannot be
            shared and `copy` is False.
        ValueError: For a capsule that was taken before.

    Source: DLPack, https://dmlc.github.io/dlpack/latest/python_spec.html.

    Example:
        >>> import numpy as np
        >>> import steep
        >>> array = np.zeros(3)
        >>> x = steep.from_dlpack(array)
        >>> x[0] = 1
        >>> array
        array([1., 0., 0.])
    """
    empty(0, device=device)  # refuses other devices
    if isinstance(ext_tensor, Tensor):
        return _own(ext_tensor, copy)
    if type(ext_tensor).__name__ == "PyCapsule":
        return take_capsule(ext_tensor, copy)
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(
            "from_dlpack: expected an array with __dlpack__, or a DLPack capsule, got "
            f"{type(ext_tensor).__name__}; steep.tensor(data) takes other data"
        )
    if hasattr(ext_tensor, "__dlpack_device__"):
        kind, number = ext_tensor.__dlpack_device__()
        if kind != _CPU[0]:
            raise BufferError(
                "from_dlpack: expected memory of the CPU, which is device (1, 0), got "
                f"({int(kind)}, {int(number)}); move it there first"
            )
    return take_capsule(_capsule(ext_tensor, copy), copy)


def _own(x: Tensor, copy: bool | None) -> Tensor:
    """Of a tensor of this library: the memory's count of changes is shared as well."""
    if x.requires_grad:
        raise BufferError(
            "from_dlpack: cannot share the memory of a tensor that requires grad; use .detach() "
            "first"
        )
    return x.clone() if copy else x.detach()


def _capsule(array: Any, copy: bool | None) -> Any:
    """What an array hands out, by the newest form of the call that it knows."""
    wishes: dict[str, Any] = {"max_version": _VERSION}
    if copy is not None:
        wishes["copy"] = copy
    try:
        return array.__dlpack__(**wishes)
    except TypeError:  # from before these keywords
        return array.__dlpack__()


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule, of the form before version 1, that hands the tensor's memory on.

    Args:
        tensor: one that does not require grad.

    Raises:
        BufferError: If it requires grad.

    Example:
        >>> import steep
        >>> steep.from_dlpack(steep.utils.dlpack.to_dlpack(steep.ones(2)))
        tensor([1., 1.])
    """
    return tensor.__dlpack__()
