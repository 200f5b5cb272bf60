"""Assertions about tensors, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from steep._core import Tensor, as_tensor

__all__ = ["assert_close"]

# PyTorch's, by the rougher of the two dtypes.
_TOLERANCES = {"float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise unless two tensors, numbers, or containers of them are close.

    Close is ``|actual - expected| <= atol + rtol |expected|``, element by element.

    Args:
        actual: what was found.
        expected: what it should be.
        allow_subclasses: whether tensors may be of other classes. Default: ``True``.
        rtol: by default 1.3e-6 for float32, 1e-7 for float64, 0 for integers; give both or none.
        atol: by default 1e-5 for float32, 1e-7 for float64, 0 for integers.
        equal_nan: whether NaN equals NaN. Default: ``False``.
        check_device, check_layout: PyTorch's arguments, without effect.
        check_dtype: whether dtypes must be the same. Default: ``True``.
        check_stride: whether strides must be the same. Default: ``False``.
        msg: what the error says instead, or a function of what it would say.

    Raises:
        AssertionError: if they differ; it says where, and by how much.
        ValueError: if only one of `rtol` and `atol` is given.
        TypeError: for what cannot become a tensor.

    Example:
        >>> import steep
        >>> steep.testing.assert_close(steep.tensor([1.0, 2.0]), steep.tensor([1.0, 2.0 + 1e-7]))
        >>> steep.testing.assert_close(steep.tensor([1.0]), steep.tensor([1.5]))
        Traceback (most recent call last):
        AssertionError: Tensor-likes are not close! 1 of 1 elements differ...
    """
    if (rtol is None) != (atol is None):
        raise ValueError("assert_close: expected both of rtol and atol, or none of them")
    settings = (rtol, atol, equal_nan, check_dtype, check_stride, allow_subclasses)
    for place, a, b in _pairs(actual, expected, ""):
        found = _difference(a, b, *settings)
        if found:
            text = f"{found} (at {place})" if place else found
            if msg is not None:
                text = msg(text) if callable(msg) else msg
            raise AssertionError(text)


def _pairs(a: Any, b: Any, place: str) -> list[tuple[str, Any, Any]]:
    """Tensors and numbers that stand in the same place."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if set(a) != set(b):
            raise AssertionError(f"assert_close: keys differ: {sorted(map(str, set(a) ^ set(b)))}")
        return [pair for key in a for pair in _pairs(a[key], b[key], f"{place}[{key!r}]")]
    are_lists = all(isinstance(x, Sequence) and not isinstance(x, str) for x in (a, b))
    if are_lists:
        if len(a) != len(b):
            raise AssertionError(f"assert_close: lengths differ: {len(a)} and {len(b)}")
        pairs = zip(a, b, strict=True)
        return [pair for i, (x, y) in enumerate(pairs) for pair in _pairs(x, y, f"{place}[{i}]")]
    return [(place, a, b)]


def _difference(
    actual: Any,
    expected: Any,
    rtol: float | None,
    atol: float | None,
    equal_nan: bool,
    check_dtype: bool,
    check_stride: bool,
    allow_subclasses: bool,
) -> str:
    """What is wrong; nothing if nothing is."""
    if not allow_subclasses and type(actual) is not type(expected):
        return f"The types differ: {type(actual).__name__} and {type(expected).__name__}"
    a, b = (x.detach() if isinstance(x, Tensor) else as_tensor(x) for x in (actual, expected))
    if a.shape != b.shape:
        return f"The values for attribute 'shape' do not match: {a.shape} != {b.shape}."
    if check_dtype and a.dtype != b.dtype:
        return f"The values for attribute 'dtype' do not match: {a.dtype} != {b.dtype}."
    if check_stride and a.stride() != b.stride():
        return f"The values for attribute 'stride()' do not match: {a.stride()} != {b.stride()}."
    limits = [_TOLERANCES.get(str(x.dtype).rpartition(".")[2], (0.0, 0.0)) for x in (a, b)]
    relative = rtol if rtol is not None else max(limit[0] for limit in limits)
    absolute = atol if atol is not None else max(limit[1] for limit in limits)
    x, y = a.double(), b.double()
    apart = (x - y).abs()
    close = (apart <= absolute + relative * y.abs()) | (x == y)
    if equal_nan:
        close = close | ((x != x) & (y != y))
    wrong = int((~close).sum().item())
    if not wrong:
        return ""
    worst = int((apart * (~close)).reshape(-1).argmax().item())
    place: list[int] = []
    for size in reversed(a.shape):
        place.insert(0, worst % size)
        worst //= size
    first = a[tuple(place)].item(), b[tuple(place)].item()
    return (
        f"Tensor-likes are not close! {wrong} of {a.numel()} elements differ; the furthest at "
        f"{tuple(place)}: got {first[0]}, expected {first[1]}; allowed: {absolute} absolute, "
        f"{relative} relative"
    )
