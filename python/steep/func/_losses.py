"""Rules of losses of classes and vectors, whose examples are folded into one batch of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep import _core
from steep.func._batched import expanded
from steep.func._calls import Call, NoRuleError, is_at
from steep.func._pointwise import reduced_loss, reduction_of

__all__ = ["class_loss", "gaussian_loss", "loss_of_rows", "weighted_loss"]


def _each(call: Call, changed: dict[str, Any]) -> Any:
    """The losses of all rows of all examples."""
    plain = call.without("size_average", "reduce", "reduction")
    return plain.on(**changed, reduction="none")


def _below(value: Any) -> Any:
    """The rows of all examples below each other."""
    return value.reshape((value.shape[0] * value.shape[1], *value.shape[2:]))


def class_loss(call: Call) -> Any:
    """cross_entropy and nll_loss: targets are classes, or probabilities of the input's shape."""
    x, target, weight = (call.get(name) for name in ("input", "target", "weight"))
    if is_at(weight, call.level):
        raise NoRuleError
    batched = x.ndim > 1
    of_classes = not target.is_floating_point()
    rows = {"input": expanded(x, call.level), "target": expanded(target, call.level)}
    if batched:
        rows = {name: _below(value) for name, value in rows.items()}
    losses = _each(call, rows)
    if batched:
        losses = losses.reshape((call.level.size, x.shape[0], *losses.shape[1:]))
    result = call.wrapped(losses)
    kind = reduction_of(call)
    if kind == "none":
        return result
    total = result.sum() if result.ndim else result
    if kind == "sum":
        return total
    if not of_classes:
        return total / (x.numel() // x.shape[1 if batched else 0])
    kept = target != call.get("ignore_index", -100)
    if weight is None:
        return total / kept.sum()
    return total / (weight[target * kept] * kept).sum()


def loss_of_rows(ranks: int) -> Callable[[Call], Any]:
    """A rule of losses whose operands are rows: one loss for each."""

    def rule(call: Call) -> Any:
        if is_at(call.get("weight"), call.level):
            raise NoRuleError
        given = [(name, x) for name, x in call.tensors() if name != "weight"]
        batched = given[0][1].ndim == ranks
        if not given[0][1].ndim:  # a number alone is a row of one
            given = [(name, x.reshape(1)) for name, x in given]
        if batched:
            count = given[0][1].shape[0]
            given = [(name, x.expand(count) if x.ndim == 1 else x) for name, x in given]
        changed = {name: expanded(x, call.level) for name, x in given}
        if batched:
            changed = {name: _below(value) for name, value in changed.items()}
        losses = _each(call, changed)
        if batched:
            losses = losses.reshape((call.level.size, given[0][1].shape[0]))
        result = call.wrapped(losses)
        kind = reduction_of(call)
        return result if kind == "none" or not result.ndim else getattr(result, kind)()

    return rule


def weighted_loss(call: Call) -> Any:
    """mse_loss and its like, whose weights the mean is divided by."""
    if call.get("weight") is None:
        return reduced_loss(call)
    if reduction_of(call) == "mean":
        raise NoRuleError
    return reduced_loss(call)


def gaussian_loss(call: Call) -> Any:
    """The variance may lack the last dimension, or have size 1 there."""
    x, var = call["input"], call["var"]
    if _core.is_tensor(var) and var.ndim == x.ndim - 1:
        arguments = {**call.arguments, "var": var.unsqueeze(-1).expand(x.shape)}
        call = Call(call.name, call.function, arguments, call.level)
    return reduced_loss(call)
