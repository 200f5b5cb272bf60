"""Pooling to a given size, in which an axis may be left as it is; and what the layers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steep._core import Tensor, adaptive_average, adaptive_max

__all__ = [
    "Output",
    "Sizes",
    "adaptive",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "each",
]

Sizes = int | Sequence[int]
Output = int | Sequence[int | None] | None


def each(given: Sizes, axes: int) -> tuple[int, ...]:
    """One number as one for each axis, as those layers keep it that always show a tuple."""
    sizes = tuple(given) if isinstance(given, Sequence) else (given,) * axes
    if len(sizes) != axes:
        raise ValueError(f"expected one number or {axes}, got {given}")
    return sizes


def adaptive(
    kind: str, axes: int, input: Tensor, output_size: Output, return_indices: bool = False
) -> Any:
    """Pool to `output_size`; None, for all axes or for one, keeps the input's size."""
    name = f"adaptive_{kind}_pool{axes}d"
    whole = output_size is None or isinstance(output_size, int)
    wanted: Sequence[Any] = (output_size,) * axes if whole else tuple(output_size)  # type: ignore[arg-type]
    if len(wanted) != axes:
        raise RuntimeError(f"{name}: output_size must be one number or {axes}, got {output_size}")
    if input.dim() not in (axes + 1, axes + 2):
        shape = list(input.shape)
        raise RuntimeError(f"{name}: Expected {axes + 1}D or {axes + 2}D tensor, but got {shape}")
    sizes = [
        size if asked is None else asked
        for asked, size in zip(wanted, input.shape[-axes:], strict=True)
    ]
    if kind == "avg":
        return adaptive_average(input, sizes)
    return adaptive_max(input, sizes, return_indices)


def adaptive_avg_pool1d(input: Tensor, output_size: int | Sequence[int]) -> Tensor:
    """The means of `output_size` windows that cut sequences into nearly equal parts.

    Window o is that from ``floor(o L / output_size)`` to ``ceil((o + 1) L / output_size)``. Shapes:
    input ``(N, C, L)`` or ``(C, L)``, out ``(N, C, output_size)``.

    Raises:
        RuntimeError: for an input of other dimensions, with none of a size but the batch's, and for
            an `output_size` of several numbers or below 0.
        NotImplementedError: for integers.

    Example:
        >>> import steep
        >>> steep.nn.functional.adaptive_avg_pool1d(steep.tensor([[1.0, 2.0, 3.0]]), 2)
        tensor([[1.5000, 2.5000]])
    """
    result: Tensor = adaptive("avg", 1, input, output_size)
    return result


def adaptive_avg_pool2d(input: Tensor, output_size: Output) -> Tensor:
    """Means that bring images to `output_size`: `adaptive_avg_pool1d` over two axes.

    Shapes: input ``(N, C, H, W)`` or ``(C, H, W)``, out ``(N, C, *output_size)``; ``None`` keeps
    the input's size. Raises as `adaptive_avg_pool1d`.

    Example:
        >>> import steep
        >>> x = steep.tensor([[[1.0, 3.0], [2.0, 5.0]]])
        >>> steep.nn.functional.adaptive_avg_pool2d(x, (None, 1))
        tensor([[[2.0000],
                 [3.5000]]])
    """
    result: Tensor = adaptive("avg", 2, input, output_size)
    return result


def adaptive_avg_pool3d(input: Tensor, output_size: Output) -> Tensor:
    """Means that bring volumes to `output_size`: `adaptive_avg_pool2d` over three axes.

    Example:
        >>> import steep
        >>> x = steep.arange(8.0).reshape(1, 2, 2, 2)
        >>> steep.nn.functional.adaptive_avg_pool3d(x, 1).item()
        3.5
    """
    result: Tensor = adaptive("avg", 3, input, output_size)
    return result


def adaptive_max_pool1d(
    input: Tensor, output_size: int | Sequence[int], return_indices: bool = False
) -> Any:
    """The largest elements of the windows of `adaptive_avg_pool1d`.

    With `return_indices` also where they were, int64. Shapes and errors are as there; bool is what
    has no order.

    Example:
        >>> import steep
        >>> steep.nn.functional.adaptive_max_pool1d(steep.tensor([[1.0, 2.0, 3.0]]), 2)
        tensor([[2., 3.]])
    """
    return adaptive("max", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Output, return_indices: bool = False) -> Any:
    """The largest elements of the windows of `adaptive_avg_pool2d`; indices count in a plane.

    Example:
        >>> import steep
        >>> x = steep.tensor([[[1.0, 3.0], [2.0, 5.0]]])
        >>> steep.nn.functional.adaptive_max_pool2d(x, 1, return_indices=True)
        (tensor([[[5.]]]), tensor([[[3]]]))
    """
    return adaptive("max", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Output, return_indices: bool = False) -> Any:
    """The largest elements of the windows of `adaptive_avg_pool3d`; indices count in a volume.

    Example:
        >>> import steep
        >>> x = steep.arange(8.0).reshape(1, 2, 2, 2)
        >>> steep.nn.functional.adaptive_max_pool3d(x, 1).item()
        7.0
    """
    return adaptive("max", 3, input, output_size, return_indices)
