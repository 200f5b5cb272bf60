"""Random numbers inside of a vmap: refused, drawn once for all examples, or for each."""

from __future__ import annotations

import math
from typing import Any

from steep import _core
from steep._core import Tensor
from steep.func._batched import Batched, expanded
from steep.func._calls import Call, bind, deepest, function_of, is_at
from steep.func._levels import above, levels

__all__ = ["DRAWS", "draw"]

_LIKE = ("rand_like", "randn_like", "randint_like")
_FEATURES = {"dropout1d": 2, "dropout2d": 3, "dropout3d": 4, "feature_alpha_dropout": 0}
_MASKS = ("dropout", "alpha_dropout", "rrelu", *_FEATURES)
# What the engine hands to the handler though nothing is batched.
DRAWS = frozenset(row["name"] for row in _core.registry() if row["family"] == "random")


def _is_random(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the call draws at all: a dropout out of training does not."""
    if name not in _MASKS:
        return True
    call = bind(name, False, args, kwargs, _NONE) or bind(name, True, args, kwargs, _NONE)
    if call is None:
        return True
    training = call.get("training", name.startswith("dropout"))
    return bool(training) and call.get("p", 0.5) != 0


_NONE: Any = None


def draw(name: str, is_method: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A random operation, as the innermost vmap wants it; the vmaps around that follow."""
    function = function_of(name, is_method)
    running = levels()
    if not running:
        return _core.call_plainly(function, *args, **kwargs)
    level = running[-1]
    if not _is_random(name, args, kwargs):
        return _without_draw(name, args[0] if args else kwargs["input"])
    if level.randomness == "error":
        raise RuntimeError(
            f"vmap: called random operation {name} while in randomness error mode. Please either "
            "use the 'same' or 'different' randomness flags on vmap or perform the randomness "
            "operation out of vmap"
        )
    call = bind(name, is_method, args, kwargs, level)
    if call is None:
        return _core.call_plainly(function, *args, **kwargs)  # which says what is wrong
    if level.randomness == "same":
        return _same(call, is_method)
    return _different(call, is_method)


def _without_draw(name: str, x: Any) -> Any:
    """What a mask does out of training: nothing, and rrelu has its mean slope."""
    if name == "rrelu":
        return _core.leaky_relu(x, (1 / 8 + 1 / 3) / 2)
    return x


def _outside(call: Call, is_method: bool, arguments: dict[str, Any]) -> Any:
    """The operation in the vmaps around this one."""
    with above(call.level):
        return draw(call.name, is_method, (), arguments)


def _batched(call: Call) -> bool:
    return deepest(*call.arguments.values()) is call.level


def _same(call: Call, is_method: bool) -> Any:
    if not _batched(call):
        return _outside(call, is_method, call.arguments)
    if call.name in _LIKE:
        probe = _core.empty(call["input"].shape, dtype=call["input"].dtype)
        return _outside(call, is_method, {**call.arguments, "input": probe})
    x: Any = call.get("input")
    if call.name.endswith("_") and not any(
        is_at(one, call.level) for name, one in call.tensors() if name != "input"
    ):
        probe = _core.empty_like(x.value[0])
        x.copy_(_outside(call, is_method, {**call.arguments, "input": probe}))
        return x
    if call.name.startswith("dropout"):
        ones = _core.ones(x.shape, dtype=x.dtype)
        arguments = {**call.without("inplace").arguments, "input": ones}
        return x * _outside(call, is_method, arguments)
    raise RuntimeError(
        f"vmap: {call.name} of a batched tensor cannot draw the same numbers for all examples; use "
        "randomness='different'"
    )


def _different(call: Call, is_method: bool) -> Any:
    level, name = call.level, call.name
    arguments = dict(call.arguments)
    if name.endswith("_"):
        return _in_place(call, is_method)
    if "size" in arguments:
        size = arguments["size"]
        own = tuple(size) if isinstance(size, (tuple, list)) else (size,)
        return _wrapped(_outside(call, is_method, {**arguments, "size": (level.size, *own)}), call)
    if name in ("rand", "randn"):
        return _wrapped(_outside(call, is_method, {**arguments, "size": (level.size,)}), call)
    if name == "randperm":
        rows = [_outside(call, is_method, arguments) for _ in range(level.size)]
        return _wrapped(_core.stack(rows), call)
    for key, x in call.tensors():
        arguments[key] = expanded(x, level)
    arguments.pop("inplace", None)
    if name in _FEATURES or (name == "multinomial" and call["input"].ndim == 2):
        return _of_rows(call, is_method, arguments)
    if len(call.tensors()) > 1:
        arguments = _of_one_rank(call, arguments)
    return _wrapped(_outside(call, is_method, arguments), call)


def _of_one_rank(call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    """Operands that broadcast: with 1s behind the batch."""
    rank = max(x.ndim for _, x in call.tensors())
    for key, x in call.tensors():
        value = arguments[key]
        arguments[key] = value.reshape((value.shape[0], *(1,) * (rank - x.ndim), *x.shape))
    return arguments


def _of_rows(call: Call, is_method: bool, arguments: dict[str, Any]) -> Any:
    """Operations that know one dimension of rows, or of images: those of all examples."""
    x = call["input"]
    core = 1 if call.name == "multinomial" else _FEATURES[call.name] or x.ndim - 1
    value = arguments["input"]
    lead = value.shape[: value.ndim - core]
    rows = value.reshape((math.prod(lead), *value.shape[value.ndim - core :]))
    out = _outside(call, is_method, {**arguments, "input": rows})
    return _wrapped(out.reshape((*lead, *out.shape[1:])), call)


def _in_place(call: Call, is_method: bool) -> Any:
    x = call["input"]
    if not is_at(x, call.level):
        raise RuntimeError(
            f"vmap: {call.name} would write different random numbers for each example into a "
            "tensor that is not batched; use randomness='same', or the operation out of place"
        )
    arguments = {name: expanded(one, call.level) if isinstance(one, Tensor) else one
                 for name, one in call.arguments.items()}  # fmt: skip
    _outside(call, is_method, arguments)
    return x


def _wrapped(value: Any, call: Call) -> Any:
    return Batched(value, call.level)
