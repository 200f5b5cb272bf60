"""Padding over one, two and three axes: with a number, or by what the input has itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from steep._core import Tensor, pad
from steep.nn.module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

Sides = int | Sequence[int]


class _Pad(Module):
    """What all of them share: the numbers for each side, the last axis first."""

    _axes: ClassVar[int]
    _mode: ClassVar[str]

    def __init__(self, padding: Sides) -> None:
        super().__init__()
        count = 2 * self._axes
        sides = tuple(padding) if isinstance(padding, Sequence) else (padding,) * count
        if len(sides) != count:
            raise ValueError(
                f"{type(self).__name__}: expected padding as one number or {count}, got {padding}"
            )
        self.padding = sides

    def forward(self, input: Tensor) -> Tensor:
        """Pad the last axes."""
        return pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """The sides."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    _mode = "constant"
    value: float

    def __init__(self, padding: Sides, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Pad the last axes."""
        return pad(input, self.padding, self._mode, self.value)

    def extra_repr(self) -> str:
        """The sides and the number."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Sides) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The sides."""
        return f"{self.padding}"


class CircularPad1d(_Pad):
    """Continue sequences by their other ends; see `functional.pad`.

    Shapes: input ``(N, C, L)`` or ``(C, L)``, out ``(N, C, L')``: longer by `padding`, or shorter
    where that is negative.

    Args:
        padding: one number, or ``(left, right)``; every side at most the size of its axis.

    Raises:
        ValueError: for another count of numbers.
        RuntimeError: when called with an input that they do not fit.

    Example:
        >>> import steep
        >>> steep.nn.CircularPad1d((2, 1))(steep.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[2., 3., 1., 2., 3., 1.]]])
    """

    _axes = 1
    _mode = "circular"


class CircularPad2d(_Pad):
    """Continue images by their other ends: `CircularPad1d` over two axes.

    Shapes: input ``(N, C, H, W)`` or without N, out ``(N, C, H', W')``. padding is one number or
    ``(left, right, top, bottom)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.CircularPad2d(1)(steep.zeros(1, 3, 4, 4)).shape)
        (1, 3, 6, 6)
    """

    _axes = 2
    _mode = "circular"


class CircularPad3d(_Pad):
    """Continue volumes by their other ends: `CircularPad1d` over three axes.

    Shapes: input ``(N, C, D, H, W)`` or without N, out ``(N, C, D', H', W')``. padding is one
    number or ``(left, right, top, bottom, front, back)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.CircularPad3d(1)(steep.zeros(1, 3, 4, 4, 4)).shape)
        (1, 3, 6, 6, 6)
    """

    _axes = 3
    _mode = "circular"


class ConstantPad1d(_ConstantPad):
    """Continue sequences with a number; see `functional.pad`.

    Shapes: input ``(N, C, L)`` or ``(C, L)``, out ``(N, C, L')``: longer by `padding`, or shorter
    where that is negative.

    Args:
        padding: one number, or ``(left, right)``.
        value: what stands in the new places.

    Raises:
        ValueError: for another count of numbers.
        RuntimeError: when called with an input that they do not fit.

    Example:
        >>> import steep
        >>> steep.nn.ConstantPad1d((2, 1), 9.0)(steep.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[9., 9., 1., 2., 3., 9.]]])
    """

    _axes = 1


class ConstantPad2d(_ConstantPad):
    """Continue images with a number: `ConstantPad1d` over two axes.

    Shapes: input ``(N, C, H, W)`` or without N, out ``(N, C, H', W')``. padding is one number or
    ``(left, right, top, bottom)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.ConstantPad2d(1, 9.0)(steep.zeros(1, 3, 4, 4)).shape)
        (1, 3, 6, 6)
    """

    _axes = 2


class ConstantPad3d(_ConstantPad):
    """Continue volumes with a number: `ConstantPad1d` over three axes.

    Shapes: input ``(N, C, D, H, W)`` or without N, out ``(N, C, D', H', W')``. padding is one
    number or ``(left, right, top, bottom, front, back)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.ConstantPad3d(1, 9.0)(steep.zeros(1, 3, 4, 4, 4)).shape)
        (1, 3, 6, 6, 6)
    """

    _axes = 3


class ReflectionPad1d(_Pad):
    """Continue sequences by their mirror images; see `functional.pad`.

    Shapes: input ``(N, C, L)`` or ``(C, L)``, out ``(N, C, L')``: longer by `padding`, or shorter
    where that is negative.

    Args:
        padding: one number, or ``(left, right)``; every side less than the size of its axis.

    Raises:
        ValueError: for another count of numbers.
        RuntimeError: when called with an input that they do not fit.

    Example:
        >>> import steep
        >>> steep.nn.ReflectionPad1d((2, 1))(steep.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[3., 2., 1., 2., 3., 2.]]])
    """

    _axes = 1
    _mode = "reflect"


class ReflectionPad2d(_Pad):
    """Continue images by their mirror images: `ReflectionPad1d` over two axes.

    Shapes: input ``(N, C, H, W)`` or without N, out ``(N, C, H', W')``. padding is one number or
    ``(left, right, top, bottom)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.ReflectionPad2d(1)(steep.zeros(1, 3, 4, 4)).shape)
        (1, 3, 6, 6)
    """

    _axes = 2
    _mode = "reflect"


class ReflectionPad3d(_Pad):
    """Continue volumes by their mirror images: `ReflectionPad1d` over three axes.

    Shapes: input ``(N, C, D, H, W)`` or without N, out ``(N, C, D', H', W')``. padding is one
    number or ``(left, right, top, bottom, front, back)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.ReflectionPad3d(1)(steep.zeros(1, 3, 4, 4, 4)).shape)
        (1, 3, 6, 6, 6)
    """

    _axes = 3
    _mode = "reflect"


class ReplicationPad1d(_Pad):
    """Continue sequences by their edges; see `functional.pad`.

    Shapes: input ``(N, C, L)`` or ``(C, L)``, out ``(N, C, L')``: longer by `padding`, or shorter
    where that is negative.

    Args:
        padding: one number, or ``(left, right)``.

    Raises:
        ValueError: for another count of numbers.
        RuntimeError: when called with an input that they do not fit.

    Example:
        >>> import steep
        >>> steep.nn.ReplicationPad1d((2, 1))(steep.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[1., 1., 1., 2., 3., 3.]]])
    """

    _axes = 1
    _mode = "replicate"


class ReplicationPad2d(_Pad):
    """Continue images by their edges: `ReplicationPad1d` over two axes.

    Shapes: input ``(N, C, H, W)`` or without N, out ``(N, C, H', W')``. padding is one number or
    ``(left, right, top, bottom)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.ReplicationPad2d(1)(steep.zeros(1, 3, 4, 4)).shape)
        (1, 3, 6, 6)
    """

    _axes = 2
    _mode = "replicate"


class ReplicationPad3d(_Pad):
    """Continue volumes by their edges: `ReplicationPad1d` over three axes.

    Shapes: input ``(N, C, D, H, W)`` or without N, out ``(N, C, D', H', W')``. padding is one
    number or ``(left, right, top, bottom, front, back)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.ReplicationPad3d(1)(steep.zeros(1, 3, 4, 4, 4)).shape)
        (1, 3, 6, 6, 6)
    """

    _axes = 3
    _mode = "replicate"


class ZeroPad1d(_ZeroPad):
    """Continue sequences with zeros; see `functional.pad`.

    Shapes: input ``(N, C, L)`` or ``(C, L)``, out ``(N, C, L')``: longer by `padding`, or shorter
    where that is negative.

    Args:
        padding: one number, or ``(left, right)``.

    Raises:
        ValueError: for another count of numbers.
        RuntimeError: when called with an input that they do not fit.

    Example:
        >>> import steep
        >>> steep.nn.ZeroPad1d((2, 1))(steep.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[0., 0., 1., 2., 3., 0.]]])
    """

    _axes = 1


class ZeroPad2d(_ZeroPad):
    """Continue images with zeros: `ZeroPad1d` over two axes.

    Shapes: input ``(N, C, H, W)`` or without N, out ``(N, C, H', W')``. padding is one number or
    ``(left, right, top, bottom)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.ZeroPad2d(1)(steep.zeros(1, 3, 4, 4)).shape)
        (1, 3, 6, 6)
    """

    _axes = 2


class ZeroPad3d(_ZeroPad):
    """Continue volumes with zeros: `ZeroPad1d` over three axes.

    Shapes: input ``(N, C, D, H, W)`` or without N, out ``(N, C, D', H', W')``. padding is one
    number or ``(left, right, top, bottom, front, back)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.ZeroPad3d(1)(steep.zeros(1, 3, 4, 4, 4)).shape)
        (1, 3, 6, 6, 6)
    """

    _axes = 3
