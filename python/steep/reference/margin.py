"""Losses of rows: by margins, by distances, by likelihood.

Multi-class hinge: Crammer & Singer 2001.  Triplets: Schroff et al. 2015, swapped: Balntas et al.
2016.  Focal: Lin et al. 2017.  The conventions are those of PyTorch's documentation of each loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from steep.reference.norm import normalize
from steep.reference.reduce import norm
from steep.reference.registry import Array, register, result_type, wide
from steep.reference.softmax import _log_softmax


def _reduced(losses: Any, reduction: str, *arrays: Array) -> Array:
    found = np.asarray(losses)
    if reduction != "none":
        found = np.asarray(found.sum() / (found.size if reduction == "mean" else 1))
    return found.astype(result_type(*arrays))


def margin_ranking_loss(
    input1: Array, input2: Array, target: Array, margin: float = 0.0, *, reduction: str = "mean"
) -> Array:
    """``max(0, margin - t (x1 - x2))``."""
    wrong = margin - wide(target) * (wide(input1) - wide(input2))
    return _reduced(np.maximum(wrong, 0), reduction, input1, input2, target)


def multi_margin_loss(
    input: Array,
    target: Array,
    p: int = 1,
    margin: float = 1.0,
    weight: Array | None = None,
    *,
    reduction: str = "mean",
) -> Array:
    """``sum_j max(0, margin - x_t + x_j)^p / C`` over the others."""
    x = np.atleast_2d(wide(input))
    right = np.reshape(target, (-1, 1)) == np.arange(x.shape[1])
    score = np.where(right, x, 0).sum(1, keepdims=True)
    wrong = np.where(right, 0, np.maximum(margin - score + x, 0) ** p)
    scale = 1.0 if weight is None else wide(weight)[target]
    return _reduced((wrong.mean(1) * scale).reshape(target.shape), reduction, input)


def multilabel_margin_loss(input: Array, target: Array, *, reduction: str = "mean") -> Array:
    """``sum max(0, 1 - x_y + x_i) / C`` over labels y, up to the first -1, and others i."""
    losses = []
    for x, labels in zip(np.atleast_2d(wide(input)), np.atleast_2d(target), strict=True):
        y = labels[: int(np.argmax(np.append(labels, -1) < 0))]
        others = np.delete(x, y)
        losses.append(np.maximum(1 - x[y, None] + others, 0).sum() / x.size)
    return _reduced(np.reshape(losses, input.shape[:-1]), reduction, input)


def multilabel_soft_margin_loss(
    input: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean"
) -> Array:
    """``-(t log s(x) + (1 - t) log s(-x))``, averaged over the last dimension."""
    x, t = wide(input), wide(target)
    losses = t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x)
    return _reduced((losses * (1 if weight is None else wide(weight))).mean(-1), reduction, input)


def gaussian_nll_loss(
    input: Array,
    target: Array,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    *,
    reduction: str = "mean",
) -> Array:
    """``(log v + (x - t)^2 / v) / 2``, with v at least eps; ``log(2 pi) / 2`` more if full."""
    v = wide(var)
    if v.ndim and v.ndim < input.ndim:
        v = v[..., None]
    v = np.maximum(v, eps)
    losses = (np.log(v) + (wide(input) - wide(target)) ** 2 / v) / 2
    return _reduced(losses + full * np.log(2 * np.pi) / 2, reduction, input, target)


def focal_loss(
    input: Array,
    target: Array,
    alpha: Any = 1.0,
    gamma: float = 2.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """``-alpha (1 - p)^gamma log p`` with p the target's softmax; the mean of rows that count."""
    x = np.moveaxis(wide(input), 1 if input.ndim > 1 else 0, -1)
    kept = target != ignore_index
    classes = np.where(kept, target, 0)
    logs = np.take_along_axis(_log_softmax(x, -1), classes[..., None], -1)[..., 0]
    scale = wide(alpha)[classes] if np.ndim(alpha) else alpha
    losses = np.where(kept, -scale * (1 - np.exp(logs)) ** gamma * logs, 0.0)
    if reduction == "mean":
        return np.asarray(losses.sum() / kept.sum()).astype(input.dtype)
    return _reduced(losses, reduction, input)


def cosine_similarity(x1: Array, x2: Array, dim: int = 1, eps: float = 1e-8) -> Array:
    """The sum of products of vectors of norm 1."""
    a, b = np.broadcast_arrays(wide(x1), wide(x2))
    cosine = (normalize(a, 2.0, dim, eps) * normalize(b, 2.0, dim, eps)).sum(dim)
    return np.asarray(cosine).astype(result_type(x1, x2))


def pairwise_distance(
    x1: Array, x2: Array, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Array:
    """``norm(x1 - x2 + eps)`` along the last dimension."""
    distance = norm(wide(x1) - wide(x2) + eps, p, -1, keepdim)
    return distance.astype(result_type(x1, x2))


def cosine_embedding_loss(
    input1: Array, input2: Array, target: Array, margin: float = 0.0, *, reduction: str = "mean"
) -> Array:
    """``1 - cos`` for 1, ``max(0, cos - margin)`` for -1; 1e-12 is added to squared lengths."""
    a, b = wide(input1), wide(input2)
    lengths = np.sqrt(((a * a).sum(-1) + 1e-12) * ((b * b).sum(-1) + 1e-12))
    cosine = (a * b).sum(-1) / lengths
    losses = np.where(target > 0, 1 - cosine, np.maximum(cosine - margin, 0))
    return _reduced(losses, reduction, input1, input2)


def triplet_margin_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Array:
    """``max(0, margin + d(a, p) - d(a, n))``, or ``d(p, n)`` where it is less."""
    a, b, c = wide(anchor), wide(positive), wide(negative)
    far = pairwise_distance(a, c, p, eps)
    if swap:
        far = np.minimum(far, pairwise_distance(b, c, p, eps))
    losses = np.maximum(margin + pairwise_distance(a, b, p, eps) - far, 0)
    return _reduced(losses, reduction, anchor, positive, negative)


for _function in (
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    gaussian_nll_loss,
    focal_loss,
    cosine_similarity,
    pairwise_distance,
    cosine_embedding_loss,
    triplet_margin_loss,
):
    register(_function.__name__, _function)
