"""Arithmetic of shapes that needs no tensor."""

from __future__ import annotations

from collections.abc import Sequence

from steep._core import Size

__all__ = ["broadcast_shapes"]


def broadcast_shapes(*shapes: int | Sequence[int]) -> Size:
    """The shape that tensors of these shapes broadcast to; a number stands for a vector's.

    Raises:
        RuntimeError: When two shapes do not broadcast, or one has a negative size.

    Example:
        >>> import steep
        >>> steep.broadcast_shapes((2, 1), (3,), 1)
        steep.Size([2, 3])
    """
    given = [(shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes]
    common = [1] * max((len(shape) for shape in given), default=0)
    for shape in given:
        for place, size in enumerate(reversed(shape), start=1):
            if size < 0:
                raise RuntimeError(
                    f"broadcast_shapes: expected sizes of at least 0, got {size} in shape {shape}"
                )
            if size not in (1, common[-place]) and common[-place] != 1:
                raise RuntimeError(
                    f"broadcast_shapes: shapes {given} do not broadcast: sizes {common[-place]} "
                    f"and {size} in dimension {len(common) - place}; a size of 1 would"
                )
            if size != 1:
                common[-place] = size
    return Size(common)
