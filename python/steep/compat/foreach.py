"""`torch._foreach_*`: one operation on each tensor of a list.

Optimisers of other packages call them. Here they are loops; a compiled step fuses what they launch
all the same.

Example:
    >>> import steep
    >>> xs = [steep.ones(2), steep.zeros(1)]
    >>> steep._foreach_add_(xs, 1)
    >>> [x.tolist() for x in xs]
    [[2.0, 2.0], [1.0]]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep._core import Tensor

__all__ = ["NAMES"]

_UNARY = (
    *("abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1"),
    *("floor", "frac", "log", "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt"),
    *("sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc"),
)
# How many operands follow the first list, and what the method is called with them.
_OPERANDS = {
    **dict.fromkeys(("add", "sub", "mul", "div", "pow", "clamp_min", "clamp_max"), 1),
    **dict.fromkeys(("maximum", "minimum"), 1),
    **dict.fromkeys(("addcmul", "addcdiv"), 3),
    "lerp": 2,
}
_METHODS = {"maximum": "clamp_min", "minimum": "clamp_max"}  # which take numbers, too
_OTHERS = ("clone", "copy_", "max", "mm", "norm", "powsum", "zero_")

NAMES = tuple(
    sorted(
        {
            *(f"_foreach_{name}" for name in (*_UNARY, *_OPERANDS, *_OTHERS)),
            *(f"_foreach_{name}_" for name in (*_UNARY, *_OPERANDS)),
        }
    )
)


def _columns(name: str, tensors: Any, operands: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The operands of each tensor: an item of each list, and what is no list for all of them."""
    if not isinstance(tensors, list | tuple) or not all(isinstance(x, Tensor) for x in tensors):
        raise TypeError(f"{name}: expected a list of tensors first, got {tensors!r:.60}")
    if not tensors:
        raise RuntimeError(f"{name}: Tensor list must have at least one tensor.")
    columns = []
    for operand in operands:
        if isinstance(operand, Tensor) and operand.dim() == 1:  # a number for each
            operand = operand.unbind()
        if isinstance(operand, list | tuple):
            if len(operand) != len(tensors):
                raise RuntimeError(
                    f"{name}: Tensor lists must have the same number of tensors, got "
                    f"{len(tensors)} and {len(operand)}"
                )
            columns.append(tuple(operand))
        else:
            columns.append((operand,) * len(tensors))
    return list(zip(tensors, *columns, strict=True))


def _named(
    name: str, method: str, given: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """The operands in their order; PyTorch's names of them differ by what they are."""
    count = _OPERANDS[method]
    keys = {
        1: (("other", "scalar", "scalars", "exponent"),),
        2: (("tensors1",), ("weight", "weights")),
        3: (("tensor1",), ("tensor2",), ("value", "scalars")),
    }[count]
    operands = list(given)
    for place in keys[len(operands) :]:
        key = next((key for key in place if key in kwargs), None)
        if key is not None:
            operands.append(kwargs.pop(key))
        elif count == 3 and len(operands) == 2:
            operands.append(1)
    if len(operands) != count or set(kwargs) - {"alpha"}:
        raise TypeError(
            f"{name}: expected {count} operand(s) after the list, got {len(operands)}"
            + (f" and {', '.join(kwargs)}" if kwargs else "")
        )
    return tuple(operands)


def _apply(x: Tensor, method: str, operands: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    function = getattr(x, _METHODS.get(method, method))
    if method in ("addcmul", "addcdiv", "addcmul_", "addcdiv_"):
        result: Tensor = function(operands[0], operands[1], value=_number(operands[2]))
    else:
        result = function(*operands, **kwargs)
    return result


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value + 0  # a bool as a number


def _write(x: Tensor, method: str, operands: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    in_place = f"{_METHODS.get(method, method)}_"
    if method in ("addcmul", "addcdiv"):
        getattr(x, in_place)(operands[0], operands[1], value=_number(operands[2]))
    elif hasattr(x, in_place):
        getattr(x, in_place)(*operands, **kwargs)
    else:
        x.copy_(_apply(x, method, operands, kwargs))


def _of_operation(name: str, method: str, in_place: bool) -> Callable[..., Any]:
    def call(self: Any, *operands: Any, **kwargs: Any) -> Any:
        if method in _OPERANDS:
            if method == "pow" and not isinstance(self, list | tuple):
                return [self**x for x, *_ in _columns(name, operands[0], ())]
            operands = _named(name, method, operands, kwargs)
        elif operands or kwargs:
            raise TypeError(f"{name}: expected one list of tensors alone")
        rows = _columns(name, self, operands)
        if not in_place:
            return [_apply(x, method, tuple(rest), kwargs) for x, *rest in rows]
        for x, *rest in rows:
            _write(x, method, tuple(rest), kwargs)
        return None

    call.__name__ = call.__qualname__ = name
    return call


def _foreach_clone(self: Any, *, memory_format: Any = None) -> list[Tensor]:
    return [x.clone() for x, *_ in _columns("_foreach_clone", self, ())]


def _foreach_copy_(self: Any, src: Any, non_blocking: bool = False) -> None:
    for x, value in _columns("_foreach_copy_", self, (src,)):
        x.copy_(value)


def _foreach_zero_(self: Any) -> None:
    for x, *_ in _columns("_foreach_zero_", self, ()):
        x.zero_()


def _foreach_max(self: Any) -> list[Tensor]:
    return [x.max() for x, *_ in _columns("_foreach_max", self, ())]


def _foreach_mm(self: Any, mat2: Any) -> list[Tensor]:
    return [x.mm(other) for x, other in _columns("_foreach_mm", self, (mat2,))]


def _foreach_norm(self: Any, ord: float = 2, dtype: Any = None) -> list[Tensor]:
    from steep.linalg import vector_norm

    return [vector_norm(x, ord, dtype=dtype) for x, *_ in _columns("_foreach_norm", self, ())]


def _foreach_powsum(self: Any, ord: float = 2, dtype: Any = None) -> list[Tensor]:
    rows = _columns("_foreach_powsum", self, ())
    return [x.abs().pow(ord).sum(dtype=dtype) for x, *_ in rows]


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module 'steep' has no attribute {name!r}")
    method = name.removeprefix("_foreach_")
    made = _of_operation(name, method.removesuffix("_"), method.endswith("_"))
    globals()[name] = made
    return made
