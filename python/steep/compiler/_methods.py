"""Compiled functions as methods of instances."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["BoundFunction", "bind"]

_METHODS = "_compiled_methods"  # in an instance's __dict__


class Compiled(Protocol):
    """What this module needs of a compiled function."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    def programs(self) -> list[Any]: ...

    def explain(self) -> str: ...


class _Methods:
    """The compiled methods of one instance. Copies of the instance have none of them."""

    def __init__(self, owner: Any = None) -> None:
        self.owner: Callable[[], Any] = (lambda: None) if owner is None else weakref.ref(owner)
        self.compiled: dict[Compiled, Compiled] = {}

    def __reduce__(self) -> Any:
        return (_Methods, ())


class BoundFunction:
    """A compiled method of one instance, which it keeps alive.

    Attributes that it lacks, such as `__name__`, are the compiled function's.
    """

    __slots__ = ("__self__", "_compiled")

    def __init__(self, instance: Any, compiled: Compiled) -> None:
        self.__self__ = instance
        self._compiled = compiled

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._compiled(*args, **kwargs)

    def programs(self) -> list[Any]:
        """See `CompiledFunction.programs`."""
        return self._compiled.programs()

    def explain(self) -> str:
        """See `CompiledFunction.explain`."""
        return self._compiled.explain()

    def __getattr__(self, name: str) -> Any:
        if name in BoundFunction.__slots__:  # not there yet
            raise AttributeError(name)
        return getattr(self._compiled, name)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, BoundFunction) and self._compiled is other._compiled

    def __hash__(self) -> int:
        return hash(self._compiled)

    def __reduce__(self) -> Any:
        return (getattr, (self.__self__, self.__name__))

    def __repr__(self) -> str:
        return f"<compiled method {self.__qualname__} of {self.__self__!r}>"


def bind(
    function: Callable[..., Any],
    compiled: Compiled,
    instance: Any,
    anew: Callable[[Callable[..., Any]], Compiled],
) -> BoundFunction | None:
    """`compiled`, which is of `function`, as a method of `instance`; `anew` compiles another.

    The instance itself keeps it, so that both are freed together: programs hold what they have
    read. None for an instance without a __dict__ or without weak references.
    """
    values = getattr(instance, "__dict__", None)
    if values is None:
        return None
    methods = values.get(_METHODS)
    if type(methods) is not _Methods or methods.owner() is not instance:
        try:
            methods = values[_METHODS] = _Methods(instance)
        except TypeError:
            return None
    bound = methods.compiled.get(compiled)
    if bound is None:
        bound = methods.compiled[compiled] = anew(_weak_method(function, methods.owner))
    return BoundFunction(instance, bound)


def _weak_method(function: Callable[..., Any], alive: Callable[[], Any]) -> Callable[..., Any]:
    """The function bound to its first argument, to which it refers weakly."""

    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        return function(alive(), *args, **kwargs)

    method._instance = alive  # type: ignore[attr-defined]  # for whoever looks for its attributes
    return method
