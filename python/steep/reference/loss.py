"""Losses.

Cross-entropy and its label smoothing: Szegedy et al. 2016, "Rethinking the Inception architecture".
Huber: Huber 1964.  Smooth L1: Girshick 2015.  The conventions of weights, of ignored targets and of
the mean are those of PyTorch's documentation of each loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steep.reference.elementwise import sigmoid
from steep.reference.registry import Array, register, result_type, wide
from steep.reference.softmax import _log_softmax

# --- classes ------------------------------------------------------------------------------------


class _Rows:
    """The problem (N, C), (C,) or (N, C, d1, ...) as one row of C classes for each target.

    Attributes:
        x: What is scored, (rows, C).
        q: The weight that each class's log-probability has in the loss, (rows, C).
        share: What each row counts in the mean: it divides by the sum of these.
    """

    def __init__(self, input: Array, target: Array, weight: Array | None, ignore_index: int):
        self.shape = input.shape
        self.axis = 0 if input.ndim == 1 else 1
        self.x = self.to_rows(wide(input))
        self.classes = self.x.shape[1]
        self.w = np.ones(self.classes) if weight is None else wide(weight)
        self.by_index = target.dtype.kind != "f"
        if self.by_index:
            self.t = target.reshape(-1)
            self.kept = self.t != ignore_index
            used = self.t[self.kept]
            if np.any((used < 0) | (used >= self.classes)):
                raise IndexError(f"target: expected classes in [0, {self.classes}), got {used}")
            self.q = (self.t[:, None] == np.arange(self.classes)) * 1.0
            self.share = np.where(self.kept, self.q @ self.w, 0.0)
            self.result_shape = target.shape
        else:
            self.kept = np.ones(len(self.x), np.bool_)
            self.q = self.to_rows(wide(target))
            self.share = np.ones(len(self.x))
            self.result_shape = input.shape[: self.axis] + input.shape[self.axis + 1 :]

    def to_rows(self, x: Array) -> Array:
        """Classes last, everything else in one dimension."""
        rows = np.moveaxis(x, self.axis, -1)
        return rows.reshape(int(np.prod(rows.shape[:-1])), rows.shape[-1])

    def from_rows(self, rows: Array) -> Array:
        """The reverse of `to_rows`."""
        shape = self.shape[: self.axis] + self.shape[self.axis + 1 :] + (self.classes,)
        return np.moveaxis(rows.reshape(shape), -1, self.axis)

    def smooth(self, label_smoothing: float) -> None:
        """Mix the targets with the uniform distribution."""
        self.q = (1 - label_smoothing) * self.q + label_smoothing / self.classes

    def losses(self, logs: Array) -> Array:
        """``-sum_c w_c q_c log p_c`` of each row; a class that is not a target adds nothing."""
        terms = self.w * self.q * logs
        if self.by_index:
            terms = np.where(self.q == 0, 0.0, terms)
        return np.where(self.kept, -terms.sum(axis=1), 0.0)

    def reduce(self, losses: Array, reduction: str, dtype: np.dtype[Any]) -> Array:
        """All losses, their sum, or their mean by share."""
        if reduction == "none":
            return losses.reshape(self.result_shape).astype(dtype)
        total = losses.sum()
        result = total / self.share.sum() if reduction == "mean" else total
        return np.asarray(result).astype(dtype)

    def spread(self, grad: Array, reduction: str) -> Array:
        """The gradient of each row's loss, (rows, 1)."""
        g = wide(grad).reshape(-1, 1)
        if reduction == "mean":
            g = g / self.share.sum()
        return np.where(self.kept[:, None], g, 0.0)


def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """The loss of the log-softmax of `input` against class indices, or probabilities (floats)."""
    rows = _Rows(input, target, weight, ignore_index)
    rows.smooth(label_smoothing)
    losses = rows.losses(_log_softmax(rows.x, 1))
    return rows.reduce(losses, reduction, input.dtype)


def cross_entropy_gradient(
    grad: Array,
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[Array, Array, None]:
    """``p_c sum_k(w_k q_k) - w_c q_c`` for the scores, ``-w_c log p_c`` for probabilities."""
    rows = _Rows(input, target, weight, ignore_index)
    rows.smooth(label_smoothing)
    logs = _log_softmax(rows.x, 1)
    wq = rows.w * rows.q
    g = rows.spread(grad, reduction)
    by_input = np.where(g == 0, 0.0, g * (np.exp(logs) * wq.sum(axis=1, keepdims=True) - wq))
    by_target = -g * (1 - label_smoothing) * rows.w * logs
    return rows.from_rows(by_input), rows.from_rows(by_target), None


def nll_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """Minus the target's entry of `input`, which holds log-probabilities."""
    rows = _Rows(input, target, weight, ignore_index)
    return rows.reduce(rows.losses(rows.x), reduction, input.dtype)


def nll_loss_gradient(
    grad: Array,
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> tuple[Array, None, None]:
    """Minus the weight at the target."""
    rows = _Rows(input, target, weight, ignore_index)
    g = rows.spread(grad, reduction)
    return rows.from_rows(-g * rows.w * rows.q), None, None


_CLASS_ARRAYS = ("input", "target", "weight")
register("cross_entropy", cross_entropy, cross_entropy_gradient, _CLASS_ARRAYS)
register("nll_loss", nll_loss, nll_loss_gradient, _CLASS_ARRAYS)


# --- element by element -------------------------------------------------------------------------

Rule = Callable[..., tuple[Any, Any]]


def _pointwise(name: str, function: Callable[..., Any], rule: Rule, weighed: bool = False) -> None:
    """Register the reduction of ``function(x, t, **params)``; `rule` has its two derivatives.

    `weighed`: a weight scales elements, and the mean is divided by the sum of weights.
    """

    def scale(params: dict[str, Any], size: int) -> tuple[Any, Any]:
        weight = params.pop("weight", None) if weighed else None
        return (1.0, np.float64(size)) if weight is None else (wide(weight), wide(weight).sum())

    def forward(input: Array, target: Array, *, reduction: str = "mean", **params: Any) -> Array:
        if input.shape != target.shape:
            raise ValueError(
                f"{name}: expected a target of shape {input.shape}, got {target.shape}; reshape it"
            )
        weight, total = scale(params, input.size)
        losses = np.asarray(weight * function(wide(input), wide(target), **params))
        if reduction == "mean":
            losses = np.asarray(losses.sum() / total)
        elif reduction == "sum":
            losses = np.asarray(losses.sum())
        elif reduction == "batchmean":
            losses = np.asarray(losses.sum() / np.float64(input.shape[0] if input.ndim else 1))
        return losses.astype(result_type(input, target))

    def gradient(
        grad: Array, input: Array, target: Array, *, reduction: str = "mean", **params: Any
    ) -> tuple[Array, Array]:
        weight, total = scale(params, input.size)
        g = wide(grad) * weight
        if reduction == "mean":
            g = np.asarray(g / total)
        elif reduction == "batchmean":
            g = np.asarray(g / np.float64(input.shape[0] if input.ndim else 1))
        by_input, by_target = rule(wide(input), wide(target), **params)
        return np.asarray(g * by_input), np.asarray(g * by_target)

    register(name, forward, gradient, ("input", "target"))


def _both_ways(derivative: Callable[..., Any]) -> Rule:
    """The rule of a loss of the difference ``input - target``."""

    def rule(x: Array, t: Array, **params: Any) -> tuple[Any, Any]:
        slope = derivative(x - t, **params)
        return slope, -slope

    return rule


def huber(x: Array, t: Array, *, delta: float = 1.0, weight: Any = 1.0) -> Any:
    """``d^2 / 2`` up to delta, ``delta (|d| - delta / 2)`` beyond."""
    d = np.abs(x - t)
    return wide(weight) * np.where(d <= delta, d * d / 2, delta * (d - delta / 2))


def huber_derivative(d: Array, *, delta: float = 1.0, weight: Any = 1.0) -> Any:
    """The difference, cut off at delta."""
    return wide(weight) * np.clip(d, -delta, delta)


def smooth_l1(x: Array, t: Array, *, beta: float = 1.0) -> Any:
    """``d^2 / (2 beta)`` below beta, ``|d| - beta / 2`` beyond; `l1_loss` for beta 0."""
    d = np.abs(x - t)
    return np.where(d < beta, d * d / (2 * beta), d - beta / 2)


def smooth_l1_derivative(d: Array, *, beta: float = 1.0) -> Any:
    """``d / beta`` below beta, the sign beyond."""
    return np.where(np.abs(d) < beta, d / beta, np.sign(d))


def bce(x: Array, t: Array, *, weight: Any = 1.0) -> Any:
    """``-(t log x + (1 - t) log(1 - x))``, each logarithm at least -100."""
    log_x, log_1x = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
    return -wide(weight) * (t * log_x + (1 - t) * log_1x)


def bce_rule(x: Array, t: Array, *, weight: Any = 1.0) -> tuple[Any, Any]:
    """``(x - t) / (x (1 - x))``, the denominator at least 1e-12."""
    by_target = wide(weight) * (np.log1p(-x) - np.log(x))
    return wide(weight) * (x - t) / np.maximum(x * (1 - x), 1e-12), by_target


def bce_logits(x: Array, t: Array, *, weight: Any = 1.0, pos_weight: Any = 1.0) -> Any:
    """`bce` of ``sigmoid(x)``, by ``-log(sigmoid(x)) = log(1 + exp(-x))``."""
    positive = wide(pos_weight) * t * np.logaddexp(0, -x)
    return wide(weight) * (positive + (1 - t) * np.logaddexp(0, x))


def bce_logits_rule(
    x: Array, t: Array, *, weight: Any = 1.0, pos_weight: Any = 1.0
) -> tuple[Any, Any]:
    """From ``d log(1 + exp(x)) / dx = sigmoid(x)``."""
    by_input = (1 - t) * sigmoid(x) - wide(pos_weight) * t * sigmoid(-x)
    by_target = wide(pos_weight) * np.logaddexp(0, -x) - np.logaddexp(0, x)
    return wide(weight) * by_input, wide(weight) * by_target


def kl(x: Array, t: Array, *, log_target: bool = False) -> Any:
    """``t (log t - x)`` with x a log-probability, and 0 log 0 = 0."""
    if log_target:
        return np.exp(t) * (t - x)
    return np.where(t == 0, 0.0, t * np.log(t)) - t * x


def kl_rule(x: Array, t: Array, *, log_target: bool = False) -> tuple[Array, Array]:
    """The product rule on `kl`."""
    if log_target:
        return -np.exp(t), np.exp(t) * (t - x + 1)
    return -t, np.log(t) + 1 - x


def poisson(
    x: Array, t: Array, *, log_input: bool = True, full: bool = False, eps: float = 1e-8
) -> Any:
    """``exp(x) - t x``, or ``x - t log(x + eps)``; Stirling's ``log(t!)`` above 1 if full."""
    loss = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    stirling = t * np.log(t) - t + np.log(2 * np.pi * t) / 2
    return loss + np.where(t > 1, stirling, 0.0) * full


def poisson_rule(
    x: Array, t: Array, *, log_input: bool = True, full: bool = False, eps: float = 1e-8
) -> tuple[Any, Any]:
    """The slopes of `poisson`."""
    by_t = np.where(t > 1, np.log(t) + 1 / (2 * t), 0.0) * full
    if log_input:
        return np.exp(x) - t, by_t - x
    return 1 - t / (x + eps), by_t - np.log(x + eps)


def msle_rule(x: Array, t: Array) -> tuple[Any, Any]:
    """The chain rule on ``(log(1 + x) - log(1 + t))^2``."""
    d = 2 * (np.log1p(x) - np.log1p(t))
    return d / (1 + x), -d / (1 + t)


_pointwise("msle_loss", lambda x, t: (np.log1p(x) - np.log1p(t)) ** 2, msle_rule)
_pointwise("poisson_nll_loss", poisson, poisson_rule)
_pointwise(
    "soft_margin_loss",
    lambda x, t: np.logaddexp(0, -x * t),
    lambda x, t: (-t * sigmoid(-x * t), -x * sigmoid(-x * t)),
)
_pointwise(
    "hinge_embedding_loss",
    lambda x, t, margin=1.0: np.where(t > 0, x, np.maximum(margin - x, 0)),
    lambda x, t, margin=1.0: (np.where(t > 0, 1.0, -1.0 * (x <= margin)), 0 * t),
)
_pointwise("mse_loss", lambda x, t: (x - t) ** 2, _both_ways(lambda d: 2 * d), True)
_pointwise("l1_loss", lambda x, t: np.abs(x - t), _both_ways(np.sign), True)
_pointwise("huber_loss", huber, _both_ways(huber_derivative))
_pointwise("smooth_l1_loss", smooth_l1, _both_ways(smooth_l1_derivative))
_pointwise("binary_cross_entropy", bce, bce_rule)
_pointwise("binary_cross_entropy_with_logits", bce_logits, bce_logits_rule)
_pointwise("kl_div", kl, kl_rule)
