"""Attention with several heads, and the layers of transformers, from a dict of parameters.

Vaswani et al. 2017, "Attention is all you need". Sequences first, as in PyTorch, unless said.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steep.reference.registry import OPS, Array, wide

Params = dict[str, Array]


def _part(params: Params, name: str) -> Params:
    """The parameters of a layer inside."""
    start = name + "."
    return {key[len(start) :]: x for key, x in params.items() if key.startswith(start)}


def _linear(x: Array, weight: Array, bias: Array | None) -> Array:
    return np.asarray(OPS["linear"].forward(x, weight, bias))


def _added(mask: Array) -> Array:
    """A mask as what is added to the scores."""
    return np.where(mask, -math.inf, 0.0) if mask.dtype.kind == "b" else wide(mask)


def _projected(params: Params, given: tuple[Array, ...], size: int) -> list[Array]:
    packed, bias = params.get("in_proj_weight"), params.get("in_proj_bias")
    names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
    weights = np.split(packed, 3) if packed is not None else [params[name] for name in names]
    biases = [None] * 3 if bias is None else np.split(bias, 3)
    return [_linear(wide(x), w, b) for x, w, b in zip(given, weights, biases, strict=True)]


def multihead_attention(
    params: Params,
    query: Array,
    key: Array,
    value: Array,
    *,
    heads: int,
    batch_first: bool = False,
    add_zero_attn: bool = False,
    key_padding_mask: Array | None = None,
    attn_mask: Array | None = None,
) -> tuple[Array, Array]:
    """The result, and the weights of every head."""
    single = query.ndim == 2
    given = [x[None] if single else x if batch_first else x.swapaxes(0, 1)
             for x in (query, key, value)]  # fmt: skip
    size = query.shape[-1]
    q, k, v = _projected(params, tuple(given), size)
    batch = len(q)
    if "bias_k" in params:
        k = np.concatenate([k, np.broadcast_to(params["bias_k"], (batch, 1, size))], 1)
        v = np.concatenate([v, np.broadcast_to(params["bias_v"], (batch, 1, size))], 1)
    if add_zero_attn:
        k, v = (np.concatenate([x, np.zeros((batch, 1, size))], 1) for x in (k, v))
    q, k, v = (x.reshape(batch, -1, heads, size // heads).swapaxes(1, 2) for x in (q, k, v))
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(size // heads)
    if attn_mask is not None:
        pairs = _added(attn_mask)
        pairs = pairs.reshape(batch, heads, *pairs.shape[1:]) if pairs.ndim == 3 else pairs
        scores[..., : pairs.shape[-1]] += pairs
    if key_padding_mask is not None:
        by_key = _added(key_padding_mask).reshape(batch, 1, 1, -1)
        scores[..., : by_key.shape[-1]] += by_key
    weights = np.asarray(OPS["softmax"].forward(scores, -1))
    joined = (weights @ v).swapaxes(1, 2).reshape(batch, -1, size)
    out = _linear(joined, params["out_proj.weight"], params.get("out_proj.bias"))
    out = out[0] if single else out if batch_first else out.swapaxes(0, 1)
    return out.astype(query.dtype), weights


def _norm(x: Array, params: Params) -> Array:
    weight, bias = params["weight"], params.get("bias")
    return np.asarray(OPS["layer_norm"].forward(x, (x.shape[-1],), weight, bias))


def _feed_forward(x: Array, params: Params, activation: str) -> Array:
    hidden = _linear(x, params["linear1.weight"], params.get("linear1.bias"))
    hidden = OPS[activation].forward(hidden)
    return _linear(hidden, params["linear2.weight"], params.get("linear2.bias"))


def _blocks(x: Array, params: Params, blocks: list[Any], norm_first: bool) -> Array:
    """Each with its residual, the norm in front of it or behind the sum."""
    for i, block in enumerate(blocks):
        norm = _part(params, f"norm{i + 1}")
        x = x + block(_norm(x, norm)) if norm_first else _norm(x + block(x), norm)
    return x


def encoder_layer(
    params: Params,
    src: Array,
    src_mask: Array | None = None,
    src_key_padding_mask: Array | None = None,
    *,
    heads: int,
    activation: str = "relu",
    norm_first: bool = False,
    batch_first: bool = False,
) -> Array:
    """Attention to itself, and two linear layers."""

    def attention(x: Array) -> Array:
        masks: dict[str, Any] = {"attn_mask": src_mask, "key_padding_mask": src_key_padding_mask}
        own = _part(params, "self_attn")
        return multihead_attention(own, x, x, x, heads=heads, batch_first=batch_first, **masks)[0]

    blocks = [attention, lambda x: _feed_forward(x, params, activation)]
    return _blocks(wide(src), params, blocks, norm_first).astype(src.dtype)


def decoder_layer(
    params: Params,
    tgt: Array,
    memory: Array,
    tgt_mask: Array | None = None,
    *,
    heads: int,
    activation: str = "relu",
    norm_first: bool = False,
    batch_first: bool = False,
) -> Array:
    """Attention to itself, to `memory`, and two linear layers."""
    how: dict[str, Any] = {"heads": heads, "batch_first": batch_first}

    def own(x: Array) -> Array:
        part = _part(params, "self_attn")
        return multihead_attention(part, x, x, x, attn_mask=tgt_mask, **how)[0]

    def other(x: Array) -> Array:
        part = _part(params, "multihead_attn")
        return multihead_attention(part, x, wide(memory), wide(memory), **how)[0]

    blocks = [own, other, lambda x: _feed_forward(x, params, activation)]
    return _blocks(wide(tgt), params, blocks, norm_first).astype(tgt.dtype)


def encoder(params: Params, src: Array, **how: Any) -> Array:
    """The layers in turn, and the norm behind them if there is one."""
    x = wide(src)
    layers = {key.split(".")[1] for key in params if key.startswith("layers.")}
    for i in range(len(layers)):
        x = encoder_layer(_part(params, f"layers.{i}"), x, **how)
    norm = _part(params, "norm")
    return (_norm(x, norm) if norm else x).astype(src.dtype)


def decoder(params: Params, tgt: Array, memory: Array, **how: Any) -> Array:
    """The layers in turn, and the norm behind them if there is one."""
    x = wide(tgt)
    layers = {key.split(".")[1] for key in params if key.startswith("layers.")}
    for i in range(len(layers)):
        x = decoder_layer(_part(params, f"layers.{i}"), x, memory, **how)
    norm = _part(params, "norm")
    return (_norm(x, norm) if norm else x).astype(tgt.dtype)


def transformer(params: Params, src: Array, tgt: Array, **how: Any) -> Array:
    """The decoder's result for what the encoder makes of `src`."""
    memory = encoder(_part(params, "encoder"), wide(src), **how)
    return decoder(_part(params, "decoder"), wide(tgt), memory, **how).astype(tgt.dtype)
