"""Nested objects as JSON, beside the tensors that they hold: how `steep.save` keeps what nests.

A tensor is described by ``{"tensor": key}``, a tuple by ``{"tuple": [...]}``, a deque by
``{"deque": [maxlen, [...]]}``, a dict by ``{"dict": [[key, value], ...]}`` (JSON's own objects
would turn integer keys into strings), a dtype by ``{"dtype": name}``, the device by ``{"device":
"cpu"}``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from steep._core import Tensor, device, dtype, float32, float64, int32, int64, uint8
from steep._core import bool as bool_

__all__ = ["describe", "restore"]

_DTYPES = (bool_, uint8, int32, float32, int64, float64)


def describe(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """What JSON can hold of a value; its tensors are put into `tensors`.

    Args:
        value: what is to be saved.
        path: where it stands in the whole, for names and messages; ``''`` is the whole.
        tensors: by the keys under which they are saved; those of `value` are added.

    Raises:
        TypeError: for what cannot be saved.

    Example:
        >>> describe({"rate": 0.5, ("a", 1): [True]}, "", {})
        {'dict': [['rate', 0.5], [{'tuple': ['a', 1]}, [True]]]}
    """
    if isinstance(value, Tensor):
        key = path or "tensor"
        while key in tensors or key == "__metadata__":
            key += "_"
        tensors[key] = value
        return {"tensor": key}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        pairs = []
        for key, entry in value.items():
            at = f"{path}.{key}" if path else str(key)
            pairs.append([_describe_key(key, path), describe(entry, at, tensors)])
        return {"dict": pairs}
    if isinstance(value, (list, tuple, deque)):
        entries = [describe(v, f"{path}.{i}", tensors) for i, v in enumerate(value)]
        if isinstance(value, deque):
            return {"deque": [value.maxlen, entries]}
        return {"tuple": entries} if isinstance(value, tuple) else entries
    if isinstance(value, dtype | device):
        return {type(value).__name__: str(value).rpartition(".")[2]}
    raise TypeError(
        "save: expected tensors, None, bools, ints, floats, strings, dtypes, and dicts, lists, "
        f"tuples and deques of those; got {type(value).__name__} at {path!r}"
    )


def _describe_key(key: Any, path: str) -> Any:
    if key is None or type(key) in (bool, int, float, str):
        return key
    if isinstance(key, tuple):
        return {"tuple": [_describe_key(part, path) for part in key]}
    raise TypeError(
        "save: expected keys that are strings, numbers or tuples of those, got "
        f"{type(key).__name__} at {path or 'the top'!r}"
    )


def restore(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The value of a description.

    Raises:
        ValueError, KeyError, TypeError: for what `describe` does not write.

    Example:
        >>> restore({"dict": [["rate", 0.5], [{"tuple": ["a", 1]}, [True]]]}, {})
        {'rate': 0.5, ('a', 1): [True]}
    """
    if isinstance(value, list):
        return [restore(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "tuple":
        return tuple(restore(v, tensors) for v in content)
    if kind == "deque":
        most, entries = content
        return deque((restore(v, tensors) for v in entries), most)
    if kind == "dtype":
        return {str(found): found for found in _DTYPES}[f"steep.{content}"]
    if kind == "device":
        return device("cpu")
    if kind == "dict":
        pairs = {restore(k, tensors): restore(v, tensors) for k, v in content}
        if len(pairs) != len(content):
            raise ValueError("a key occurs twice")
        return pairs
    raise ValueError(f"unknown kind {kind!r}")
