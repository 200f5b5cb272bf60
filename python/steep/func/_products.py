"""Rules of products. What is batched on both sides becomes one batched product."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from steep import _core
from steep._einsum import einsum
from steep.func._batched import expanded
from steep.func._calls import Call, is_at

__all__ = ["COMPOSED", "bilinear", "linear", "linear_activation", "matmul"]


def _matrix(x: Any, call: Call, rank: int) -> Any:
    """The value of a batch of matrices, with 1s behind the batch up to that rank."""
    if not is_at(x, call.level):
        return x
    value = x.value
    more = rank - x.ndim
    return value.reshape((value.shape[0], *(1,) * more, *x.shape)) if more else value


def matmul(call: Call) -> Any:
    left, right = (call[name] for name in ("input", "other"))
    if not left.ndim or not right.ndim:
        raise RuntimeError("matmul: both arguments need to be at least 1D, but they are "
                           f"{left.ndim}D and {right.ndim}D")  # fmt: skip
    row, column = left.ndim == 1, right.ndim == 1
    a = left.unsqueeze(0) if row else left
    b = right.unsqueeze(-1) if column else right
    rank = max(a.ndim, b.ndim)
    out = _core.matmul(_matrix(a, call, rank), _matrix(b, call, rank))
    if column:
        out = out.squeeze(-1)
    if row:
        out = out.squeeze(-1 if column else -2)
    return call.wrapped(out)


def _product(call: Call) -> tuple[Any, Any, Any]:
    """Rows of each example, (B, rows, in), its transposed weight, and the bias as a row."""
    x, weight, bias = (call.get(name) for name in ("input", "weight", "bias"))
    rows = expanded(x, call.level)
    rows = rows.reshape((rows.shape[0], math.prod(x.shape[:-1]), rows.shape[-1]))
    turned = weight.value.mT if is_at(weight, call.level) else weight.mT
    if is_at(bias, call.level):
        bias = bias.value.unsqueeze(1)
    return rows, turned, bias


def linear(call: Call) -> Any:
    x, weight, bias = (call.get(name) for name in ("input", "weight", "bias"))
    if not any(is_at(one, call.level) for one in (weight, bias)):
        return call.wrapped(call.on(input=x.value))
    if weight.ndim == 1:
        out = _core.matmul(x, weight)
        return out if bias is None else out + bias
    rows, turned, row = _product(call)
    if row is not None and is_at(weight, call.level):
        out = _core.baddbmm(row, rows, turned)
    else:
        out = rows @ turned
        out = out if row is None else out + row
    return call.wrapped(out.reshape((out.shape[0], *x.shape[:-1], weight.shape[0])))


def linear_activation(call: Call) -> Any:
    if not any(is_at(call[name], call.level) for name in ("weight", "bias")):
        return call.wrapped(call.on(input=call["input"].value))
    out = linear(call.without("activation"))
    kind = call["activation"]
    return out if kind == "none" else getattr(_core, kind)(out)


def bilinear(call: Call) -> Any:
    weight, bias = call["weight"], call.get("bias")
    if not any(is_at(one, call.level) for one in (weight, bias)):
        changed = {name: expanded(call[name], call.level) for name in ("input1", "input2")}
        return call.wrapped(call.on(**changed))
    a, b = call["input1"], call["input2"]
    out = einsum("...i,oij,...j->...o", a, weight, b)
    return out if bias is None else out + bias


# ---- made of other operations, on examples ----


def _scaled_sum(input: Any, product: Any, beta: Any, alpha: Any) -> Any:
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled.expand(
            _core.broadcast_tensors(_core.empty(input.shape), _core.empty(scaled.shape))[0].shape
        )
    return (input if beta == 1 else input * beta) + scaled


def _checked(name: str, a: Any, b: Any, left: int, right: int) -> None:
    if a.ndim != left or b.ndim != right:
        raise RuntimeError(
            f"{name}: expected tensors of {left} and {right} dimensions, got {a.ndim} and {b.ndim}"
        )


def _added(name: str, left: int, right: int, summed: bool = False) -> Callable[..., Any]:
    """addmm and its like: ``beta * input + alpha * (a @ b)``."""

    def run(input: Any, *, beta: Any = 1, alpha: Any = 1, **pair: Any) -> Any:
        a, b = pair.values()
        _checked(name, a, b, left, right)
        product = _outer(a, b) if left == right == 1 else a @ b
        return _scaled_sum(input, product.sum(0) if summed else product, beta, alpha)

    return run


def _outer(a: Any, b: Any) -> Any:
    _checked("outer", a, b, 1, 1)
    return a.unsqueeze(-1) * b.unsqueeze(0)


def _of_ranks(name: str, left: int, right: int) -> Callable[..., Any]:
    def run(**pair: Any) -> Any:
        a, b = pair.values()
        _checked(name, a, b, left, right)
        return a @ b

    return run


def _inner(input: Any, other: Any) -> Any:
    if not input.ndim or not other.ndim:
        return input * other
    rows = input.reshape(-1, input.shape[-1]) @ other.reshape(-1, other.shape[-1]).mT
    return rows.reshape((*input.shape[:-1], *other.shape[:-1]))


def _chain(matrices: Any) -> Any:
    out = matrices[0]
    for matrix in matrices[1:]:
        out = out @ matrix
    return out


def _kron(input: Any, other: Any) -> Any:
    rank = max(input.ndim, other.ndim)
    a = input.reshape((1,) * (rank - input.ndim) + tuple(input.shape))
    b = other.reshape((1,) * (rank - other.ndim) + tuple(other.shape))
    spaced = a.reshape([n for size in a.shape for n in (size, 1)])
    filled = b.reshape([n for size in b.shape for n in (1, size)])
    return (spaced * filled).reshape([m * n for m, n in zip(a.shape, b.shape, strict=True)])


COMPOSED: dict[str, Callable[..., Any]] = {
    "mm": _of_ranks("mm", 2, 2),
    "mv": _of_ranks("mv", 2, 1),
    "bmm": _of_ranks("bmm", 3, 3),
    "dot": _of_ranks("dot", 1, 1),
    "vdot": _of_ranks("vdot", 1, 1),
    "outer": lambda input, vec2: _outer(input, vec2),
    "ger": lambda input, vec2: _outer(input, vec2),
    "inner": _inner,
    "addmm": _added("addmm", 2, 2),
    "addmv": _added("addmv", 2, 1),
    "addr": _added("addr", 1, 1),
    "baddbmm": _added("baddbmm", 3, 3),
    "addbmm": _added("addbmm", 3, 3, summed=True),
    "chain_matmul": _chain,
    "kron": _kron,
}
