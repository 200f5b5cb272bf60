"""What a call may do: give a result, or raise a documented exception that says something."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

import steep
from fuzzing.hostile import SpiteError

DOCUMENTED = (
    TypeError,
    ValueError,
    IndexError,
    RuntimeError,
    MemoryError,
    AttributeError,
    OverflowError,
)
ALLOWED = (*DOCUMENTED, SpiteError)
# What the C++ library, CPython and pybind11 say when nobody has looked at the argument.
UNCLEAR = re.compile(
    r"^\s*$|std::|vector::|basic_string|_M_|map::at|bad[_ ](alloc|any|optional|function)"
    r"|without (exception|setting)|with(out)? an exception set|bad argument to internal"
    r"|int too (big|large)"
)


@dataclass(frozen=True)
class Job:
    """What one seed does: in words, written before it runs, and as a function."""

    text: str
    go: Callable[[], None]


class Finding(Exception):  # noqa: N818 - what a fuzzer looks for
    """Something that must not happen."""


def attempt(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """The result of ``call()``, or how it was refused; anything else is a finding."""
    try:
        return call(), None
    except ALLOWED as refusal:
        message = str(refusal)
        # CPython's own MemoryError says nothing; what a hostile object says is its own affair.
        silent = isinstance(refusal, SpiteError) or (
            isinstance(refusal, MemoryError) and not message
        )
        if UNCLEAR.search(message) and not silent:
            raise Finding(f"unclear message: {type(refusal).__name__}: {message!r}") from refusal
        return None, refusal
    except Finding:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise Finding(f"undocumented exception {kind}: {str(error)[:300]}") from error


def bits(x: Any) -> tuple[str, tuple[int, ...], bytes]:
    """Dtype, shape and bytes; every NaN counts as one."""
    array = x.detach().numpy()
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
    return str(array.dtype), array.shape, array.tobytes()


def small(x: Any) -> bool:
    return bool(x.numel() < 100_000)


class Unchanged:
    """That a refused call left its tensors as they were."""

    def __init__(self, tensors: Iterable[Any]) -> None:
        self.tensors = [x for x in tensors if small(x)]
        self.before = [self.state(x) for x in self.tensors]

    @staticmethod
    def state(x: Any) -> tuple[Any, ...]:
        return (*bits(x), x.requires_grad, x.is_leaf, x._version, x.stride())

    def check(self, refusal: BaseException) -> None:
        names = ("dtype", "shape", "values", "requires_grad", "is_leaf", "_version", "stride")
        for x, before in zip(self.tensors, self.before, strict=True):
            changed = [n for n, a, b in zip(names, before, self.state(x), strict=True) if a != b]
            if changed:
                raise Finding(
                    f"refused ({type(refusal).__name__}: {str(refusal)[:200]}) "
                    f"but changed {', '.join(changed)}"
                )


def tensors_in(value: Any, depth: int = 0) -> list[Any]:
    """The tensors of a result or of arguments."""
    if isinstance(value, steep.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple) and depth < 4:
        return [x for item in value for x in tensors_in(item, depth + 1)]
    return []


def whole(value: Any) -> None:
    """Looks at every part of a result; memory that is not there shows here."""
    for x in tensors_in(value):
        if not small(x) or x.dim() > 30:  # printing one takes a level of recursion a dimension
            continue
        assert x.numel() == int(np.prod(tuple(x.shape), dtype=np.int64))
        repr(x)
        x.detach().numpy().sum()


def describe(value: Any, depth: int = 0) -> str:
    """A short text for a report; hostile objects are not asked anything."""
    if isinstance(value, steep.Tensor):
        dtype = str(value.dtype).removeprefix("steep.")
        wants = ", requires_grad" if value.requires_grad else ""
        return f"Tensor({dtype}, {tuple(value.shape)}, strides {value.stride()}{wants})"
    if isinstance(value, np.ndarray):
        return f"ndarray({value.dtype}, {value.shape}, strides {value.strides})"
    if isinstance(value, list | tuple) and depth < 3:
        items = [describe(item, depth + 1) for item in value[:6]]
        return f"{type(value).__name__}[{', '.join(items)}{', ...' if len(value) > 6 else ''}]"
    if hasattr(value, "act"):
        return f"{type(value).__name__}({value.act}, {value.value})"
    if isinstance(value, memoryview):  # repr gives its address, another one at every run
        return f"memoryview({value.format}, {value.shape})"
    text = repr(value) if not isinstance(value, list | tuple) else "..."
    return text if len(text) < 60 else f"{text[:40]}... ({len(text)} characters)"
