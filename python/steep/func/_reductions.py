"""Rules of operations along dimensions, which are counted from the batch on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep.func._batched import Batched
from steep.func._calls import Call
from steep.func._pointwise import pointwise, spread

__all__ = ["along", "flat_or_along", "place", "reduced", "smallest_or_largest", "softened"]

Rule = Callable[[Call], Any]


def place(dim: Any, rank: int) -> Any:
    """Where a dimension of an example is in the batch; several, of several."""
    if isinstance(dim, (list, tuple)):
        return tuple(place(one, rank) for one in dim)
    index = dim.__index__()
    most = max(rank, 1)
    if not -most <= index < most:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-most}, {most - 1}], but got "
            f"{index})"
        )
    return index % most + 1


def _value_of(call: Call) -> tuple[str, Any]:
    """The tensor that the dimensions are those of, and its name."""
    return call.tensors()[0]


def _as_rows(call: Call) -> Call:
    """The call with 0-d examples as vectors of one element."""
    changed = {name: x.unsqueeze(-1) if x.ndim == 0 else x for name, x in call.tensors()}
    return Call(call.name, call.function, {**call.arguments, **changed}, call.level)


def reduced(call: Call) -> Any:
    """A reduction over `dim`, one or several; over all of an example without it."""
    name, x = _value_of(call)
    if x.ndim == 0:
        rows = _as_rows(call).without("keepdim")
        dim = call.get("dim")
        if dim is not None and dim != ():
            place(dim, 0)
        rows.arguments["dim"] = -1
        return reduced(rows)
    dim = call.get("dim")
    every = dim is None or dim == () or dim == []
    places = tuple(range(1, x.ndim + 1)) if every else place(dim, x.ndim)
    return call.wrapped(call.on(**{name: x.value, "dim": places}))


def along(*names: str, defaults: tuple[Any, ...] = (), more: int = 0) -> Rule:
    """A rule of operations with dimensions under these names, and with defaults for them.

    `more`: how many dimensions the result has beyond the operand, which the dimensions are of.
    """

    def rule(call: Call) -> Any:
        _, x = _value_of(call)
        if x.ndim == 0 and not more:
            rows = _as_rows(call)
            result = rule(rows)
            drop = all(one.ndim for one in _several(result))
            return _mapped(lambda one: one.squeeze(-1), result) if drop else result
        changed: dict[str, Any] = spread(call)
        for at, name in enumerate(names):
            dim = call.get(name, defaults[at] if at < len(defaults) else None)
            if dim is not None:
                changed[name] = _counted(dim, x.ndim + more)
        return call.wrapped(call.on(**changed))

    return rule


def _counted(dim: Any, rank: int) -> Any:
    return place(dim, rank)


def _several(result: Any) -> Any:
    return result if isinstance(result, (tuple, list)) else (result,)


def _mapped(function: Callable[[Any], Any], result: Any) -> Any:
    if isinstance(result, (tuple, list)):
        return type(result)([function(one) for one in result])
    return function(result)


def softened(call: Call) -> Any:
    """softmax and its like, whose dimension was once chosen by the number of dimensions."""
    if call.get("dim") is None:
        _, x = _value_of(call)
        chosen = 0 if x.ndim in (0, 1, 3) else 1
        call = Call(call.name, call.function, {**call.arguments, "dim": chosen}, call.level)
    return along("dim")(call)


def flat_or_along(rule: Rule, keeps: bool = True) -> Rule:
    """Without a dimension, an example counts as one row; `keeps` if keepdim applies then."""

    def both(call: Call) -> Any:
        if call.get("dim") is not None:
            return rule(call)
        name, x = _value_of(call)
        changed = {name: x.reshape(-1), "dim": 0}
        flat = call.without("keepdim")
        if call.name in ("max", "min", "median", "nanmedian"):
            result = along("dim")(Call(flat.name, flat.function, {**flat.arguments, **changed},
                                       call.level))  # fmt: skip
            return result[0]
        result = rule(Call(flat.name, flat.function, {**flat.arguments, **changed}, call.level))
        if keeps and call.get("keepdim"):
            result = _mapped(lambda one: one.reshape((1,) * x.ndim), result)
        return result

    return both


def smallest_or_largest(name: str) -> Rule:
    """max and min: of two tensors, along a dimension, or of a whole example."""

    def rule(call: Call) -> Any:
        if "other" in call.arguments:
            return pointwise(call)
        if "dim" in call.arguments:
            return along("dim")(call)
        x: Batched = call["input"]
        return getattr(x, name)()

    return rule
