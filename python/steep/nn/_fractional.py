"""Max pooling by a fraction: windows at drawn places bring an image to any smaller size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steep._core import Tensor, arange, no_grad, rand, stack
from steep.nn._pool import Sizes, each

__all__ = [
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]

Ratios = float | Sequence[float]


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest of each window, where windows lie at drawn places (Graham 2014,
    https://arxiv.org/abs/1412.6071).

    Window i of an axis of length L begins at ``floor((i + u) a) - floor(u a)``, where ``a`` is
    ``(L - kernel) / (size - 1)`` and u is drawn from [0, 1) for each image and channel; the last
    one ends with the axis.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size: the windows' size, one number or one for each axis.
        output_size: the result's size, or ``None`` for `output_ratio`.
        output_ratio: the result's size as a fraction of the input's, each between 0 and 1.
        return_indices: whether to give the places of the largest as well, counted in each plane.
            Default: ``False``.
        _random_samples: the u to take instead of drawing them, ``(N, C, 2)``: of W, then of H.

    Raises:
        ValueError: unless exactly one of `output_size` and `output_ratio` is given; for a ratio
            that is not between 0 and 1.
        RuntimeError: for other shapes, and windows or results too large for the input.

    Example:
        >>> import steep
        >>> x = steep.arange(16.0).reshape(1, 4, 4)
        >>> steep.nn.functional.fractional_max_pool2d(x, 2, output_size=1)
        tensor([[[15.]]])
    """
    found = fractional_max_pool2d_with_indices(
        input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )
    return found if return_indices else found[0]


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool2d` with the places of the largest, as int64."""
    settings = (kernel_size, output_size, output_ratio, _random_samples)
    return _fractional(2, input, *settings)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """`fractional_max_pool2d` over three axes: input ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    The drawn numbers ``(N, C, 3)`` are of D, H and W. Raises as `fractional_max_pool2d`.
    """
    found = fractional_max_pool3d_with_indices(
        input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )
    return found if return_indices else found[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool3d` with the places of the largest, as int64."""
    settings = (kernel_size, output_size, output_ratio, _random_samples)
    return _fractional(3, input, *settings)


def check_ratio(name: str, output_size: Any, output_ratio: Any, axes: int) -> None:
    """Refuse two ways of saying a size, none, and fractions that are not between 0 and 1."""
    if (output_size is None) == (output_ratio is None):
        which = "either an output_size or" if output_size is None else "only one of output_size and"
        raise ValueError(f"{name}: requires specifying {which} an output_ratio")
    if output_ratio is not None and not all(0 < ratio < 1 for ratio in each(output_ratio, axes)):
        raise ValueError(f"{name}: output_ratio must be between 0 and 1 (got {output_ratio})")


def _fractional(
    axes: int,
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None,
    output_ratio: Ratios | None,
    samples: Tensor | None,
) -> tuple[Tensor, Tensor]:
    name = f"fractional_max_pool{axes}d"
    check_ratio(name, output_size, output_ratio, axes)
    if input.dim() not in (axes + 1, axes + 2) or 0 in input.shape[-axes - 1 :]:
        raise RuntimeError(
            f"{name}: expected a {axes + 1}D or {axes + 2}D input, of no size 0 but the batch's, "
            f"got {list(input.shape)}"
        )
    x = input if input.dim() == axes + 2 else input[None]
    kernel, sizes = each(kernel_size, axes), x.shape[2:]
    if output_ratio is not None:
        shares = zip(sizes, each(output_ratio, axes), strict=True)  # type: ignore[arg-type]
        wanted = tuple(int(size * ratio) for size, ratio in shares)
    else:
        wanted = each(output_size, axes)  # type: ignore[arg-type]
    for k, out, size in zip(kernel, wanted, sizes, strict=True):
        if k < 1 or out < 1 or out + k - 1 > size:
            raise RuntimeError(
                f"{name}: expected windows {kernel} and results {wanted} of at least 1 that fit an "
                f"input of {list(sizes)}: the window plus the result, less 1, at most its size"
            )
    if samples is None:
        samples = rand(*x.shape[:2], axes, dtype=x.dtype)
    elif tuple(samples.shape) != (*x.shape[:2], axes):
        raise RuntimeError(
            f"{name}: expected _random_samples of shape {[*x.shape[:2], axes]}, got "
            f"{list(samples.shape)}"
        )
    values, places = _largest(x, kernel, wanted, samples)
    return (values, places) if input.dim() == axes + 2 else (values[0], places[0])


def _largest(
    x: Tensor, kernel: tuple[int, ...], wanted: tuple[int, ...], samples: Tensor
) -> tuple[Tensor, Tensor]:
    axes, sizes, flat = len(kernel), x.shape[2:], x.flatten(2)
    with no_grad():
        index = x.new_zeros((1,) * (2 + 2 * axes)).long()
        for axis, (k, out, size) in enumerate(zip(kernel, wanted, sizes, strict=True)):
            drawn = samples[..., axis if axes == 3 else 1 - axis]
            places = _starts(drawn, size, out, k)[..., None] + arange(k)
            shape = [*x.shape[:2], *(1,) * 2 * axes]
            shape[2 + axis], shape[2 + axes + axis] = out, k
            index = index * size + places.reshape(shape)
        index = index.flatten(2 + axes).flatten(2, 1 + axes)  # (N, C, results, window)
        best = flat.gather(2, index.flatten(2)).reshape(index.shape).argmax(-1)
        place = index.gather(3, best[..., None])[..., 0]
    values = flat.gather(2, place)
    return values.reshape(*x.shape[:2], *wanted), place.reshape(*x.shape[:2], *wanted)


def _starts(drawn: Tensor, size: int, out: int, kernel: int) -> Tensor:
    """Where the windows of an axis begin, for each image and channel."""
    last = drawn.new_zeros(()).expand(drawn.shape).long() + (size - kernel)
    if out == 1:
        return last[..., None]
    step = (size - kernel) / (out - 1)
    begin = [((drawn + i) * step).long() - (drawn * step).long() for i in range(out - 1)]
    return stack([*begin, last], -1)
