"""Which loss is being used: by its name, its value, or its node in the graph."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from steep._core import Tensor
from steep.diagnose._events import Kind
from steep.diagnose._graph import nodes, operation
from steep.diagnose._numbers import Array, array

__all__ = ["kind_by_name", "kind_of", "log_softmax"]

_NAMES = {
    "CrossEntropyLoss": "cross_entropy",
    "cross_entropy": "cross_entropy",
    "NLLLoss": "nll",
    "nll_loss": "nll",
    "BCEWithLogitsLoss": "bce_logits",
    "binary_cross_entropy_with_logits": "bce_logits",
    "BCELoss": "bce",
    "binary_cross_entropy": "bce",
    **dict.fromkeys(("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"), "regression"),
    **dict.fromkeys(("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"), "regression"),
}


def kind_by_name(loss: Any) -> Kind:
    """Of a module by its class, of a function by its name; ``Kind('')`` of any other."""
    name = getattr(loss, "__name__", "") or type(loss).__name__
    kind = _NAMES.get(name, "")
    # Weights of classes and smoothing change the value, and not what it is a loss of.
    changed = (getattr(loss, attribute, None) for attribute in ("weight", "pos_weight"))
    smoothed = bool(getattr(loss, "label_smoothing", 0.0))
    plain = all(value is None for value in changed) and not smoothed
    return Kind(kind, plain and getattr(loss, "reduction", "mean") == "mean" and bool(kind))


def kind_of(loss: Any, output: Tensor | None, y: Any, result: Tensor | None) -> Kind:
    """The same where the value and the graph of a loss written by hand may tell."""
    kind = kind_by_name(loss)
    if kind.name or result is None:
        return kind
    if output is not None and isinstance(y, Tensor) and result.numel() == 1:
        value = result.item()
        for name, candidate in _candidates(array(output), array(y)):
            if math.isclose(value, candidate, rel_tol=1e-4, abs_tol=1e-7):
                return Kind(name, True)
    near = [operation(node) for node in itertools.islice(nodes(result.grad_fn), 60)]
    for found, name in (("CrossEntropy", "cross_entropy"), ("MseLoss", "regression")):
        if found in near:
            return Kind(name, False)
    return kind


def log_softmax(logits: Array) -> Array:
    """Over axis 1, in float64."""
    logits = logits.astype(np.float64)
    logits = logits - logits.max(axis=1, keepdims=True)
    result: Array = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return result


def _candidates(out: Array, y: Array) -> Iterator[tuple[str, float]]:
    """The means that well-known losses of these would have."""
    with np.errstate(all="ignore"):
        if y.dtype.kind in "iu" and out.ndim == y.ndim + 1 and out.ndim >= 2:
            if out.shape[:1] + out.shape[2:] != y.shape or y.size == 0:
                return
            if y.min() < 0 or y.max() >= out.shape[1]:
                return
            at = np.expand_dims(y.astype(np.int64), 1)
            yield "cross_entropy", float(-np.take_along_axis(log_softmax(out), at, 1).mean())
            yield "nll", float(-np.take_along_axis(out, at, 1).mean())
        elif y.dtype.kind == "f" and y.size == out.size and y.size:
            x, t = out.astype(np.float64).reshape(-1), y.astype(np.float64).reshape(-1)
            yield "bce_logits", float((np.logaddexp(0.0, x) - t * x).mean())
            yield "regression", float(((x - t) ** 2).mean())
            yield "regression", float(np.abs(x - t).mean())
            if x.min() >= 0 and x.max() <= 1:
                yield "bce", float(-(t * np.log(x) + (1 - t) * np.log1p(-x)).mean())
