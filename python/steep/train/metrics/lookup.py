"""Metrics by their names."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterable
from typing import Any

from steep.train.metrics.accuracy import Accuracy
from steep.train.metrics.base import Metric

__all__ = ["NAMES", "make_metrics"]

NAMES: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy,
}
_OTHER_NAMES = {"acc": "accuracy"}
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
    make = NAMES.get(_OTHER_NAMES.get(one, one))
    if make is None:
        near = difflib.get_close_matches(one, [*NAMES, *_OTHER_NAMES], 1, 0.4)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        raise ValueError(
            f"metrics: expected one of {', '.join(map(repr, NAMES))}, got {one!r}{hint}"
        )
    return make()
