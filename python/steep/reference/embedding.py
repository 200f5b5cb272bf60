"""Rows of a table picked by numbers, and bags of them (Bengio et al. 2003)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steep.reference.registry import Array, register, wide


def _limited(weight: Array, index: Array, max_norm: float | None, norm_type: float) -> Array:
    """`weight` after rows that are picked and longer than `max_norm` were scaled down to it."""
    out: Array = wide(weight).copy()
    for row in np.unique(index) if max_norm is not None else []:
        length = (np.abs(out[row]) ** norm_type).sum() ** (1 / norm_type)
        if length > max_norm:
            out[row] *= max_norm / (length + 1e-7)
    return out


def embedding(
    input: Array,
    weight: Array,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Array:
    """``weight[input]``; `max_norm` limits the rows first."""
    if weight.dtype.kind != "f":
        return np.asarray(weight[input])
    return np.asarray(_limited(weight, input, max_norm, norm_type)[input]).astype(weight.dtype)


def _collected(grad: Array, index: Array, rows: int, padding: int | None, scaled: bool) -> Array:
    """Each row's share of `grad`, whose rows belong to the numbers in `index`."""
    out = np.zeros((rows, grad.shape[-1]))
    flat, grads = index.reshape(-1), grad.reshape(index.size, grad.shape[-1])
    np.add.at(out, flat, grads)
    if scaled:
        out /= np.maximum(np.bincount(flat, minlength=rows), 1)[:, None]
    if padding is not None:
        out[padding] = 0
    return out


def embedding_gradient(
    grad: Array,
    input: Array,
    weight: Array,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> tuple[None, Array]:
    """A row picked twice collects twice; the padding collects nothing."""
    collected = _collected(wide(grad), input, len(weight), padding_idx, scale_grad_by_freq)
    return None, collected


def _bags(
    input: Array, offsets: Array | None, include_last: bool, padding: int | None, rows: int
) -> Iterator[Array]:
    """The positions that belong to each bag."""
    if input.ndim == 2:
        places = list(np.arange(input.size).reshape(input.shape))
    else:
        assert offsets is not None
        ends = [*offsets[1:], *([] if include_last else [input.size])]
        starts = offsets[: len(ends)]
        places = [np.arange(start, end) for start, end in zip(starts, ends, strict=True)]
    left_out = -1 if padding is None else padding % rows
    for place in places:
        yield place[input.reshape(-1)[place] != left_out]


def embedding_bag(
    input: Array,
    weight: Array,
    offsets: Array | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Array | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Array:
    """`mode` over the rows of each bag; 0 for an empty one."""
    table = _limited(weight, input, max_norm, norm_type)
    rows = table[input.reshape(-1)]
    if per_sample_weights is not None:
        rows = rows * wide(per_sample_weights).reshape(-1, 1)
    bags = [*_bags(input, offsets, include_last_offset, padding_idx, len(weight))]
    out = np.zeros((len(bags), weight.shape[1]))
    for b, bag in enumerate(bags):
        if bag.size and mode == "max":
            out[b] = rows[bag].max(axis=0)
        elif bag.size:
            out[b] = rows[bag].sum(axis=0) / (bag.size if mode == "mean" else 1)
    return out.astype(weight.dtype)


def embedding_bag_gradient(
    grad: Array,
    input: Array,
    weight: Array,
    offsets: Array | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Array | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Array | None, ...]:
    """To each row its bag's gradient: times its weight, over its size, or where it is largest."""
    g, flat = wide(grad), input.reshape(-1)
    rows = wide(weight)[flat]
    by_row = np.zeros(rows.shape)
    by_weight = np.zeros(flat.shape)
    for b, bag in enumerate(_bags(input, offsets, include_last_offset, padding_idx, len(weight))):
        if mode == "max" and bag.size:
            first = bag[rows[bag].argmax(axis=0)]
            by_row[first, np.arange(rows.shape[1])] = g[b]
        elif bag.size:
            by_row[bag] = g[b] / (bag.size if mode == "mean" else 1)
            by_weight[bag] = rows[bag] @ g[b]
    if per_sample_weights is not None:
        by_row *= wide(per_sample_weights).reshape(-1, 1)
    by_table = _collected(by_row, flat, len(weight), None, scale_grad_by_freq)
    return None, by_table, None, by_weight.reshape(input.shape)


register("embedding", embedding, embedding_gradient, ("input", "weight"))
_BAG = ("input", "weight", "offsets", "per_sample_weights")
register("embedding_bag", embedding_bag, embedding_bag_gradient, _BAG)
