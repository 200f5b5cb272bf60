"""Values as plain tuples, so that two runs can be compared bit for bit."""

from __future__ import annotations

import array
import collections
import functools
import random
import re
import struct
import types
from typing import Any

import numpy as np

import steep
from steep.compiler import CompiledFunction
from steep.compiler._methods import BoundFunction
from steep.compiler.module import CompiledModule

__all__ = ["MODULE", "describe", "difference"]

MODULE = "fuzz_program"  # whose classes and functions are looked into
_PLAIN = {bool, int, str, bytes, complex, type(None), steep.dtype}
_COMPILED = {CompiledFunction, BoundFunction, CompiledModule}
_SKIPPED = {"_hooks", "_compiled_methods", "__weakref__", "__dict__", "__doc__", "__module__"}
_SKIPPED |= {"_compiled", "__slots__", "__match_args__", "__annotations__", "__wrapped__"}
_SKIPPED |= {"version", "_steps_version", "_owner"}
_ADDRESS = re.compile(r"0x[0-9a-f]+")


def describe(value: Any) -> Any:
    """A value's kind, bits and parts; objects met again are told by the number they got."""
    return _Describer().of(value)


def _bits(x: np.ndarray[Any, Any]) -> bytes:
    if x.dtype.kind == "f" and np.isnan(x).any():  # whose sign depends on the operands' order
        x = np.where(np.isnan(x), np.array(np.nan, x.dtype), x)
    return x.tobytes()


class _Describer:
    """One look at everything."""

    def __init__(self) -> None:
        self.met: dict[int, int] = {}
        self.held: list[Any] = []  # so that no address is used twice

    def of(self, value: Any) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return (kind.__name__, value)
        if kind is float:
            return ("float", struct.pack("d", value) if value == value else "nan")
        number = self.met.get(id(value))
        if number is not None:
            return ("met", number)
        if kind in _COMPILED:
            return self.of(_original(value))
        if len(self.held) > 20000:
            raise RuntimeError("describe: there is no end to it")
        # Of constants there is one, or one each time; bound methods count by what they are.
        if kind not in (tuple, types.MethodType):
            self.met[id(value)] = len(self.met)
        self.held.append(value)
        return (kind.__name__, *_way_of(kind)(self, value))

    def tensor(self, x: Any) -> tuple[Any, ...]:
        leaf = x.is_leaf
        own = getattr(x, "__dict__", None) or {}
        return (
            ("dtype", str(x.dtype)),
            ("shape", tuple(x.shape)),
            ("stride", x.stride() if x.numel() else ()),
            ("requires_grad", x.requires_grad, leaf),
            ("values", _bits((x.detach() if x.requires_grad else x).numpy())),
            ("grad", self.of(x.grad) if leaf else None),
            ("attributes", self.pairs(own) if own else ()),
        )

    def pairs(self, values: Any) -> tuple[Any, ...]:
        return tuple(
            (k if type(k) is str else self.of(k), self.of(v))
            for k, v in list(values.items())
            if not (type(k) is str and k in _SKIPPED)
        )

    def mapping(self, value: Any) -> tuple[Any, ...]:
        return self.pairs(value)

    def function(self, value: types.FunctionType) -> tuple[Any, ...]:
        cells = []
        for cell in value.__closure__ or ():
            try:
                cells.append(self.of(cell.cell_contents))
            except ValueError:
                cells.append(None)
        if value.__module__ != MODULE:
            return (value.__qualname__,)
        defaults = self.of(value.__defaults__), self.of(value.__kwdefaults__)
        return (value.__qualname__, defaults, tuple(cells), self.pairs(value.__dict__))

    def a_class(self, value: type) -> tuple[Any, ...]:
        if value.__module__ != MODULE:
            return (value.__qualname__,)
        own = {k: v for k, v in vars(value).items() if not k.startswith("__")}
        return (value.__qualname__, [b.__name__ for b in value.__bases__], self.pairs(own))

    def optimizer(self, value: Any) -> tuple[Any, ...]:
        try:
            state = value.state_dict()
        except Exception as error:
            return ("error", type(error).__name__)  # it may name a tensor by its address
        groups = [group["params"] for group in value.param_groups]
        return (self.of(state), self.of(groups))

    def instance(self, value: Any) -> tuple[Any, ...]:
        found = []
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict):
            found.append(self.pairs(own))
        for cls in type(value).__mro__:
            for name in vars(cls).get("__slots__", ()):
                member = vars(cls).get(name)
                if name not in _SKIPPED and isinstance(member, types.MemberDescriptorType):
                    try:
                        found.append((name, self.of(member.__get__(value, type(value)))))
                    except AttributeError:
                        found.append((name, None))
        if type(value).__module__ == MODULE:
            found.append(self.of(type(value)))
        if isinstance(value, dict):
            found.append(
                tuple(
                    (k if type(k) is str else self.of(k), self.of(v))
                    for k, v in list(dict.items(value))
                )
            )
        return tuple(found)


_Way = Any
_WAYS: tuple[tuple[Any, _Way], ...] = (
    (steep.Tensor, _Describer.tensor),
    (float, lambda d, v: (float(v),)),
    ((np.ndarray, np.generic), lambda d, v: (v.dtype.str, v.shape, _bits(np.asarray(v)))),
    ((bytearray, memoryview), lambda d, v: (bytes(v),)),
    (array.array, lambda d, v: (v.tobytes(),)),
    (steep.optim.Optimizer, _Describer.optimizer),
    (steep.Generator, lambda d, v: (d.of(v.get_state()),)),
    (random.Random, lambda d, v: (hash(v.getstate()),)),
    ((types.FunctionType,), _Describer.function),
    (types.MethodType, lambda d, v: (d.of(v.__self__), d.of(v.__func__))),
    (functools.partial, lambda d, v: (d.of(v.func), d.of(v.args), d.of(v.keywords))),
    ((staticmethod, classmethod), lambda d, v: (d.of(v.__func__),)),
    (property, lambda d, v: (d.of(v.fget),)),
    ((set, frozenset), lambda d, v: tuple(sorted(map(repr, v)))),
    ((tuple, list, collections.deque), lambda d, v: tuple(d.of(item) for item in list(v))),
    ((types.MappingProxyType, collections.ChainMap), _Describer.mapping),
    (types.ModuleType, lambda d, v: d.pairs({
        k: x for k, x in vars(v).items() if not k.startswith("__")})),
    (type, _Describer.a_class),
)  # fmt: skip


@functools.lru_cache(maxsize=256)
def _slots_of(kind: type) -> list[types.MemberDescriptorType]:
    return [
        member
        for cls in kind.__mro__
        for name, member in vars(cls).items()
        if isinstance(member, types.MemberDescriptorType) and name not in _SKIPPED
    ]


@functools.lru_cache(maxsize=256)
def _way_of(kind: type) -> _Way:
    if kind.__name__ == "RemovableHandle":  # numbered in the order in which they are made
        return lambda describer, value: ()
    return next((way for kinds, way in _WAYS if issubclass(kind, kinds)), _Describer.instance)


def _original(value: Any) -> Any:
    """What is compiled counts as what it was made of."""
    if isinstance(value, CompiledFunction):
        return value._function
    if isinstance(value, BoundFunction):
        return value._compiled._function
    return value._orig_mod if isinstance(value, CompiledModule) else value


def difference(expected: Any, got: Any, path: str = "") -> str:
    """Where two descriptions differ first."""
    both = isinstance(expected, tuple | list) and isinstance(got, tuple | list)
    if not both or len(expected) != len(got):
        return f"{path}: {_short(expected)}, compiled {_short(got)}"
    for i, (mine, others) in enumerate(zip(expected, got, strict=True)):
        if mine != others:
            name = expected[0] if i == 1 and isinstance(expected[0], str) else str(i)
            return difference(mine, others, f"{path}.{name}")
    return ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]}..."
