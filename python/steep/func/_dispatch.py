"""Where calls with batched tensors go: to a rule, or to a loop over the examples."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from steep import _core
from steep._core import Tensor, is_grad_enabled
from steep.func import _batched, _indexing
from steep.func._batched import Batched
from steep.func._calls import Call, NoRuleError, bind, deepest, function_of, is_at, tensors_in
from steep.func._draws import DRAWS, draw
from steep.func._levels import Level, handled_by, levels
from steep.func._pointwise import pointwise
from steep.func._table import composed_of, rule_of

__all__ = ["call_each", "dispatch", "tell_of_loop"]

_SHAPED_IN_PLACE = ("squeeze_", "unsqueeze_", "transpose_", "swapaxes_", "swapdims_", "t_")
_told: set[str] = set()


def dispatch(name: str, is_method: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of an operation on batched tensors, or of one that draws random numbers."""
    level = deepest(*args, *kwargs.values())
    if level is not None and level not in levels():
        raise RuntimeError(
            f"{name}: a tensor of an example was used after the vmap that it belongs to had ended; "
            "return it from the function that is mapped"
        )
    if name in DRAWS:
        return draw(name, is_method, args, kwargs)
    assert level is not None
    if kwargs.get("out") is not None:
        raise RuntimeError(f"vmap: {name} cannot write into out=; use its result")
    if name == "__getitem__":
        return _indexing.get_item(*args)
    try:
        if name == "__setitem__":
            return _indexing.set_item(*args)
        if name.endswith("_"):
            return _in_place(name, args, kwargs, level)
        return _out_of_place(name, is_method, args, kwargs, level)
    except NoRuleError:
        function = _set_item if name == "__setitem__" else function_of(name, is_method)
        return call_each(name, function, args, kwargs, level)


def _set_item(x: Any, key: Any, value: Any) -> Any:
    x[key] = value
    return x


def _out_of_place(
    name: str, is_method: bool, args: tuple[Any, ...], kwargs: dict[str, Any], level: Level
) -> Any:
    rule, composed = rule_of(name), composed_of(name)
    if rule is None and composed is None:
        raise NoRuleError
    call = bind(name, is_method, args, kwargs, level)
    if call is None:
        if level.size:  # what is wrong with the arguments, one example's call says
            _call_example(function_of(name, is_method), args, kwargs, level, 0)
        raise NoRuleError
    if call.arguments.get("inplace"):
        return _written(call["input"], _result(call.without("inplace"), rule, composed), level)
    return _result(call, rule, composed)


def _result(call: Call, rule: Any, composed: Callable[..., Any] | None) -> Any:
    if composed is not None:
        return composed(**call.arguments)
    return rule(call)


def _in_place(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], level: Level) -> Any:
    """An operation that writes to its tensor: computed out of place, and copied there."""
    if not args:  # from the rule of an inner vmap, which names all arguments
        kwargs = dict(kwargs)
        args = (kwargs.pop("input"),)
    x = args[0]
    if name in _SHAPED_IN_PLACE:
        x.value = _out_of_place(name[:-1], True, args, kwargs, level).value
        return x
    if not is_at(x, level):
        raise RuntimeError(
            f"vmap: inplace arithmetic ({name}) on a tensor that is not batched, with an operand "
            "that is, would write what differs by example into one place; use the operation out "
            "of place"
        )
    if name == "zero_":
        return _written(x, 0, level)
    if name == "detach_":
        x.value = x.value.detach()
        return x
    if name == "copy_":
        return _written(x, args[1] if len(args) > 1 else kwargs["src"], level)
    bare = name[:-1]
    if rule_of(bare) is pointwise and composed_of(bare) is None:
        call = bind(name, True, args, kwargs, level)
        if call is not None and _fits_in(x, call):
            pointwise(call)
            return x
    if is_grad_enabled() and any(y.requires_grad for y in tensors_in((args, *kwargs.values()))):
        args = (x.clone(), *args[1:])  # what the gradient's rule keeps is not written over
    as_method = hasattr(Tensor, bare)
    result = _out_of_place(bare, as_method, args, kwargs, level)
    return _written(x, result, level)


def _fits_in(x: Any, call: Call) -> bool:
    """Whether it can run on the batch in place: nothing is cast, and `x` keeps its shape."""
    others = [y for name, y in call.tensors() if y is not x]
    return all(y.ndim <= x.ndim and y.dtype in (x.dtype, _core.bool) for y in others)


def _written(x: Any, result: Any, level: Level) -> Any:
    """`x`, with the result in its memory."""
    if not is_at(x, level):
        raise RuntimeError(
            "vmap: an operation in place would write what differs by example into a tensor that "
            "is not batched; use the operation out of place"
        )
    value: Any = result
    if isinstance(result, Tensor):
        if result.ndim > x.ndim:
            raise RuntimeError(
                f"vmap: output of shape {tuple(result.shape)} does not fit the tensor of shape "
                f"{tuple(x.shape)} that is written to"
            )
        if is_at(result, level):
            ones = (1,) * (x.ndim - result.ndim)
            value = value.value.reshape((level.size, *ones, *result.shape))
    x.value.copy_(value)
    return x


# ---- without a rule ----


def _example(x: Any, level: Level, place: int) -> Any:
    if is_at(x, level):
        return x.value[place]
    if isinstance(x, (list, tuple)):
        items = [_example(one, level, place) for one in x]
        return type(x)(items) if type(x) in (list, tuple) else items
    return x


def _call_example(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    level: Level,
    place: int,
) -> Any:
    own = [_example(x, level, place) for x in args]
    named = {key: _example(x, level, place) for key, x in kwargs.items()}
    return function(*own, **named)


def _joined(results: list[Any], name: str, level: Level) -> Any:
    first = results[0]
    if isinstance(first, Tensor):
        if any(one.shape != first.shape for one in results):
            raise RuntimeError(
                f"vmap: {name} gives tensors of different shapes for different examples, such as "
                f"{tuple(first.shape)}; they cannot be one batch"
            )
        return Batched(_core.stack(results), level)
    if isinstance(first, (list, tuple)):
        parts = [_joined(list(part), name, level) for part in zip(*results, strict=True)]
        return type(first)(parts)
    if all(one == first for one in results):
        return first
    raise RuntimeError(
        f"vmap: {name} gives a number that differs by example, which Python cannot hold as one; "
        "use operations that give tensors"
    )


def tell_of_loop(name: str, level: Level) -> None:
    """Warn, once for each operation, that it runs example by example."""
    if name not in _told:
        _told.add(name)
        warnings.warn(
            f"vmap: {name} has no batching rule for this call, and runs once for each of the "
            f"{level.size} examples",
            UserWarning,
            stacklevel=3,
        )


def call_each(
    name: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    level: Level,
) -> Any:
    """The results of one call for each example, as a batch."""
    tell_of_loop(name, level)
    if level.size == 0:
        raise RuntimeError(f"vmap: {name} has no batching rule, and there is no example to run")
    results = [_call_example(function, args, kwargs, level, i) for i in range(level.size)]
    if args and is_at(args[0], level) and name.endswith("_"):
        return args[0]
    return _joined(results, name, level)


_batched.set_dispatch(dispatch)
handled_by(Batched, dispatch)
