"""How tensors print: PyTorch's layout, rounding and abbreviation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from steep._core import Tensor, get_default_dtype, int64
from steep._core import bool as bool_

__all__ = ["set_printoptions", "tensor_repr"]

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print; what is left out stays as it is (`sci_mode` goes back to automatic).

    Args:
        precision: digits after the point. At the start: 4.
        threshold: number of elements above which the middle is left out. At the start: 1000.
        edgeitems: items kept at each end of a dimension then. At the start: 3.
        linewidth: characters in a line. At the start: 80.
        profile: ``'default'``, ``'short'`` or ``'full'``: all of these at once.
        sci_mode: whether to use scientific notation; ``None`` decides by the values.

    Raises:
        ValueError: if `profile` is another name.

    Example:
        >>> import steep
        >>> steep.set_printoptions(precision=2)
        >>> steep.tensor([1.23456])
        tensor([1.23])
        >>> steep.set_printoptions(profile="default")
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(
                f"set_printoptions: expected profile 'default', 'short' or 'full', got {profile!r}"
            )
        for name, value in _PROFILES[profile].items():
            setattr(_options, name, value)
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    for name, number in given.items():
        if number is not None:
            setattr(_options, name, number)
    _options.sci_mode = sci_mode


def _flat(values: Any) -> Iterator[Any]:
    if isinstance(values, list):
        for value in values:
            yield from _flat(value)
    elif values is not ...:
        yield values


class _Format:
    """One width and one notation for all numbers of a tensor."""

    def __init__(self, values: list[Any], floating: bool) -> None:
        self.floating = floating
        self.whole = True
        self.scientific = False
        self.width = 1
        if floating:
            self._measure([value for value in values if value != 0 and math.isfinite(value)])
        else:
            self.width = max([1, *(len(str(value)) for value in values)])

    def _measure(self, values: list[float]) -> None:
        """Choose by the finite values other than zero; none of them leaves '0.' and its like."""
        if values:
            sizes = [abs(value) for value in values]
            self.whole = all(value == math.floor(value) for value in values)
            self.scientific = (
                max(sizes) / min(sizes) > 1000
                or max(sizes) > 1e8
                or (not self.whole and min(sizes) < 1e-4)
                if _options.sci_mode is None
                else _options.sci_mode
            )
            self.width = max([1, *(len(self._text(value)) for value in values)])

    def _text(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{_options.precision}f}"

    def __call__(self, value: Any) -> str:
        return (self._text(value) if self.floating else str(value)).rjust(self.width)


def _values(x: Tensor, abbreviate: bool) -> Any:
    """Nested lists of the elements that are shown, with ``...`` for what is left out."""
    edge = _options.edgeitems
    if not abbreviate or x.dim() == 0 or (x.dim() == 1 and x.size(0) <= 2 * edge):
        return x.tolist()
    if x.dim() == 1:
        return [*x[:edge].tolist(), ..., *(x[-edge:].tolist() if edge else [])]
    if x.size(0) <= 2 * edge:
        return [_values(row, True) for row in x]
    first = [_values(x[i], True) for i in range(edge)]
    last = [_values(x[i], True) for i in range(x.size(0) - edge, x.size(0))]
    return [*first, ..., *last]


def _layout(values: Any, indent: int, dims: int, form: _Format) -> str:
    if dims == 0:
        return form(values)
    if dims == 1:
        items = [" ..." if value is ... else form(value) for value in values]
        per_line = max(1, (_options.linewidth - indent) // (form.width + 2))
        lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    rows = ["..." if row is ... else _layout(row, indent + 1, dims - 1, form) for row in values]
    return "[" + ("," + "\n" * (dims - 1) + " " * (indent + 1)).join(rows) + "]"


def _notes(x: Tensor) -> list[str]:
    """What stands behind the values: size, dtype and place in the graph, where worth a word."""
    notes = []
    if x.numel() == 0:
        if x.dim() != 1:
            notes.append(f"size={tuple(x.shape)}")
        if x.dtype != get_default_dtype():
            notes.append(f"dtype={x.dtype}")
    elif x.dtype not in (get_default_dtype(), int64, bool_):
        notes.append(f"dtype={x.dtype}")
    if x.grad_fn is not None:
        notes.append(f"grad_fn=<{x.grad_fn.name()}>")
    elif x.requires_grad:
        notes.append("requires_grad=True")
    return notes


def tensor_repr(x: Tensor) -> str:
    """The text of ``repr(x)``."""
    prefix = "tensor("
    if x.numel() == 0:
        text = prefix + "[]"
    else:
        values = _values(x.detach(), x.numel() > _options.threshold)
        form = _Format(list(_flat(values)), x.is_floating_point())
        text = prefix + _layout(values, len(prefix), x.dim(), form)
    column = len(text) - text.rfind("\n") + 1
    for note in _notes(x):
        if column + len(note) + 2 > _options.linewidth:
            text += ",\n" + " " * len(prefix) + note
            column = len(prefix) + len(note)
        else:
            text += ", " + note
            column += len(note) + 2
    return text + ")"


def named_result(name: str, result: Any) -> str:
    """As PyTorch prints several results of one operation: a line for each at least."""
    fields = ",\n".join(
        f"{field}={part!r}" for field, part in zip(result._fields, result, strict=True)
    )
    return f"steep.return_types.{name}(\n{fields})"
