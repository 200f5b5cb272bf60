"""What the estimators minimise."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from steep import nn
from steep._core import Tensor
from steep.nn import functional as F

__all__ = ["Loss", "classifier_loss", "regressor_loss"]

Measure = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Loss:
    """A loss of a network's output, which is what comes before the output's activation.

    Attributes:
        mean: (output, target) -> the mean over the batch.
        each: (output, target) -> one value a sample, for weights.
        target: what the loss wants as target: ``'index'`` of the class, int64 [rows]; ``'ones'``
            (0 or 1), ``'signs'`` (-1 or 1) or ``'values'``, floating [rows, outputs].
        link: the output's activation: ``'softmax'``, ``'logistic'``, ``'exp'`` or ``'identity'``.
        per_output: whether it is reported divided by the number of outputs, as scikit-learn does.
    """

    mean: Measure
    each: Measure
    target: str
    link: str
    per_output: bool = False

    def of(self, output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """The mean over a batch, weighted if there are weights [rows]."""
        if weight is None:
            return self.mean(output, target)
        each = self.each(output, target)
        if each.dim() == 0:
            raise ValueError(
                "loss: expected one value a sample where samples have weights, got their mean; "
                "return what is not yet averaged"
            )
        return (each * weight).sum() / weight.sum()


def _rows(values: Tensor) -> Tensor:
    return values.flatten(1).mean(dim=1) if values.dim() > 1 else values


def _cross_entropy() -> Loss:
    return Loss(F.cross_entropy, lambda o, t: F.cross_entropy(o, t, reduction="none"), "index",
                "softmax")  # fmt: skip


def _binary_log_loss(outputs: int) -> Loss:
    bce = F.binary_cross_entropy_with_logits

    def mean(output: Tensor, target: Tensor) -> Tensor:
        value = bce(output, target)
        return value if outputs == 1 else value * outputs

    return Loss(mean, lambda o, t: bce(o, t, reduction="none").sum(dim=1), "ones", "logistic")


def _squared_error(outputs: int) -> Loss:
    def mean(output: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(output, target) * (0.5 * outputs)

    def each(output: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(output, target, reduction="none").sum(dim=1) * 0.5

    return Loss(mean, each, "values", "identity", per_output=True)


def _poisson(outputs: int) -> Loss:
    def mean(output: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(output, target) * outputs

    def each(output: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(output, target, reduction="none").sum(dim=1)

    return Loss(mean, each, "values", "exp", per_output=True)


# What classes of steep.nn want as target in classification.
_WANTS = {
    "CrossEntropyLoss": "index",
    "FocalLoss": "index",
    "MultiMarginLoss": "index",
    "BCEWithLogitsLoss": "ones",
    "MultiLabelSoftMarginLoss": "ones",
    "SoftMarginLoss": "signs",
}
_CLASSIFIER_NAMES: dict[str, Callable[[], nn.Module]] = {
    "focal": nn.FocalLoss,
    "hinge": nn.MultiMarginLoss,
    "squared_hinge": lambda: nn.MultiMarginLoss(p=2),
}
_REGRESSOR_NAMES: dict[str, Callable[[], nn.Module]] = {
    "absolute_error": nn.L1Loss,
    "huber": nn.HuberLoss,
    "squared_log_error": nn.MSLELoss,
}


def classifier_loss(loss: Any, kind: str, outputs: int) -> Loss:
    """The loss of a classifier.

    Args:
        loss: a name, a loss of `steep.nn` (layer, class or its name), or a function of output and
            target.
        kind: ``'binary'``, ``'multiclass'`` or ``'multilabel'``.
        outputs: of the network, if the loss wants 0 and 1.

    Raises:
        ValueError: if there is no such loss, or it is not one for this kind of target.
    """
    if isinstance(loss, str) and loss == "log_loss":
        return _cross_entropy() if kind == "multiclass" else _binary_log_loss(outputs)
    layer = _layer(loss, _CLASSIFIER_NAMES, ("log_loss", *_CLASSIFIER_NAMES, *_WANTS))
    if layer is None:
        target = "index" if kind == "multiclass" else "ones"
    elif type(layer).__name__ in _WANTS:
        target = _WANTS[type(layer).__name__]
    else:
        raise ValueError(
            f"loss: {type(layer).__name__} does not compare a network's output with classes; "
            f"expected one of {', '.join(_WANTS)}, 'log_loss', or a function of output and target"
        )
    if target == "index" and kind == "multilabel":
        raise ValueError(
            f"loss: {type(layer).__name__} chooses one class a sample, and there are several "
            "labels; use 'log_loss', BCEWithLogitsLoss or MultiLabelSoftMarginLoss"
        )
    return _of(layer, loss, target, "softmax" if target == "index" else "logistic")


def regressor_loss(loss: Any, outputs: int) -> Loss:
    """The loss of a regressor: a name, a loss of `steep.nn`, or a function of output and target.

    Raises:
        ValueError: if there is no such loss.
    """
    if isinstance(loss, str) and loss == "squared_error":
        return _squared_error(outputs)
    if isinstance(loss, str) and loss == "poisson":
        return _poisson(outputs)
    names = ("squared_error", "poisson", *_REGRESSOR_NAMES)
    layer = _layer(loss, _REGRESSOR_NAMES, names)
    is_log = isinstance(layer, nn.PoissonNLLLoss) and layer.log_input
    return _of(layer, loss, "values", "exp" if is_log else "identity")


def _layer(loss: Any, names: dict[str, Callable[[], nn.Module]], known: Any) -> nn.Module | None:
    """The layer that computes a loss, or ``None`` if it is a function."""
    if isinstance(loss, str):
        if loss in names:
            return names[loss]()
        if loss.endswith("Loss") and hasattr(nn, loss):
            loss = getattr(nn, loss)
        else:
            raise ValueError(
                f"loss: expected a loss of steep.nn, a function of output and target, or one of "
                f"{', '.join(known)}; got {loss!r}"
            )
    if isinstance(loss, type) and issubclass(loss, nn.Module):
        loss = loss()
    if isinstance(loss, nn.Module) and hasattr(loss, "reduction"):
        return copy.deepcopy(loss)
    if not callable(loss):
        raise ValueError(
            f"loss: expected a name, a loss of steep.nn, or a function of output and target; got "
            f"{type(loss).__name__}"
        )
    return None


def _of(layer: nn.Module | None, function: Any, target: str, link: str) -> Loss:
    if layer is None:

        def mean_of(output: Tensor, target: Tensor) -> Tensor:
            value: Tensor = function(output, target)
            return value if value.dim() == 0 else value.mean()

        return Loss(mean_of, lambda o, t: _rows(function(o, t)), target, link)
    layer.reduction = "mean"
    each = copy.deepcopy(layer)
    each.reduction = "none"
    return Loss(layer, lambda o, t: _rows(each(o, t)), target, link)
