"""Images read at places between their elements: `grid_sample`, and grids of affine maps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import cast

from steep._core import Tensor, linspace, ones, stack

__all__ = ["affine_grid", "grid_sample"]

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")
_SHARPNESS = -0.75  # of the cubic; the value that PyTorch and OpenCV take

Taps = list[tuple[Tensor, Tensor]]  # along one axis: places, and what each counts


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Where an affine map takes the elements of an image: a grid for `grid_sample`.

    Each place is the map applied to (x, y, 1), where x and y run from -1 to 1 (Jaderberg et al.
    2015, https://arxiv.org/abs/1506.02025).

    Args:
        theta: the maps, ``(N, 2, 3)`` for images, ``(N, 3, 4)`` for volumes.
        size: the image's size, ``(N, C, H, W)`` or ``(N, C, D, H, W)``.
        align_corners: whether -1 and 1 are the centres of the outermost elements, rather than their
            outer edges. Default: ``None``, which means ``False``.

    Shapes: the result is ``(N, H, W, 2)`` or ``(N, D, H, W, 3)``, x first.

    Raises:
        NotImplementedError: for a `size` of another length.
        ValueError: for a `theta` that does not fit it, or is not of floats.

    Example:
        >>> import steep
        >>> same = steep.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> steep.nn.functional.affine_grid(same, (1, 1, 1, 2))
        tensor([[[[-0.5000,  0.0000],
                  [ 0.5000,  0.0000]]]])
    """
    axes = len(size) - 2
    if axes not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {tuple(size)}."
        )
    if not theta.dtype.is_floating_point:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if tuple(theta.shape) != (size[0], axes, axes + 1):
        raise ValueError(
            f"Expected a batch of {axes}D affine matrices of shape {size[0]}x{axes}x{axes + 1} for "
            f"size {tuple(size)}. Got {tuple(theta.shape)}."
        )
    if min(size) <= 0:
        raise ValueError(f"affine_grid: expected positive sizes, got {tuple(size)}")
    wanted = tuple(size[2:])
    places = []
    for axis in reversed(range(axes)):
        count = wanted[axis]
        line = linspace(-1, 1, count, dtype=theta.dtype) if count > 1 else theta.new_zeros(1)
        if not align_corners:
            line = line * ((count - 1) / count)
        places.append(line.reshape([-1 if a == axis else 1 for a in range(axes)]).expand(wanted))
    places.append(ones(wanted, dtype=theta.dtype))
    flat = stack(places, -1).reshape(1, -1, axes + 1).expand(size[0], -1, axes + 1)
    return (flat @ theta.transpose(1, 2)).reshape(size[0], *wanted, axes)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The image at places between its elements, which the grid gives.

    Args:
        input: images ``(N, C, H, W)`` or volumes ``(N, C, D, H, W)``.
        grid: places ``(N, H', W', 2)`` as (x, y), or ``(N, D', H', W', 3)`` as (x, y, z); -1 and 1
            are the image's borders.
        mode: 'bilinear' (trilinear for volumes), 'nearest', or 'bicubic' (images only; Keys 1981
            with a = -0.75). Default: 'bilinear'.
        padding_mode: what lies outside: 'zeros', the nearest element ('border'), or the mirrored
            image ('reflection'). Default: 'zeros'.
        align_corners: whether -1 and 1 are the centres of the outermost elements, rather than their
            outer edges. Default: ``None``, which means ``False``.

    Shapes: the result is ``(N, C, H', W')`` or ``(N, C, D', H', W')``.

    Raises:
        ValueError: for an unknown mode.
        RuntimeError: for shapes or dtypes that do not fit each other, and for an empty image.

    Example:
        >>> import steep
        >>> image = steep.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
        >>> steep.nn.functional.grid_sample(image, steep.zeros(1, 1, 1, 2))
        tensor([[[[1.5000]]]])
    """
    _check(input, grid, mode, padding_mode)
    sizes = input.shape[2:]
    per_axis = [
        _taps(grid[..., len(sizes) - 1 - axis], size, mode, padding_mode, bool(align_corners))
        for axis, size in enumerate(sizes)
    ]
    flat = input.flatten(2)
    out: Tensor | None = None
    for taps in product(*per_axis):
        place, weight = taps[0]
        for size, (along, counted) in zip(sizes[1:], taps[1:], strict=True):
            place, weight = place * size + along, weight * counted
        index = place.reshape(len(input), 1, -1).expand(-1, input.shape[1], -1)
        part = flat.gather(2, index) * weight.reshape(len(input), 1, -1)
        out = part if out is None else out + part
    return cast(Tensor, out).reshape(*input.shape[:2], *grid.shape[1:-1])


def _check(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    name, axes = "grid_sample", input.dim() - 2
    for what, given, known in (("mode", mode, _MODES), ("padding_mode", padding_mode, _PADDINGS)):
        if given not in known:
            text = ", ".join(f"'{word}'" for word in known)
            raise ValueError(f"{name}: expected {what} to be one of {text}, but got: '{given}'")
    shapes = f"input {list(input.shape)} and grid {list(grid.shape)}"
    if axes not in (2, 3) or grid.dim() != input.dim():
        raise RuntimeError(f"{name}: expected 4D or 5D input and grid of as many, got {shapes}")
    if len(input) != len(grid) or grid.shape[-1] != axes:
        raise RuntimeError(
            f"{name}: expected a grid of the input's batch size with {axes} numbers a place, got "
            f"{shapes}"
        )
    if not input.dtype.is_floating_point or input.dtype != grid.dtype:
        raise RuntimeError(
            f"{name}: expected input and grid of the same float dtype, got {input.dtype} and "
            f"{grid.dtype}"
        )
    if 0 in input.shape[2:]:
        raise RuntimeError(f"{name}: expected input to have non-empty spatial dimensions, {shapes}")
    if mode == "bicubic" and axes != 2:
        raise RuntimeError(f"{name}: bicubic interpolation only supports 4D input, got {shapes}")


def _taps(at: Tensor, size: int, mode: str, padding: str, align: bool) -> Taps:
    """What each place along one axis reads: elements, and how much each counts."""
    x = (at + 1) * ((size - 1) / 2) if align else ((at + 1) * size - 1) / 2
    x = x.where(x == x, x.new_tensor(-1.0))  # NaN reads what lies outside
    if mode == "bicubic":
        x = x.clamp(-4.0 - size, 2.0 * size + 4) if padding == "zeros" else x
        base = x.detach().floor()
        found = [
            (_inside(base + k, size, padding, align), _cubic(x - base - k)) for k in range(-1, 3)
        ]
    else:
        x = _inside(x, size, padding, align)
        if mode == "nearest":
            found = [(x.detach().round(), x.new_ones(()).expand(x.shape))]
        else:
            base = x.detach().floor()
            found = [(base, base + 1 - x), (base + 1, x - base)]
    taps = []
    for place, weight in found:
        within = (place >= 0) & (place <= size - 1)
        taps.append((place.clamp(0, size - 1).long(), weight * within))
    return taps


def _inside(x: Tensor, size: int, padding: str, align: bool) -> Tensor:
    """Places brought into the image; what zeros surround, next to it at most."""
    if padding == "zeros":
        return x.clamp(-2.0, size + 1.0)
    if padding == "reflection":
        low, span = (0.0, size - 1.0) if align else (-0.5, float(size))
        if span == 0:
            return x * 0
        from_low = (x - low).abs()
        turns = (from_low / span).floor()
        rest = from_low - turns * span
        x = rest.where(turns % 2 == 0, span - rest) + low
    return x.clamp(0, size - 1)


def _cubic(distance: Tensor) -> Tensor:
    """What an element at this distance counts: pieces within 1, and within 2."""
    t, a = distance.abs(), _SHARPNESS
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return near.where(t <= 1, far)
