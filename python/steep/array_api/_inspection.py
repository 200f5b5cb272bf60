"""What the array API lets programs ask of a library: devices, dtypes, capabilities."""

from __future__ import annotations

import functools
from typing import Any

from steep import _core
from steep._core import Tensor, device, dtype

__all__ = ["KINDS", "Info", "can_cast", "isdtype", "result_type"]

# Kinds of dtypes, as isdtype names them.
KINDS = {
    "bool": ("bool",),
    "signed integer": ("int32", "int64"),
    "unsigned integer": ("uint8",),
    "integral": ("int32", "int64", "uint8"),
    "real floating": ("float32", "float64"),
    "complex floating": (),
    "numeric": ("int32", "int64", "uint8", "float32", "float64"),
}


def isdtype(dtype: dtype, kind: Any) -> bool:
    """Whether a dtype is of a kind, one of several, or the same.

    Raises:
        ValueError: For an unknown kind.
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ValueError(f"isdtype: expected a kind of {', '.join(KINDS)}, got {kind!r}")
        return str(dtype).rpartition(".")[2] in KINDS[kind]
    return bool(dtype == kind)


def result_type(*arrays_and_dtypes: Tensor | dtype) -> dtype:
    """The dtype to which tensors and dtypes promote.

    Raises:
        ValueError: For none.
    """
    kinds = [x if isinstance(x, dtype) else x.dtype for x in arrays_and_dtypes]
    if not kinds:
        raise ValueError("result_type: expected at least one tensor or dtype, got none")
    return functools.reduce(_core.promote_types, kinds)


def can_cast(from_: Tensor | dtype, to: dtype, /) -> bool:
    """Whether a dtype promotes to another one without a change of this."""
    return result_type(from_, to) == to


class Info:
    """What `__array_namespace_info__` returns."""

    def capabilities(self) -> dict[str, Any]:
        """Masks and shapes that depend on values are there."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": None}

    def default_device(self) -> device:
        """The CPU."""
        return device("cpu")

    def devices(self) -> list[device]:
        """The CPU."""
        return [device("cpu")]

    def default_dtypes(self, *, device: Any = None) -> dict[str, dtype]:
        """What numbers of Python become."""
        whole, floating = _core.int64, _core.get_default_dtype()
        return {"real floating": floating, "integral": whole, "indexing": whole}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, dtype]:
        """The dtypes of a kind, or of several; all by default."""
        kinds = ("bool", "numeric") if kind is None else kind
        names = (*KINDS["bool"], *KINDS["numeric"])
        return {
            name: getattr(_core, name) for name in names if isdtype(getattr(_core, name), kinds)
        }
