"""Describes values and calls in a few words, for messages."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor
from steep.compiler._imported import is_ndarray
from steep.compiler._objects import is_a

__all__ = ["one_of", "shown", "text_of_call"]

_LONGEST = 60  # characters of one argument


def text_of_call(args: tuple[Any, ...], kwargs: dict[str, Any], is_open: bool) -> str:
    """The arguments as kinds of call distinguish them: shapes and dtypes of tensors, values of the
    rest.

    `is_open`: whether values of numbers are left open.
    """
    parts = [shown(value, is_open=is_open) for value in args]
    named = (f"{name}={_cut(shown(value, is_open=is_open))}" for name, value in kwargs.items())
    return f"({', '.join([*map(_cut, parts), *named])})"


def shown(value: Any, depth: int = 2, is_open: bool = False) -> str:
    """A value in a few words, found without running the user's code."""
    kind = type(value)
    if is_a(value, Tensor):
        return f"{str(value.dtype).removeprefix('steep.')}{list(value.shape)}"
    if is_open and kind in (int, float):
        return f"any {kind.__name__}"
    if kind is int and value.bit_length() > 200:  # Python may refuse to print its digits
        return f"<int of {value.bit_length()} bits>"
    if value is None or kind in (bool, int, float, complex, str, bytes):
        return repr(value)
    if kind is slice:
        return f"slice({', '.join(shown(x, 0) for x in (value.start, value.stop, value.step))})"
    if kind in (list, tuple) and depth:
        inside = ", ".join(shown(item, depth - 1, is_open) for item in value[:4])
        more = ", ..." if len(value) > 4 else ""
        return f"[{inside}{more}]" if kind is list else f"({inside}{more})"
    if kind is dict and depth:
        pairs = [f"{shown(k, 0)}: {shown(v, depth - 1, is_open)}" for k, v in value.items()]
        return "{" + ", ".join(pairs[:4]) + (", ...}" if len(pairs) > 4 else "}")
    if is_ndarray(value):
        return f"array of {value.dtype}{list(value.shape)}"
    return f"<{kind.__name__}>"


def one_of(name: str) -> str:
    """A class's name with an indefinite article."""
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
