"""How much a network needs each column."""

from __future__ import annotations

from typing import Any

import numpy as np

import steep
from steep import nn
from steep.cli.tables.learning import inputs_of, outputs_of, predictions
from steep.cli.tables.scores import score_classes, score_numbers
from steep.data import TableTransform, TargetTransform

__all__ = ["importances"]

_ROWS, _REPEATS = 1000, 3


def importances(
    network: nn.Module,
    table: TableTransform,
    target: TargetTransform,
    frame: Any,
    truth: np.ndarray,
    seed: int,
) -> dict[str, float]:
    """By how much the error rises when a column's values are shuffled among the rows.

    (Breiman, Random Forests, 2001, section 10.) The error is the log loss, or the root mean squared
    error in the target's units; rows are at most 1,000, shuffles three.

    Args:
        network: what predicts.
        table, target: its transforms.
        frame: rows that it has not seen.
        truth: their class numbers, or numbers.
        seed: of the shuffles.

    Returns:
        The rise for each column, the greatest first.
    """
    random = np.random.default_rng(seed)
    if len(frame) > _ROWS:
        rows = np.sort(random.choice(len(frame), _ROWS, replace=False))
        frame, truth = frame.iloc[rows], truth[rows]

    def error(given: tuple[steep.Tensor, ...]) -> float:
        predicted = predictions(outputs_of(network, given), target)
        if target.found == "classification":
            return score_classes(predicted, truth)["log_loss"]
        return score_numbers(predicted, truth)["rmse"]

    # What a column becomes depends on nothing but the column: its features can be shuffled as well,
    # and the table, which may have hundreds of columns, is converted once.
    inputs = inputs_of(table, frame)
    before = error(inputs)
    sources = np.array(table.feature_columns, object)
    codes = np.array(table.embedding_names, object)
    rises = {}
    for name in table.columns:
        owned = [np.flatnonzero(names == name) for names in (sources, codes)]
        shuffled = []
        for _ in range(_REPEATS):
            order = random.permutation(len(frame))
            shuffled.append(error(_exchanged(inputs, owned, order)))
        rises[name] = float(np.mean(shuffled)) - before
    return dict(sorted(rises.items(), key=lambda item: -item[1]))


def _exchanged(
    inputs: tuple[steep.Tensor, ...], owned: list[np.ndarray], order: np.ndarray
) -> tuple[steep.Tensor, ...]:
    """Copies of the inputs, with the rows of some columns of each in another order."""
    out = []
    for part, columns in zip(inputs, owned, strict=False):
        values = part.numpy().copy()
        values[:, columns] = values[order][:, columns]
        out.append(steep.from_numpy(values))
    return tuple(out)
