"""Rules of operations that work element by element, or on whole examples whatever is in front."""

from __future__ import annotations

from typing import Any

from steep import _core
from steep.func._batched import Batched, expanded
from steep.func._calls import Call, is_at

__all__ = ["aligned", "direct", "pointwise", "reduced_loss", "spread"]


def aligned(x: Any, call: Call, rank: int) -> Any:
    """The value of a batch with 1s behind the batch, as many as examples of that rank have more."""
    value = x.value
    more = rank - x.ndim
    return value.reshape((value.shape[0], *(1,) * more, *value.shape[1:])) if more > 0 else value


def _common(tensors: list[tuple[str, Any]]) -> dict[str, Any]:
    """Operands of the dtype that the examples' have together.

    A 0-d example yields to operands with dimensions, but its batch has a dimension itself.
    """
    ready = dict(tensors)
    if len({x.dtype for x in ready.values()}) < 2 or all(x.ndim for x in ready.values()):
        return ready
    wanted: Any = None
    for dimensioned in (True, False):
        for x in ready.values():
            if bool(x.ndim) is dimensioned:
                probe = _core.empty((1,) if dimensioned else (), dtype=x.dtype)
                wanted = probe if wanted is None else _core.empty(
                    (1,) * max(wanted.ndim, probe.ndim), dtype=_core.result_type(wanted, probe)
                )  # fmt: skip
    return {name: x.to(wanted.dtype) for name, x in ready.items()}


def pointwise(call: Call) -> Any:
    """Operands broadcast: the batch comes first, and 1s where an example has fewer dimensions."""
    tensors = call.tensors()
    if len(tensors) > 1:
        promotes = [(name, x) for name, x in tensors if name not in ("condition", "mask")]
        ready = {**dict(tensors), **_common(promotes)}
    else:
        ready = dict(tensors)
    rank = max(x.ndim for x in ready.values())
    changed = {name: aligned(x, call, rank) for name, x in ready.items() if is_at(x, call.level)}
    return call.wrapped(call.on(**{**ready, **changed}))


def spread(call: Call) -> dict[str, Any]:
    """The values of all tensors among the arguments: copies of those that are not batched."""
    return {name: expanded(x, call.level) for name, x in call.tensors()}


def direct(call: Call) -> Any:
    """The operation looks at the last dimensions alone: all values go in as they are."""
    return call.wrapped(call.on(**spread(call)))


_SUMMED = ("size_average", "reduce", "reduction")


def reduction_of(call: Call) -> str:
    """What a loss does with its elements, by the old arguments as well."""
    if call.get("size_average") is not None or call.get("reduce") is not None:
        if call.get("reduce") is False:
            return "none"
        return "sum" if call.get("size_average") is False else "mean"
    given = call.get("reduction", "mean")
    return "none" if given is None else str(given)


def reduced_loss(call: Call) -> Any:
    """A loss of elements: all of them by `pointwise`, then the mean or sum of each example."""
    kind = reduction_of(call)
    each = call.without(*_SUMMED)
    each.arguments["reduction"] = "none"
    # Losses want one shape of all operands, so what is not batched is given copies.
    rank = max(x.ndim for _, x in call.tensors())
    batches = {name: Batched(expanded(x, call.level), call.level) for name, x in call.tensors()}
    changed = {name: aligned(x, call, rank) for name, x in batches.items()}
    losses: Batched = call.wrapped(each.on(**changed))
    if kind == "batchmean":
        return losses.sum() / losses.shape[0] if losses.ndim else losses
    return losses if kind == "none" else getattr(losses, kind)()
