"""Arrays and tensors as users give them: checked, and made tensors of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from steep._core import Tensor, as_tensor, dtype, float32, float64, int32, int64, isfinite, uint8
from steep.nn.module import Module

__all__ = [
    "Structure",
    "apart",
    "check_finite",
    "dtype_of",
    "length_of",
    "mapped",
    "narrowed",
    "tensors_in",
    "to_tensors",
]

Structure = Any  # a tensor, or a tuple or dict of tensors


def mapped(function: Callable[[Tensor], Any], x: Structure) -> Structure:
    """`function` of each tensor in a tensor, tuple, list or dict."""
    if isinstance(x, Tensor):
        return function(x)
    if isinstance(x, Mapping):
        return {name: mapped(function, value) for name, value in x.items()}
    return tuple(mapped(function, value) for value in x)


def tensors_in(x: Structure) -> list[Tensor]:
    """The tensors in a tensor, tuple, list or dict, in order."""
    found: list[Tensor] = []
    mapped(found.append, x)
    return found


def length_of(x: Structure) -> int:
    """How many samples a batch has."""
    return int(tensors_in(x)[0].shape[0])


def apart(parts: tuple[Any, ...], *, with_views: bool = True) -> Any:
    """Tensors of which no two lie in the same memory, as columns of one NumPy array would.

    A step of two tensors that borrowed the same memory could not be replayed. What comes later,
    the targets as a rule, is copied; where it is the very same, it is the earlier tensor. Views of
    one tensor of steep's can be replayed, and stay so unless they are meant `with_views`.
    """
    there: list[tuple[Tensor, int, int]] = []

    def own(t: Tensor) -> Tensor:
        if t.requires_grad or not t.numel():
            return t
        spans = zip(t.shape, t.stride(), strict=True)
        start = t.data_ptr()
        end = start + t.element_size() * (1 + sum((size - 1) * by for size, by in spans))
        layout = t.dtype, t.shape, t.stride()
        for other, first, last in there:
            if start == first and layout == (other.dtype, other.shape, other.stride()):
                return other
            if start < last and first < end and (with_views or _root(t) is not _root(other)):
                return t.clone()
        there.append((t, start, end))
        return t

    return tuple(None if part is None else mapped(own, part) for part in parts)


def _root(t: Tensor) -> Tensor:
    """The tensor that a view is one of."""
    return t if t._base is None else t._base


def narrowed(x: Structure, start: int, count: int) -> Structure:
    """Views of some samples in a row."""

    def view(t: Tensor) -> Tensor:
        return t.narrow(0, start, count)

    return mapped(view, x)


def dtype_of(model: Module) -> dtype:
    """The dtype of the model's floating parameters; float32 if there are none."""
    for p in model.parameters():
        if p.is_floating_point():
            return p.dtype
    return float32


def to_tensors(who: str, what: str, x: Any, floating: dtype) -> Structure:
    """Tensors of the arrays in `x`, which may be a tuple or dict of several.

    What is no tensor yet takes the model's dtype if it is of floating numbers, and int64 if it is
    of integers: NumPy's own default, float64, is not what a network of float32 can take.

    Raises:
        TypeError: if something in it is no array of numbers.
        ValueError: if it has no axis of samples.
    """
    if isinstance(x, Mapping):
        return {name: to_tensors(who, f"{what}[{name!r}]", v, floating) for name, v in x.items()}
    if isinstance(x, tuple):
        return tuple(to_tensors(who, f"{what}[{i}]", v, floating) for i, v in enumerate(x))
    made = x.detach() if isinstance(x, Tensor) else _converted(who, what, x, floating)
    if made.dim() == 0:
        raise ValueError(f"{who}: expected {what} to have an axis of samples, got a single number")
    return made


def _converted(who: str, what: str, x: Any, floating: dtype) -> Tensor:
    try:
        if hasattr(x, "to_numpy"):  # columns and tables of pandas and polars
            x = x.to_numpy()
        made = as_tensor(x)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{who}: expected {what} to be a tensor or an array of numbers, got "
            f"{type(x).__name__}: {error}"
        ) from error
    if made.dtype in (float32, float64):
        return made.to(floating)
    return made.to(int64) if made.dtype in (int32, uint8) and what.startswith("y") else made


def check_finite(who: str, what: str, x: Structure) -> None:
    """Refuse NaN and infinities.

    Raises:
        ValueError: if there is one.
    """
    for t in tensors_in(x):
        if t.is_floating_point() and not bool(isfinite(t).all()):
            raise ValueError(
                f"{who}: expected finite numbers in {what}, got NaN or infinity; fill what is "
                "missing, or leave these samples out"
            )
