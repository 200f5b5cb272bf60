"""Rules of convolutions, pools, normalisations, embeddings and attention.

Their operations know one dimension of images, so a batch of batches is folded into it; networks
that are batched themselves lie side by side as groups of channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from steep import _core
from steep.func._batched import expanded
from steep.func._calls import Call, NoRuleError, is_at

__all__ = ["attention", "batch_norm", "convolve", "embedding", "folded", "normalised"]

Rule = Callable[[Call], Any]


def _unfolded(result: Any, lead: tuple[int, ...], call: Call) -> Any:
    if isinstance(result, (tuple, list)):
        return type(result)([_unfolded(one, lead, call) for one in result])
    return call.wrapped(result.reshape((*lead, *result.shape[1:])))


def folded(core: int | Callable[[Call], int], any_lead: bool = False) -> Rule:
    """A rule of operations on images of `core` dimensions, with or without one in front, or with
    any number of them.
    """

    def rule(call: Call) -> Any:
        size = core if isinstance(core, int) else core(call)
        changed = {}
        lead: tuple[int, ...] = ()
        for name, x in call.tensors():
            value = expanded(x, call.level)
            if x.ndim not in (size, size + 1) and not (any_lead and x.ndim > size):
                raise RuntimeError(
                    f"{call.name}: expected {size} or {size + 1} dimensions, got {x.ndim}"
                )
            lead = tuple(value.shape[: value.ndim - size])
            changed[name] = value.reshape((math.prod(lead), *value.shape[value.ndim - size :]))
        return _unfolded(call.on(**changed), lead, call)

    return rule


def _beside(x: Any, call: Call) -> Any:
    """Channels of all examples side by side: (N, C, *) of each becomes (N, B * C, *)."""
    value = expanded(x, call.level).transpose(0, 1)
    return value.reshape((value.shape[0], -1, *value.shape[3:]))


def convolve(call: Call) -> Any:
    x, weight, bias = (call.get(name) for name in ("input", "weight", "bias"))
    axes = int(call.name[-2])
    if not any(is_at(one, call.level) for one in (weight, bias)):
        only = Call(call.name, _with(call, weight=weight, bias=bias), {"input": x}, call.level)
        return folded(axes + 1)(only)
    single = x.ndim == axes + 1
    images = x.unsqueeze(0) if single else x
    count, groups = call.level.size, call.get("groups", 1)
    kernels = expanded(weight, call.level)
    shared = not is_at(x, call.level) and groups == 1 and "transpose" not in call.name
    out = call.on(
        input=images if shared else _beside(images, call),
        weight=kernels.reshape((-1, *kernels.shape[2:])),
        bias=None if bias is None else expanded(bias, call.level).reshape(-1),
        groups=1 if shared else groups * count,
    )
    each = out.reshape((out.shape[0], count, -1, *out.shape[2:])).transpose(0, 1)
    return call.wrapped(each.squeeze(1) if single else each)


def _with(call: Call, **given: Any) -> Callable[..., Any]:
    """The operation with all arguments of a call but the input."""
    others = {name: x for name, x in call.arguments.items() if name != "input"}
    return lambda input: call.function(input=input, **{**others, **given})


# ---- normalisations ----


def normalised(call: Call) -> Any:
    """layer_norm and its like: without scale and shift, which then follow example by example."""
    x, weight, bias = (call.get(name) for name in ("input", "weight", "bias"))
    if call.name == "instance_norm" and call.get("running_mean") is not None:
        raise NoRuleError
    plain = call.without("weight", "bias", "running_mean", "running_var")
    by_channel = call.name in ("group_norm", "instance_norm")
    batched = any(is_at(one, call.level) for one in (weight, bias))
    if not batched and weight is not None:
        plain = Call(call.name, _with(call), {"input": x}, call.level)
    else:
        plain = Call(call.name, _with(plain), {"input": x}, call.level)
    if not is_at(x, call.level):
        out = plain.function(input=x)
    elif by_channel:
        out = folded(x.ndim - 1)(plain)
    else:
        out = call.wrapped(plain.function(input=x.value))
    if not batched:
        return out
    for name, one in (("mul", weight), ("add", bias)):
        if one is not None:
            ready = one.reshape((-1,) + (1,) * (x.ndim - 2)) if by_channel else one
            out = getattr(_core, name)(out, ready)
    return out


def _flat(x: Any, call: Call) -> Any:
    """Of each channel of each example: a vector, or None."""
    return None if x is None else expanded(x, call.level).reshape(-1)


def batch_norm(call: Call) -> Any:
    """Channels of the examples beside each other; running statistics are written back."""
    x, mean, var = (call.get(name) for name in ("input", "running_mean", "running_var"))
    counted = call.name == "batch_norm_counted"
    training = counted or call.get("training", False)
    momentum = call.get("momentum", 0.1)
    if training and mean is not None and not (is_at(mean, call.level) and is_at(var, call.level)):
        raise RuntimeError(
            "vmap: batch_norm in training would write what differs by example into running "
            "statistics that are not batched; pass a batch of them (steep.func.stack_module_state),"
            " or layers without them (steep.func.replace_all_batch_norm_modules_)"
        )
    if counted:
        if momentum is None:
            raise NoRuleError
        call["count"].add_(1)
    held = [_flat(one, call) for one in (mean, var)]
    rows = _beside(x.unsqueeze(-1) if x.ndim == 2 else x, call)
    scale, shift = (_flat(call.get(name), call) for name in ("weight", "bias"))
    out = _core.batch_norm(
        rows, held[0], held[1], scale, shift, training, momentum, call.get("eps", 1e-5)
    )
    if training and mean is not None:
        for own, written in zip((mean, var), held, strict=True):
            if written.data_ptr() != own.value.data_ptr():
                own.value.copy_(written.reshape(own.value.shape))
    each = out.reshape((out.shape[0], call.level.size, -1, *out.shape[2:])).transpose(0, 1)
    return call.wrapped(each.squeeze(-1) if x.ndim == 2 else each)


# ---- embeddings and attention ----


def embedding(call: Call) -> Any:
    """A table for each example is one long table, in which each has a part of its own."""
    places, weight = call["input"], call["weight"]
    if not is_at(weight, call.level):
        if call.get("max_norm") is not None or call.get("scale_grad_by_freq"):
            raise NoRuleError
        return call.wrapped(call.on(input=places.value))
    if any(call.get(name) for name in ("padding_idx", "max_norm", "scale_grad_by_freq")) or (
        call.get("padding_idx") == 0
    ):
        raise NoRuleError
    rows, count = weight.shape[0], call.level.size
    if not is_at(places, call.level):
        taken = weight.value.index_select(1, places.reshape(-1))
        return call.wrapped(taken.reshape((count, *places.shape, *taken.shape[2:])))
    starts = _core.arange(0, count * rows, rows, dtype=places.dtype)
    moved = places.value + starts.reshape((count,) + (1,) * places.ndim)
    table = weight.value.reshape((count * rows, *weight.shape[1:]))
    return call.wrapped(_core.embedding(moved, table))


def attention(call: Call) -> Any:
    """Queries, keys and values with the batch in front; a mask keeps its last dimensions."""
    if call.get("dropout_p", 0.0):
        raise NoRuleError
    mask = call.get("attn_mask")
    query = call["query"]
    changed = {name: expanded(call[name], call.level) for name in ("query", "key", "value")}
    if is_at(mask, call.level):
        value = mask.value
        changed["attn_mask"] = value.reshape(
            (value.shape[0], *(1,) * (query.ndim - mask.ndim), *mask.shape)
        )
    return call.wrapped(call.on(**changed))
