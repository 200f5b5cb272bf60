"""Numbers that a recorded function has read out of tensors, with `Tensor.item`.

While it runs they are instances of `NumberRead`, whose every use tells the recording that a value
was read: what follows may depend on it. One that was not used can be part of the result, and a
replay reads it anew. When the recording ends they become plain floats (bindings/numbers_read.h).
"""

from __future__ import annotations

import collections
import sys
import types
from dataclasses import dataclass
from typing import Any

from steep._core import NumberRead, Recorder, Tensor, note_host_read

__all__ = ["NumberRead", "ReadNumber", "may_use_a_number", "numbers_of"]


@dataclass
class ReadNumber:
    """A number that was not used.

    Attributes:
        number: itself, a plain float by now.
        source: the tensor it was read from.
        places: how often it is part of the result.
    """

    number: float
    source: Tensor
    places: int = 0

    def is_kept(self) -> bool:
        """Whether anything else than the result holds it, where a replay would not renew it."""
        return sys.getrefcount(self.number) > self.places + 2  # this object, and the call


def numbers_of(recorder: Recorder) -> dict[int, ReadNumber]:
    """The numbers of a recording that has ended, by id.

    Of memory that was written later on a replay would read something else.
    """
    return {
        id(number): ReadNumber(number, source)
        for number, source, version in recorder.take_numbers()
        if source._version == version
    }


def _array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    plain = [float(x) if isinstance(x, NumberRead) else x for x in inputs]
    return getattr(ufunc, method)(*plain, **options)


def _array(self: Any, *args: Any, **options: Any) -> Any:
    import numpy as np

    return np.array(float(self), *args, **options)


def _reduce(self: Any, protocol: Any) -> Any:
    return (float, (float(self),))


def _noted(name: str) -> Any:
    """A member of float's, noted when it is asked for."""
    plain = getattr(float, name)

    def use(self: Any, *others: Any) -> Any:
        note_host_read("item")
        return plain(self, *others) if callable(plain) else plain.__get__(self)

    return use if callable(plain) else property(use)


_METHODS = (types.WrapperDescriptorType, types.MethodDescriptorType, types.GetSetDescriptorType)
for _name, _member in vars(float).items():
    if isinstance(_member, _METHODS) and _name != "__getattribute__":
        setattr(NumberRead, _name, _noted(_name))
for _name, _member in (
    ("__array_ufunc__", _array_ufunc),
    ("__array__", _array),
    ("__reduce_ex__", _reduce),
):
    setattr(NumberRead, _name, _member)

_CONTAINERS = (list, dict, set, frozenset, tuple, str, bytes, collections.deque)


def may_use_a_number(function: Any) -> bool:
    """Whether a function of C might read the value of a number it is given past its methods.

    Python's own builtins go by the methods, containers keep what they are given, and steep's
    functions tell of it themselves.
    """
    if isinstance(function.__self__, _CONTAINERS):
        return False
    module = function.__module__ or type(function.__self__).__module__
    return module != "builtins" and module.partition(".")[0] != "steep"
