"""Limits of the dtypes: `finfo` and `iinfo`."""

from __future__ import annotations

from steep._core import dtype, floating_limits, get_default_dtype

__all__ = ["finfo", "iinfo"]


class finfo:  # noqa: N801 - PyTorch's name
    """Limits of a floating dtype.

    Args:
        type: float32 or float64. Default: the default dtype.

    Attributes:
        bits: width of a number.
        eps: distance from 1 to the next larger number.
        max: largest finite number.
        min: its negative.
        tiny: smallest positive number of full precision, also ``smallest_normal``.
        resolution: smallest power of ten that a decimal digit keeps.

    Raises:
        TypeError: if `type` is no floating dtype.

    Example:
        >>> import steep
        >>> steep.finfo(steep.float32).eps
        1.1920928955078125e-07
    """

    def __init__(self, type: dtype | None = None) -> None:
        kind = get_default_dtype() if type is None else type
        if not kind.is_floating_point:
            raise TypeError(f"finfo: expected a floating dtype, got {kind}; use iinfo for integers")
        self.eps, self.max, self.tiny, digits = floating_limits(kind)
        self.bits = kind.itemsize * 8
        self.min = -self.max
        self.smallest_normal = self.tiny
        self.resolution = float(f"1e-{digits}")
        self.dtype = str(kind).removeprefix("steep.")

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.tiny:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:  # noqa: N801 - PyTorch's name
    """Limits of an integer dtype.

    Args:
        type: int64, int32 or uint8.

    Attributes:
        bits: width of a number.
        max: largest number.
        min: smallest number.

    Raises:
        TypeError: if `type` is no integer dtype.

    Example:
        >>> import steep
        >>> steep.iinfo(steep.uint8).max
        255
    """

    def __init__(self, type: dtype) -> None:
        if type.is_floating_point or str(type) == "steep.bool":
            raise TypeError(f"iinfo: expected an integer dtype, got {type}; use finfo for floats")
        self.bits = type.itemsize * 8
        self.max = 2 ** (self.bits - 1) - 1 if type.is_signed else 2**self.bits - 1
        self.min = -self.max - 1 if type.is_signed else 0
        self.dtype = str(type).removeprefix("steep.")

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
