"""Scaled dot-product attention (Vaswani et al. 2017, "Attention is all you need")."""

from __future__ import annotations

import math

import numpy as np

from steep.reference.registry import Array, register, unbroadcast, wide


def _repeated(x: Array, heads: int, grouped: bool) -> Array:
    """Keys or values of every head of the query: each is shared by neighbours."""
    return np.repeat(x, heads // x.shape[-3], axis=-3) if grouped else x


def _weights(
    query: Array, key: Array, mask: Array | None, causal: bool, scale: float | None
) -> Array:
    """``softmax(scale * query @ key^T + mask)``; 0 along rows of which everything is masked."""
    factor = 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    scores = np.matmul(query, np.swapaxes(key, -1, -2)) * factor
    if causal:
        mask = np.tri(*scores.shape[-2:], dtype=np.bool_)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype.kind == "b" else scores + wide(mask)
    if not scores.size:
        return np.asarray(scores)
    top = scores.max(axis=-1, keepdims=True)
    raised = np.exp(scores - np.where(np.isneginf(top), 0, top))
    total = raised.sum(axis=-1, keepdims=True)
    return np.asarray(raised / np.where(total == 0, 1, total))


def scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Array:
    """``weights @ value``, without dropout."""
    heads = query.shape[-3] if enable_gqa else 1
    k, v = (_repeated(wide(x), heads, enable_gqa) for x in (key, value))
    weights = _weights(wide(query), k, attn_mask, is_causal, scale)
    return np.asarray(np.matmul(weights, v)).astype(query.dtype)


def scaled_dot_product_attention_gradient(
    grad: Array,
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> tuple[Array, Array, Array, Array | None]:
    """Softmax's rule between two products; heads that share a key add up at it."""
    factor = 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    heads = query.shape[-3] if enable_gqa else 1
    g, q = wide(grad), wide(query)
    k, v = (_repeated(wide(x), heads, enable_gqa) for x in (key, value))
    p = _weights(q, k, attn_mask, is_causal, scale)
    by_weights = np.matmul(g, np.swapaxes(v, -1, -2))
    by_scores = p * (by_weights - (p * by_weights).sum(axis=-1, keepdims=True))
    by_query = np.matmul(by_scores, k) * factor
    by_key = _gathered(np.matmul(np.swapaxes(by_scores, -1, -2), q) * factor, key, enable_gqa)
    by_value = _gathered(np.matmul(np.swapaxes(p, -1, -2), g), value, enable_gqa)
    floats = attn_mask is not None and attn_mask.dtype.kind == "f"
    return by_query, by_key, by_value, by_scores if floats else None


def _gathered(grad: Array, x: Array, grouped: bool) -> Array:
    """The reverse of `_repeated`, and of broadcasting."""
    if not grouped:
        return unbroadcast(grad, x.shape)
    *outer, _, rows, length = grad.shape
    parts = grad.reshape(*outer, x.shape[-3], -1, rows, length)
    return unbroadcast(parts.sum(axis=-3), x.shape)


register(
    "scaled_dot_product_attention",
    scaled_dot_product_attention,
    scaled_dot_product_attention_gradient,
    ("query", "key", "value", "attn_mask"),
)
