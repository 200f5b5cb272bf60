"""Counts of elements by the bins they fall into, along one axis or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from steep._core import Tensor, from_numpy, linspace
from steep._out import takes_out
from steep._printing import named_result

__all__ = ["histogram", "histogramdd"]


class HistogramResult(NamedTuple):
    """What `histogram` returns."""

    hist: Tensor
    bin_edges: Tensor

    def __repr__(self) -> str:
        return named_result("histogram", self)


class HistogramddResult(NamedTuple):
    """What `histogramdd` returns."""

    hist: Tensor
    bin_edges: tuple[Tensor, ...]


def _check(op: str, input: Tensor, weight: Tensor | None, places: tuple[int, ...]) -> None:
    if not input.is_floating_point():
        raise NotImplementedError(
            f"{op}: expected float32 or float64, got {input.dtype}; convert with .float() first"
        )
    if weight is not None and (weight.dtype != input.dtype or tuple(weight.shape) != places):
        raise RuntimeError(
            f"{op}: expected weights of dtype {input.dtype} and shape {places}, got {weight.dtype} "
            f"and {tuple(weight.shape)}"
        )


def _edges(op: str, column: Tensor, bins: Any, limits: tuple[float, float] | None) -> Tensor:
    """The edges of the bins along one axis, as they are given or of equal widths."""
    if isinstance(bins, Tensor):
        if bins.dim() != 1 or bins.dtype != column.dtype or bins.numel() == 0:
            raise RuntimeError(
                f"{op}: expected edges of bins in one dimension and of dtype {column.dtype}, got "
                f"shape {tuple(bins.shape)} and {bins.dtype}"
            )
        if (bins[1:] < bins[:-1]).any():
            raise RuntimeError(f"{op}: expected edges of bins that rise, got {bins.tolist()}")
        return bins.detach().clone()
    if bins <= 0:
        raise RuntimeError(f"{op}: expected at least one bin, got {bins}")
    if limits is None:
        empty = column.numel() == 0
        low, high = (0.0, 1.0) if empty else (column.min().item(), column.max().item())
    else:
        low, high = limits
    if not (abs(low) < float("inf") and abs(high) < float("inf")):
        raise RuntimeError(f"{op}: expected a finite range, got [{low}, {high}]")
    if low > high:
        raise RuntimeError(f"{op}: expected a range from less to more, got [{low}, {high}]")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return linspace(low, high, bins + 1, dtype=column.dtype)


def _count(points: Tensor, edges: list[Tensor], weight: Tensor | None, density: bool) -> Tensor:
    import numpy as np

    counts, _ = np.histogramdd(
        points.detach().numpy(),
        [edge.numpy() for edge in edges],
        weights=None if weight is None else weight.detach().reshape(-1).numpy(),
        density=density,
    )
    return from_numpy(counts).to(points.dtype)


@takes_out
def histogram(
    input: Tensor,
    bins: int | Tensor,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> HistogramResult:
    """How many elements fall into each bin.

    Args:
        input: float32 or float64, any shape.
        bins: how many bins of equal width, or their edges, which rise. Each bin has its left edge;
            the last one has both. Elements outside of all are not counted.
        range: where the bins begin and end. Default: at the least and the largest element.
        weight: what each element counts, of the input's shape and dtype. Default: 1.
        density: divide by the sum and by the widths. Default: ``False``.

    Returns:
        `hist`, of the input's dtype, and `bin_edges`, which has one element more.

    Raises:
        NotImplementedError: For whole numbers and bool.
        RuntimeError: For weights of another shape or dtype, edges that fall, and a range that is
            not finite.

    Example:
        >>> import steep
        >>> steep.histogram(steep.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 3.0))[0]
        tensor([0., 2., 1., 0.])
    """
    _check("histogram", input, weight, tuple(input.shape))
    edges = _edges("histogram", input.detach(), bins, range)
    return HistogramResult(_count(input.reshape(-1, 1), [edges], weight, density), edges)


def histogramdd(
    input: Tensor,
    bins: int | Sequence[int] | Sequence[Tensor],
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> HistogramddResult:
    """How many points fall into each box of a grid.

    Args:
        input: (*, d): points of d coordinates, float32 or float64.
        bins: as for `histogram`, for each axis; one number for all of them.
        range: where the bins of each axis begin and end: 2 d numbers. Default: at the least and the
            largest coordinate.
        weight: what each point counts, of shape (*). Default: 1.
        density: divide by the sum and by the boxes' volumes. Default: ``False``.

    Returns:
        `hist`, with as many dimensions as points have coordinates, and `bin_edges`, a tuple.

    Raises:
        NotImplementedError: For whole numbers and bool.
        RuntimeError: For fewer than two dimensions, and as `histogram`.

    Example:
        >>> import steep
        >>> points = steep.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [2.0, 2.0]])
        >>> steep.histogramdd(points, bins=[2, 2]).hist
        tensor([[0., 1.],
                [1., 2.]])
    """
    if input.dim() < 2:
        raise RuntimeError(
            f"histogramdd: expected points in the last of two dimensions, got {tuple(input.shape)}"
        )
    _check("histogramdd", input, weight, tuple(input.shape[:-1]))
    size = input.shape[-1]
    each: Sequence[Any] = [bins] * size if isinstance(bins, int) else bins
    if len(each) != size or (range is not None and len(range) != 2 * size):
        raise RuntimeError(
            f"histogramdd: expected bins for each of {size} coordinates, and a range of "
            f"{2 * size} numbers, got {len(each)} and {range}"
        )
    limits = [None] * size if range is None else list(zip(range[::2], range[1::2], strict=True))
    points = input.detach().reshape(-1, size)
    edges = [_edges("histogramdd", points[:, i], each[i], limits[i]) for i, _ in enumerate(limits)]
    return HistogramddResult(_count(points, edges, weight, density), tuple(edges))
