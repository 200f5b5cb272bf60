"""How good predictions are."""

from __future__ import annotations

import numpy as np

__all__ = ["LABELS", "confusion", "score_classes", "score_numbers"]

# What each score is called, and whether more of it is better.
LABELS: dict[str, tuple[str, bool]] = {
    "accuracy": ("accuracy", True),
    "balanced_accuracy": ("balanced accuracy", True),
    "log_loss": ("log loss", False),
    "auc": ("area under the ROC curve", True),
    "rmse": ("root mean squared error", False),
    "mae": ("mean absolute error", False),
    "r2": ("R²", True),
}


def score_classes(probabilities: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Scores of probabilities [rows, classes] against class numbers [rows].

    Balanced accuracy is the mean over classes of the share of their rows that is right. The area
    under the ROC curve, of two classes alone, is the share of pairs that are in order (Mann and
    Whitney, 1947).
    """
    found = probabilities.argmax(axis=1)
    right = found == classes
    given = np.clip(probabilities[np.arange(len(classes)), classes], 1e-15, 1.0)
    of_class = [right[classes == k].mean() for k in np.unique(classes)]
    scores = {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean(of_class)),
        "log_loss": float(-np.log(given).mean()),
    }
    if probabilities.shape[1] == 2 and len(of_class) == 2:
        scores["auc"] = _area(probabilities[:, 1], classes == 1)
    return scores


def _area(scores: np.ndarray, ones: np.ndarray) -> float:
    """By ranks; those that tie share the mean of theirs."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[place]
    positive = int(ones.sum())
    above = ranks[ones].sum() - positive * (positive + 1) / 2
    return float(above / (positive * (len(ones) - positive)))


def score_numbers(values: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Scores of predicted numbers [rows] against true ones, in the target's units."""
    errors = values - truth
    spread = float(np.square(truth - truth.mean()).mean())
    squared = float(np.square(errors).mean())
    return {
        "rmse": squared**0.5,
        "mae": float(np.abs(errors).mean()),
        "r2": 1.0 - squared / spread if spread else float("nan"),
    }


def confusion(found: np.ndarray, classes: np.ndarray, count: int) -> list[list[int]]:
    """How often each class (row) was taken for each (column), [count, count]."""
    table = np.bincount(classes * count + found, minlength=count * count)
    out: list[list[int]] = table.reshape(count, count).tolist()
    return out
