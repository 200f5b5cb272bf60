"""Windows of signals: Bartlett's, Blackman's, Hamming's, Hann's and Kaiser's."""

from __future__ import annotations

from math import pi
from typing import Any

from steep._core import Tensor, arange, dtype, get_default_dtype

__all__ = [
    "bartlett_window",
    "blackman_window",
    "hamming_window",
    "hann_window",
    "kaiser_window",
]


def _places(op: str, length: int, periodic: bool, kind: dtype | None) -> tuple[Tensor, dtype]:
    """From 0 to 1 (in float64), with 1 itself left out of a periodic window; and the dtype."""
    out = get_default_dtype() if kind is None else kind
    if not out.is_floating_point:
        raise RuntimeError(f"{op}: expected a floating dtype, got {out}")
    if length < 0:
        raise RuntimeError(f"{op}: expected a length of at least 0, got {length}")
    steps = max(length if periodic else length - 1, 1)
    import steep

    return arange(length, dtype=steep.float64) / steps, out


def _cosines(op: str, length: int, periodic: bool, kind: Any, *weights: float) -> Tensor:
    """sum over k of (-1)^k weights[k] cos(2 pi k place); a window of one element is 1."""
    places, out = _places(op, length, periodic, kind)
    window = places * 0 + weights[0]
    for k, weight in enumerate(weights[1:], 1):
        window = window + (-1) ** k * weight * (2 * pi * k * places).cos()
    return (window * 0 + 1 if length == 1 else window).to(out)


def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Hann's window: (1 - cos(2 pi n / N)) / 2.

    Args:
        window_length: how many elements.
        periodic: N is the length, as for spectra; otherwise one less, and the window symmetric.
            Default: ``True``.
        dtype: of the result. Default: the default dtype.
        device: None or ``'cpu'``.
        requires_grad: whether the result records its gradient. Default: ``False``.

    Raises:
        RuntimeError: For a negative length, and a dtype that is not floating.

    Example:
        >>> import steep
        >>> steep.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    out = _cosines("hann_window", window_length, periodic, dtype, 0.5, 0.5)
    return out.to(device=device).requires_grad_(requires_grad)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Hamming's window: alpha - beta cos(2 pi n / N).

    Args:
        window_length: how many elements.
        periodic: as for `hann_window`.
        alpha: the constant. Default: 0.54.
        beta: of the cosine. Default: 0.46.
        dtype: of the result. Default: the default dtype.
        device: None or ``'cpu'``.
        requires_grad: whether the result records its gradient. Default: ``False``.

    Raises:
        RuntimeError: As `hann_window`.

    Example:
        >>> import steep
        >>> steep.hamming_window(4)
        tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    out = _cosines("hamming_window", window_length, periodic, dtype, alpha, beta)
    return out.to(device=device).requires_grad_(requires_grad)


def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Blackman's window: 0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N).

    Args:
        window_length: how many elements.
        periodic: as for `hann_window`.
        dtype: of the result. Default: the default dtype.
        device: None or ``'cpu'``.
        requires_grad: whether the result records its gradient. Default: ``False``.

    Raises:
        RuntimeError: As `hann_window`.

    Example:
        >>> import steep
        >>> steep.blackman_window(4)[1:]
        tensor([0.3400, 1.0000, 0.3400])
    """
    out = _cosines("blackman_window", window_length, periodic, dtype, 0.42, 0.5, 0.08)
    return out.to(device=device).requires_grad_(requires_grad)


def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Bartlett's window, a triangle: 1 - |2 n / N - 1|.

    Args:
        window_length: how many elements.
        periodic: as for `hann_window`.
        dtype: of the result. Default: the default dtype.
        device: None or ``'cpu'``.
        requires_grad: whether the result records its gradient. Default: ``False``.

    Raises:
        RuntimeError: As `hann_window`.

    Example:
        >>> import steep
        >>> steep.bartlett_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    places, kind = _places("bartlett_window", window_length, periodic, dtype)
    window = 1 - (2 * places - 1).abs()
    out = (window * 0 + 1 if window_length == 1 else window).to(kind)
    return out.to(device=device).requires_grad_(requires_grad)


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser's window: I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta), with Bessel's function I0.

    Args:
        window_length: how many elements.
        periodic: as for `hann_window`.
        beta: how steep it falls. Default: 12.
        dtype: of the result. Default: the default dtype.
        device: None or ``'cpu'``.
        requires_grad: whether the result records its gradient. Default: ``False``.

    Raises:
        RuntimeError: As `hann_window`.

    Example:
        >>> import steep
        >>> steep.kaiser_window(4, beta=2.0)
        tensor([0.4387, 0.8348, 1.0000, 0.8348])
    """
    import numpy as np

    from steep._core import from_numpy

    places, kind = _places("kaiser_window", window_length, periodic, dtype)
    inside = 1 - np.square(2 * places.numpy() - 1) if window_length != 1 else np.ones(1)
    window = np.i0(beta * np.sqrt(np.maximum(inside, 0))) / np.i0(np.float64(beta))
    return from_numpy(window).to(kind).to(device=device).requires_grad_(requires_grad)
