"""Sums and differences of samples: integrals by trapezoids, and slopes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steep._core import Tensor, cat
from steep._core import bool as bool_

__all__ = ["cumulative_trapezoid", "gradient", "trapezoid", "trapz"]


def _areas(op: str, y: Tensor, x: Tensor | None, dx: float | None, dim: int) -> Tensor:
    """Twice the areas between neighbours, along a dimension that is moved to the end."""
    for given in (y, x):
        if given is not None and given.dtype == bool_:
            raise RuntimeError(
                f"{op}: expected numbers, got a tensor of bool; convert with .float() first"
            )
    if x is not None and dx is not None:
        raise RuntimeError(f"{op}: expected x or dx, got both")
    moved = y.movedim(dim, -1)
    sums = moved[..., 1:] + moved[..., :-1]
    if x is None:
        return sums * (1.0 if dx is None else dx)
    if x.dim() > 1:
        x = x[(None,) * (y.dim() - x.dim())].movedim(dim, -1)
    if x.shape[-1] not in (1, moved.shape[-1]):
        raise RuntimeError(
            f"{op}: expected as many x as y along dimension {dim}, got {x.shape[-1]} and "
            f"{moved.shape[-1]}"
        )
    return sums * (x[..., 1:] - x[..., :-1])


def trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """The integral by trapezoids: sum (x[i+1] - x[i]) (y[i] + y[i+1]) / 2.

    Args:
        y: heights, any shape.
        x: where they are: one dimension, or a shape that broadcasts to that of `y`.
        dx: the distance of neighbours, where `x` is not given. Default: 1.
        dim: along which to integrate. Default: the last one.

    Returns:
        The shape of `y` without `dim`.

    Raises:
        RuntimeError: For bool, and an `x` of another size.
        IndexError: For a `dim` that there is not.

    Example:
        >>> import steep
        >>> steep.trapezoid(steep.tensor([1.0, 5.0, 10.0]), dx=2)
        tensor(21.)
    """
    return _areas("trapezoid", y, x, dx, dim).sum(-1) / 2


def trapz(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """Another name of `trapezoid`.

    Raises:
        RuntimeError: As `trapezoid`.

    Example:
        >>> import steep
        >>> steep.trapz(steep.tensor([1.0, 5.0]), steep.tensor([0.0, 2.0]))
        tensor(6.)
    """
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """The integrals by trapezoids from the first element up to each of the others.

    Args:
        y: heights, any shape.
        x: as for `trapezoid`.
        dx: as for `trapezoid`.
        dim: along which to integrate. Default: the last one.

    Returns:
        The shape of `y`, with one element less along `dim`.

    Raises:
        RuntimeError: As `trapezoid`.

    Example:
        >>> import steep
        >>> steep.cumulative_trapezoid(steep.tensor([1.0, 5.0, 10.0]))
        tensor([ 3.0000, 10.5000])
    """
    return (_areas("cumulative_trapezoid", y, x, dx, dim).cumsum(-1) / 2).movedim(-1, dim)


def _slopes(x: Tensor, at: Tensor | float, dim: int, edge_order: int) -> Tensor:
    """Along one dimension: second order inside, and as `edge_order` says at the ends."""
    f = x.movedim(dim, -1)
    if isinstance(at, Tensor):
        steps: Any = at[1:] - at[:-1]
        before, after = steps[:-1], steps[1:]
        first, second, last, last_but_one = steps[0], steps[1:2], steps[-1], steps[-2:-1]
    else:
        before = after = first = second = last = last_but_one = at
    weight = 1 / (before * after * (before + after))
    inner = before * before * f[..., 2:] + (after * after - before * before) * f[..., 1:-1]
    inner = (inner - after * after * f[..., :-2]) * weight
    if edge_order == 1:
        start = (f[..., 1:2] - f[..., :1]) / first
        end = (f[..., -1:] - f[..., -2:-1]) / last
    else:
        start = _one_sided(f[..., :1], f[..., 1:2], f[..., 2:3], first, second)
        end = -_one_sided(f[..., -1:], f[..., -2:-1], f[..., -3:-2], last, last_but_one)
    return cat((start, inner, end), -1).movedim(-1, dim)


def _one_sided(f0: Tensor, f1: Tensor, f2: Tensor, h1: Any, h2: Any) -> Tensor:
    """The slope at f0 of the parabola through three points, h1 and h2 apart."""
    out: Tensor = (
        -(2 * h1 + h2) / (h1 * (h1 + h2)) * f0
        + (h1 + h2) / (h1 * h2) * f1
        - h1 / (h2 * (h1 + h2)) * f2
    )
    return out


def gradient(
    input: Tensor,
    *,
    spacing: float | Sequence[Any] | Tensor = 1,
    dim: int | Sequence[int] | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """The slopes of samples by central differences, which are of second order inside.

    Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids" (1988).

    Args:
        input: samples, any shape.
        spacing: the distance of neighbours, one for all dimensions or one for each; or, for each, a
            tensor of the coordinates. Default: 1.
        dim: along which. Default: all, in order.
        edge_order: 1 or 2: the order of the differences at the ends. Default: 1.

    Returns:
        A tuple with a tensor of the input's shape for each dimension.

    Raises:
        RuntimeError: For another `edge_order`, fewer than ``edge_order + 1`` samples along a
            dimension, as many spacings as there are not dimensions, and coordinates of other sizes.

    Example:
        >>> import steep
        >>> steep.gradient(steep.tensor([1.0, 4.0, 9.0]))[0]
        tensor([3., 4., 5.])
    """
    if edge_order not in (1, 2):
        raise RuntimeError(f"gradient: expected edge_order to be 1 or 2, got {edge_order}")
    dims = range(input.dim()) if dim is None else [dim] if isinstance(dim, int) else dim
    if isinstance(spacing, Tensor) and spacing.dim() == 1:
        spacing = [spacing]
    places = list(spacing) if isinstance(spacing, Sequence) else [spacing] * len(dims)
    if len(places) != len(dims):
        raise RuntimeError(
            f"gradient: expected a spacing for each of {len(dims)} dimensions, got {len(places)}"
        )
    x = input if input.is_floating_point() else input.float()
    for axis, at in zip(dims, places, strict=True):
        size = x.shape[axis]
        if size <= edge_order:
            raise RuntimeError(
                f"gradient: expected at least {edge_order + 1} samples along dimension {axis}, "
                f"got {size}"
            )
        if isinstance(at, Tensor) and at.shape not in ((), (size,)):
            raise RuntimeError(
                f"gradient: expected {size} coordinates along dimension {axis}, got shape "
                f"{tuple(at.shape)}"
            )
    return tuple(_slopes(x, at, axis, edge_order) for axis, at in zip(dims, places, strict=True))
