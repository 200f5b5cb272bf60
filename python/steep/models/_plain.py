"""Transforms' states as values that `steep.save` takes, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steep._core import Tensor, from_numpy

if TYPE_CHECKING:
    import numpy as np

__all__ = ["pack", "unpack"]

_ARRAY = "numpy.ndarray"  # the key that marks an array among dicts
_AS_TENSORS = ("float32", "float64", "int32", "int64", "uint8", "bool")
_AS_LISTS = ("U", "O")  # text, and objects as long as they are plain values


def pack(value: Any) -> Any:
    """Arrays become tensors or lists with a mark, NumPy's numbers Python's; the rest stays.

    Raises:
        TypeError: if there is an array that no file can hold.
    """
    if isinstance(value, Mapping):
        return {key: pack(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        packed = [pack(entry) for entry in value]
        return tuple(packed) if isinstance(value, tuple) else packed
    if value is None or type(value) in (bool, int, float, str) or isinstance(value, Tensor):
        return value
    import numpy as np

    if isinstance(value, np.generic):
        return pack(value.item())
    if isinstance(value, np.ndarray):
        return {_ARRAY: _packed_array(value)}
    return value  # steep.save refuses it, and names its place


def _packed_array(array: np.ndarray) -> dict[str, Any]:
    import numpy as np

    if array.dtype.name in _AS_TENSORS:
        return {"values": from_numpy(np.array(array, order="C"))}
    if array.dtype.kind in "iuf":  # narrower numbers, and their dtype beside them
        wide = array.astype("float64" if array.dtype.kind == "f" else "int64")
        return {"values": from_numpy(wide), "dtype": array.dtype.name}
    if array.dtype.kind not in _AS_LISTS:
        raise TypeError(
            f"save: expected arrays of numbers, bools or text among the transforms, got dtype "
            f"{array.dtype}"
        )
    dtype = "object" if array.dtype.kind == "O" else "str"
    return {"items": pack(array.ravel().tolist()), "shape": list(array.shape), "dtype": dtype}


def unpack(value: Any) -> Any:
    """What `pack` was given, but that NumPy's numbers stay Python's.

    Raises:
        ValueError: if an array's mark is not followed by an array.
    """
    if isinstance(value, dict):
        if _ARRAY in value:
            return _unpacked_array(value[_ARRAY])
        return {key: unpack(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        entries = [unpack(entry) for entry in value]
        return tuple(entries) if isinstance(value, tuple) else entries
    return value


def _unpacked_array(parts: Any) -> np.ndarray:
    import numpy as np

    try:
        if "items" in parts:
            items = unpack(parts["items"])
            out = np.empty(len(items), dtype=object)
            out[:] = items
            text = parts["dtype"] == "str"
            shaped: np.ndarray = (out.astype(str) if text else out).reshape(parts["shape"])
            return shaped
        array: np.ndarray = parts["values"].numpy()
        return array.astype(parts["dtype"]) if "dtype" in parts else array
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ValueError(f"the description of an array is damaged: {error}") from error
