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

_ALIASES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x1": "input", "x2": "other"}
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


Row = dict[str, Any]  # a parameter, as the registry describes it


@cache
def _signatures() -> dict[str, list[tuple[int, list[Row]]]]:
    rows: dict[str, list[tuple[int, list[Row]]]] = {}
    for row in _core.registry():
        rows.setdefault(row["name"], []).append((row["where"], row["parameters"]))
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
    "bool": lambda x: isinstance(x, (bool, int)),
    "Dims": _are_ints,
    "str": lambda x: isinstance(x, str),
    "None": lambda x: x is None,
    "Sequence[Tensor]": lambda x: isinstance(x, (list, tuple)),
}


def _fits(annotation: str, x: Any) -> bool:
    kinds = annotation.split(" | ")
    return any(kind not in _TESTS or _TESTS[kind](x) for kind in kinds)


def _placed(
    parameters: list[Row], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any] | None:
    """The arguments by name, or None if this signature does not take them."""
    found: dict[str, Any] = {}
    kinds = {row["name"]: row["annotation"] for row in parameters}
    positional = [row for row in parameters if row["kind"] != "keyword"]
    for place, x in enumerate(args):
        row = positional[place] if place < len(positional) else None
        if row is not None and row["kind"] == "variadic":
            rest = args[place:]
            single = len(rest) == 1 and isinstance(rest[0], (list, tuple))
            found[row["name"]] = tuple(rest[0] if single else rest)
            break
        if row is None or not _fits(row["annotation"], x):
            return None
        found[row["name"]] = x
    variadic = {row["name"] for row in parameters if row["kind"] == "variadic"}
    for name, x in kwargs.items():
        own = name if name in kinds else _ALIASES.get(name, name)
        if own in variadic and own not in found and isinstance(x, (list, tuple)):
            found[own] = tuple(x)
            continue
        if own in found or own not in kinds or not _fits(kinds[own], x):
            return None
        found[own] = x
    missing = any(
        row["default"] is None and row["kind"] != "variadic" and row["name"] not in found
        for row in parameters
    )
    return None if missing else found


def bind(
    name: str, is_method: bool, args: tuple[Any, ...], kwargs: dict[str, Any], level: Level
) -> Call | None:
    """The call, by the first signature that takes its arguments; None if none does."""
    for where, parameters in _signatures().get(name, ()):
        if where & (_METHOD if is_method else ~_METHOD):
            found = _placed(parameters, args, kwargs)
            if found is not None:
                return Call(name, function_of(name, is_method), found, level)
    return None
