"""Metrics by their names."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any

from steep.train.metrics.accuracy import Accuracy, TopK
from steep.train.metrics.base import Metric
from steep.train.metrics.counts import F1, ConfusionMatrix, Precision, Recall
from steep.train.metrics.errors import MAE, MSE, R2, RMSE
from steep.train.metrics.probability import AUC, LogLoss

__all__ = ["NAMES", "make_metrics"]

NAMES: dict[str, Callable[..., Metric]] = {
    "accuracy": Accuracy,
    "top5_accuracy": TopK,
    "precision": Precision,
    "recall": Recall,
    "f1": F1,
    "auc": AUC,
    "log_loss": LogLoss,
    "confusion_matrix": ConfusionMatrix,
    "mae": MAE,
    "mse": MSE,
    "rmse": RMSE,
    "r2": R2,
}
_OTHER_NAMES = {"acc": "accuracy", "roc_auc": "auc", "top_k": "top5_accuracy"}
_AVERAGED = {
    f"{stem}_{average}": (stem, average)
    for stem in ("precision", "recall", "f1", "auc")
    for average in ("macro", "micro", "weighted")
    if stem != "auc" or average == "weighted"
}
_TOP = re.compile(r"top_?(\d+)(_accuracy)?")
_TAKEN = ("epoch", "steps", "seconds", "loss", "lr")


def make_metrics(given: str | Metric | Iterable[str | Metric]) -> list[Metric]:
    """New metrics for names; copies of metrics that are objects, whose owner may use them again.

    Raises:
        TypeError: if one is neither a name nor a metric.
        ValueError: if there is no metric of such a name, or two have the same.
    """
    listed = [given] if isinstance(given, (str, Metric)) else list(given)
    made = [_made(one) for one in listed]
    names = [metric.name for metric in made]
    for name in names:
        if name in _TAKEN or names.count(name) > 1:
            owner = "a column of the history already" if name in _TAKEN else "that of another"
            raise ValueError(f"metrics: expected a name of its own for each, got {name!r}, {owner}")
    return made


def _made(one: Any) -> Metric:
    if isinstance(one, Metric):
        return copy.deepcopy(one)
    if isinstance(one, type) and issubclass(one, Metric):
        return one()
    if not isinstance(one, str):
        raise TypeError(
            f"metrics: expected names or objects of steep.train.Metric, got {type(one).__name__}"
        )
    if top := _TOP.fullmatch(one):
        return TopK(int(top[1]))
    if one in _AVERAGED:
        stem, average = _AVERAGED[one]
        return NAMES[stem](average)
    make = NAMES.get(_OTHER_NAMES.get(one, one))
    if make is None:
        near = difflib.get_close_matches(one, [*NAMES, *_OTHER_NAMES, *_AVERAGED], 1, 0.4)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        raise ValueError(
            f"metrics: expected one of {', '.join(map(repr, NAMES))}, got {one!r}{hint}"
        )
    return make()
