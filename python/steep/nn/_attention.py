"""Attention with several heads, as functions: projections, masks, heads split and joined."""

from __future__ import annotations

import math
from dataclasses import dataclass

from steep._core import Tensor, cat, dropout, linear, scaled_dot_product_attention, zeros

__all__ = ["Projections", "attend", "multi_head_attention_forward"]

_NAME = "multi_head_attention_forward"


@dataclass
class Projections:
    """The parameters: one weight for query, key and value, or one for each; what is appended."""

    packed: Tensor | None
    apart: tuple[Tensor | None, Tensor | None, Tensor | None]
    bias: Tensor | None
    bias_k: Tensor | None
    bias_v: Tensor | None
    out_weight: Tensor
    out_bias: Tensor | None


@dataclass
class Masks:
    """What is masked (True) or added to the scores: by pair, and by key."""

    by_pair: Tensor | None
    by_key: Tensor | None
    causal: bool

    def more_keys(self, count: int) -> Masks:
        """The same with keys behind all others that every query sees."""
        grown = [
            None if m is None else cat([m, zeros((*m.shape[:-1], count), dtype=m.dtype)], -1)
            for m in (self.by_pair, self.by_key)
        ]
        return Masks(grown[0], grown[1], self.causal)

    def joined(self, batch: int, heads: int) -> Tensor | None:
        """One mask that broadcasts to (batch, heads, queries, keys): kept (bool), or added."""
        masks = []
        if self.by_pair is not None:
            pair = self.by_pair
            if pair.dim() == 3:
                pair = pair.reshape(batch, heads, *pair.shape[1:])
            masks.append(pair)
        if self.by_key is not None:
            masks.append(self.by_key.reshape(batch, 1, 1, self.by_key.shape[-1]))
        if not masks:
            return None
        if all(not m.is_floating_point() for m in masks):
            dropped = masks[0] if len(masks) == 1 else masks[0] | masks[1]
            return dropped.logical_not()
        added = [m if m.is_floating_point() else as_added(m) for m in masks]
        return added[0] if len(added) == 1 else added[0] + added[1]


def as_added(mask: Tensor) -> Tensor:
    """Minus infinity where `mask` is true, to be added to scores."""
    return zeros(tuple(mask.shape)).masked_fill(mask, -math.inf)


def _check_mask(what: str, mask: Tensor | None, shapes: tuple[tuple[int, ...], ...]) -> None:
    if mask is None:
        return
    if not mask.is_floating_point() and str(mask.dtype) != "steep.bool":
        raise TypeError(
            f"{_NAME}: only bool and floating types of {what} are supported, got {mask.dtype}"
        )
    if tuple(mask.shape) not in shapes:
        wanted = " or ".join(map(str, shapes))
        raise RuntimeError(f"{_NAME}: expected {what} of shape {wanted}, got {tuple(mask.shape)}")


def _check(
    query: Tensor, key: Tensor, value: Tensor, embed_dim: int, heads: int, batch_first: bool
) -> None:
    dims = (query.dim(), key.dim(), value.dim())
    if dims not in ((2, 2, 2), (3, 3, 3)):
        raise ValueError(
            f"{_NAME}: expected query, key and value all unbatched (2D) or all batched (3D), "
            f"got {dims[0]}D, {dims[1]}D and {dims[2]}D"
        )
    if query.shape[-1] != embed_dim:
        raise ValueError(
            f"{_NAME}: was expecting embedding dimension of {embed_dim}, but got {query.shape[-1]}"
        )
    if heads <= 0 or embed_dim % heads:
        raise ValueError(f"{_NAME}: embed_dim {embed_dim} not divisible by num_heads {heads}")
    batch = 0 if batch_first else 1
    if query.dim() == 3 and query.shape[batch] != key.shape[batch]:
        raise ValueError(
            f"{_NAME}: expected the batch of query to be key's, got {query.shape[batch]} and "
            f"{key.shape[batch]}"
        )
    if key.shape[:-1] != value.shape[:-1]:
        raise ValueError(
            f"{_NAME}: key's sequence and batch dims {tuple(key.shape[:-1])} do not match value's "
            f"{tuple(value.shape[:-1])}"
        )


def _projected(
    query: Tensor, key: Tensor, value: Tensor, of: Projections, embed_dim: int
) -> tuple[Tensor, Tensor, Tensor]:
    """One product where query, key and value are one tensor."""
    bias = of.bias
    if of.packed is None:
        weights = of.apart
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        given = zip((query, key, value), weights, biases, strict=True)
        q, k, v = (linear(x, w, b) for x, w, b in given if w is not None)
        return q, k, v
    if query is key and key is value:
        q, k, v = linear(query, of.packed, bias).chunk(3, -1)
        return q, k, v
    if key is value:
        sizes = [embed_dim, 2 * embed_dim]
        own, other = of.packed.split(sizes)
        own_bias, other_bias = (None, None) if bias is None else bias.split(sizes)
        k, v = linear(key, other, other_bias).chunk(2, -1)
        return linear(query, own, own_bias), k, v
    w_q, w_k, w_v = of.packed.chunk(3)
    apart = Projections(None, (w_q, w_k, w_v), bias, None, None, of.out_weight, None)
    return _projected(query, key, value, apart, embed_dim)


def _split(x: Tensor, heads: int, batch_first: bool) -> Tensor:
    """(batch, heads, sequence, size of a head), a view."""
    first, second, length = x.shape
    parts = x.reshape(first, second, heads, length // heads)
    return parts.transpose(1, 2) if batch_first else parts.permute(1, 2, 0, 3)


def _join(x: Tensor, batch_first: bool) -> Tensor:
    """The reverse of `_split`."""
    batch, heads, rows, size = x.shape
    if batch_first:
        return x.transpose(1, 2).reshape(batch, rows, heads * size)
    return x.permute(2, 0, 1, 3).reshape(rows, batch, heads * size)


def _with_weights(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float
) -> tuple[Tensor, Tensor]:
    """Attention whose weights are wanted as well: (batch, heads, queries, keys)."""
    scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores + (mask if mask.is_floating_point() else as_added(mask.logical_not()))
    weights = dropout(scores.softmax(-1), dropout_p)
    return weights @ v, weights


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    heads: int,
    of: Projections,
    *,
    batch_first: bool,
    add_zero_attn: bool,
    dropout_p: float,
    key_padding_mask: Tensor | None,
    need_weights: bool,
    attn_mask: Tensor | None,
    average_attn_weights: bool,
    is_causal: bool,
    static: tuple[Tensor | None, Tensor | None] = (None, None),
) -> tuple[Tensor, Tensor | None]:
    """The whole of it, with sequences along dimension 1 or, without `batch_first`, 0."""
    _check(query, key, value, embed_dim, heads, batch_first)
    if query.dim() == 2:
        same = {id(x): x.unsqueeze(0) for x in (query, key, value)}
        query, key, value = same[id(query)], same[id(key)], same[id(value)]
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
        single, batch_first = True, True
    else:
        single = False
    batch, rows = query.shape[:2] if batch_first else (query.shape[1], query.shape[0])
    cols = key.shape[1] if batch_first else key.shape[0]
    pairs = ((rows, cols), (batch * heads, rows, cols))
    _check_mask("attn_mask", attn_mask, pairs)
    _check_mask("key_padding_mask", key_padding_mask, ((batch, cols),))
    if is_causal and attn_mask is None:
        raise RuntimeError(f"{_NAME}: Need attn_mask if specifying the is_causal hint.")
    q, k, v = _projected(query, key, value, of, embed_dim)
    masks = Masks(attn_mask, key_padding_mask, is_causal)
    if of.bias_k is not None and of.bias_v is not None:
        one = (batch, 1, embed_dim) if batch_first else (1, batch, embed_dim)
        along = 1 if batch_first else 0
        k = cat([k, of.bias_k.expand(one)], along)
        v = cat([v, of.bias_v.expand(one)], along)
        masks = masks.more_keys(1)
    q, k, v = (_split(x, heads, batch_first) for x in (q, k, v))
    k, v = (
        x if given is None else given.reshape(batch, heads, *given.shape[1:])
        for x, given in zip((k, v), static, strict=True)
    )
    if add_zero_attn:
        k, v = (cat([x, zeros(*x.shape[:2], 1, x.shape[3], dtype=x.dtype)], 2) for x in (k, v))
        masks = masks.more_keys(1)
    weights: Tensor | None = None
    alone = key_padding_mask is None and of.bias_k is None and not add_zero_attn
    if need_weights:
        out, weights = _with_weights(q, k, v, masks.joined(batch, heads), dropout_p)
        weights = weights.mean(1) if average_attn_weights else weights
    elif is_causal and alone:
        out = scaled_dot_product_attention(q, k, v, None, dropout_p, True)
    else:
        out = scaled_dot_product_attention(q, k, v, masks.joined(batch, heads), dropout_p)
    joined = linear(_join(out, batch_first), of.out_weight, of.out_bias)
    if single:
        return joined.squeeze(0), None if weights is None else weights.squeeze(0)
    return joined, weights


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention with several heads; `MultiheadAttention` as a function, sequences first.

    Shapes: query ``(L, N, E)``, key ``(S, N, E)`` and value ``(S, N, E)``, or all without N; out
    ``(L, N, E)``, weights ``(N, L, S)``, or ``(N, heads, L, S)`` without `average_attn_weights`.

    Raises:
        ValueError: for sizes that do not fit.
        RuntimeError: for masks that do not fit, and for `is_causal` without `attn_mask`.
        TypeError: for masks of integers.

    Example:
        >>> import steep
        >>> F, x = steep.nn.functional, steep.ones(3, 1, 2)
        >>> w, b = steep.ones(6, 2), steep.zeros(6)
        >>> out, weights = F.multi_head_attention_forward(
        ...     x, x, x, 2, 1, w, b, None, None, False, 0.0, steep.eye(2), None
        ... )
        >>> tuple(out.shape), tuple(weights.shape)
        ((3, 1, 2), (1, 3, 3))
    """
    if use_separate_proj_weight:
        apart = (q_proj_weight, k_proj_weight, v_proj_weight)
        if any(weight is None for weight in apart):
            raise ValueError(
                f"{_NAME}: use_separate_proj_weight is True but q_proj_weight, k_proj_weight or "
                "v_proj_weight is None"
            )
    elif in_proj_weight is None:
        raise ValueError(f"{_NAME}: use_separate_proj_weight is False but in_proj_weight is None")
    else:
        apart = (None, None, None)
    of = Projections(
        None if use_separate_proj_weight else in_proj_weight,
        apart,
        in_proj_bias,
        bias_k,
        bias_v,
        out_proj_weight,
        out_proj_bias,
    )
    return attend(
        query,
        key,
        value,
        embed_dim_to_check,
        num_heads,
        of,
        batch_first=False,
        add_zero_attn=add_zero_attn,
        dropout_p=dropout_p if training else 0.0,
        key_padding_mask=key_padding_mask,
        need_weights=need_weights,
        attn_mask=attn_mask,
        average_attn_weights=average_attn_weights,
        is_causal=is_causal,
        static=(static_k, static_v),
    )
