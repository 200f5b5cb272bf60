"""A call of an operation: its arguments by name, and the operation to make it with others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from steep import _core
from steep._core import Tensor
from steep.func._batched import Batched
from steep.func._levels import Level

__all__ = ["Call", "NoRuleError", "bind", "deepest", "function_of", "is_at", "tensors_in"]

_ALIASES = {
    "axis": "dim",
    "keepdims": "keepdim",
    "x": "input",
    "x1": "input",
    "x2": "other",
    "split_size": "split_size_or_sections",
    "sections": "indices_or_sections",
    "indices": "indices_or_sections",
}
_METHOD = 2  # where an entry is, as the registry says


class NoRuleError(Exception):
    """A rule leaves this kind of a call to a loop over the examples."""


def is_at(x: Any, level: Level) -> bool:
    """Whether `x` is batched by this vmap."""
    return type(x) is Batched and x.level is level


def tensors_in(x: Any) -> Iterator[Any]:
    """The tensors of an argument: itself, or those of a list or tuple."""
    if isinstance(x, Tensor):
        yield x
    elif isinstance(x, (list, tuple)):
        for item in x:
            yield from tensors_in(item)


def deepest(*given: Any) -> Level | None:
    """The innermost vmap that anything given is batched by."""
    found: Level | None = None
    for x in given:
        for tensor in tensors_in(x):
            if type(tensor) is Batched and (found is None or tensor.level.depth > found.depth):
                found = tensor.level
    return found


class Call:
    """One call of an operation.

    Attributes:
        name: of the operation.
        function: the operation, of keywords.
        arguments: what was given, by the parameters' names.
        level: the innermost vmap that a tensor among the arguments is batched by.
    """

    __slots__ = ("arguments", "function", "level", "name")

    def __init__(
        self, name: str, function: Callable[..., Any], arguments: dict[str, Any], level: Level
    ) -> None:
        self.name = name
        self.function = function
        self.arguments = arguments
        self.level = level

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.arguments.get(name, default)

    def tensors(self) -> list[tuple[str, Any]]:
        """The arguments that are tensors, by name."""
        return [(name, x) for name, x in self.arguments.items() if isinstance(x, Tensor)]

    def on(self, **changed: Any) -> Any:
        """The operation's result for these arguments and the others that were given."""
        return self.function(**{**self.arguments, **changed})

    def without(self, *names: str) -> Call:
        """The call without some of its arguments."""
        rest = {name: x for name, x in self.arguments.items() if name not in names}
        return Call(self.name, self.function, rest, self.level)

    def wrapped(self, result: Any) -> Any:
        """A result, or several, as batches of this level."""
        if isinstance(result, (tuple, list)):
            return type(result)([self.wrapped(one) for one in result])  # a named pair, too
        return Batched(result, self.level)


def function_of(name: str, is_method: bool) -> Callable[..., Any]:
    """The operation of that name."""
    found: Callable[..., Any] = getattr(Tensor if is_method else _core, name)
    return found


class _Signature:
    """One signature of an operation, made ready for binding.

    Attributes:
        where: where the operation is, as the registry says.
        kinds: the annotation of each parameter.
        positional: the names of those that may be positional, in order.
        variadic: those that take all that is left.
        needed: those without a default.
    """

    __slots__ = ("kinds", "needed", "positional", "variadic", "where")

    def __init__(self, row: dict[str, Any]) -> None:
        own = row["parameters"]
        self.where: int = row["where"]
        self.kinds: dict[str, str] = {one["name"]: one["annotation"] for one in own}
        self.positional = [one["name"] for one in own if one["kind"] != "keyword"]
        self.variadic = {one["name"] for one in own if one["kind"] == "variadic"}
        self.needed = [
            one["name"] for one in own if one["default"] is None and one["kind"] != "variadic"
        ]


@cache
def _signatures() -> dict[str, list[_Signature]]:
    rows: dict[str, list[_Signature]] = {}
    for row in _core.registry():
        rows.setdefault(row["name"], []).append(_Signature(row))
    return rows


def _is_number(x: Any) -> bool:
    return hasattr(x, "__float__") and not isinstance(x, Tensor)


def _are_ints(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return all(hasattr(one, "__index__") for one in x)
    return hasattr(x, "__index__") and not isinstance(x, Tensor)


_TESTS: dict[str, Callable[[Any], bool]] = {
    "Tensor": lambda x: isinstance(x, Tensor),
    "Number": _is_number,
    "float": _is_number,
    "int": lambda x: hasattr(x, "__index__") and not isinstance(x, (Tensor, list, tuple)),
    "bool": lambda x: isinstance(x, bool),
    "Dims": _are_ints,
    "str": lambda x: isinstance(x, str),
    "None": lambda x: x is None,
    "Sequence[Tensor]": lambda x: isinstance(x, (list, tuple)),
}


@cache
def _tests_of(annotation: str) -> list[Callable[[Any], bool]]:
    """What an argument may be, by the parts of an annotation; anything, of parts not known."""
    return [_TESTS.get(kind, lambda _: True) for kind in annotation.split(" | ")]


def _fits(annotation: str, x: Any) -> bool:
    return any(test(x) for test in _tests_of(annotation))


def _placed(
    signature: _Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any] | None:
    """The arguments by name, or None if this signature does not take them."""
    found: dict[str, Any] = {}
    kinds, variadic = signature.kinds, signature.variadic
    if len(args) > len(signature.positional) and not variadic:
        return None
    for place, name in enumerate(signature.positional[: len(args)]):
        if name in variadic:
            rest = args[place:]
            single = len(rest) == 1 and isinstance(rest[0], (list, tuple))
            found[name] = tuple(rest[0] if single else rest)
        elif not _fits(kinds[name], args[place]):
            return None
        else:
            found[name] = args[place]
    for name, x in kwargs.items():
        own = name if name in kinds else _ALIASES.get(name, name)
        if own in found or own not in kinds:
            return None
        if own in variadic and isinstance(x, (list, tuple)):
            found[own] = tuple(x)
        elif _fits(kinds[own], x):
            found[own] = x
        else:
            return None
    return None if any(name not in found for name in signature.needed) else found


def bind(
    name: str, is_method: bool, args: tuple[Any, ...], kwargs: dict[str, Any], level: Level
) -> Call | None:
    """The call, by the first signature that takes its arguments; None if none does."""
    for signature in _signatures().get(name, ()):
        if signature.where & (_METHOD if is_method else ~_METHOD):
            found = _placed(signature, args, kwargs)
            if found is not None:
                return Call(name, function_of(name, is_method), found, level)
    return None
