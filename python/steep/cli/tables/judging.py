"""A trained network beside a linear model and a constant, on the test rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from steep import nn
from steep._optional import optional
from steep.cli.tables.importance import importances
from steep.cli.tables.learning import inputs_of, outputs_of, predictions
from steep.cli.tables.reading import Parts, Problem
from steep.cli.tables.report import Report
from steep.cli.tables.scores import confusion, score_classes, score_numbers
from steep.data import TargetTransform
from steep.data.tables.frames import as_frame

__all__ = ["judge"]

_MOST_PAIRS = 500
_MOST_CLASSES = 30
_MANY_COPIES = 0.05  # of the test rows
_STOPPED = {
    "early stopping": "it ended when the validation loss no longer fell",
    "epochs": "it ended after the most epochs that it may have",
    "interrupted": "it was interrupted",
}


def judge(
    source: str,
    problem: Problem,
    parts: Parts,
    trained: dict[str, Any],
    history: Any,
    seconds: float,
    seed: int,
) -> Report:
    """The report of a training.

    Args:
        source: the table's file.
        problem, parts: what was learned, and from which rows.
        trained: ``'network'``, ``'table'``, ``'target'``, and the table's transform and network of
            the ``'linear'`` model.
        history, seconds: of the training.
        seed: of splits and weights.
    """
    network, table, target = trained["network"], trained["table"], trained["target"]
    frame = problem.frame.iloc[parts.test]
    truth = _truth(problem, target, parts.test)
    known = _truth(problem, target, parts.training)
    found = predictions(outputs_of(network, inputs_of(table, frame)), target)
    linear_table, linear = trained["linear"]
    of_linear = predictions(outputs_of(linear, inputs_of(linear_table, frame)), target)
    is_classes = problem.task == "classification"
    score = score_classes if is_classes else score_numbers
    scores = {
        "network": score(found, truth),
        "linear model": score(of_linear, truth),
        "commonest class" if is_classes else "mean": score(_constant(known, target, found), truth),
    }
    problem.notes.extend(_copies(problem, parts, table.columns))
    if is_classes:
        problem.notes.extend(_unrecognised(found.argmax(axis=1), truth, target))
    return Report(
        source=source,
        target=problem.target,
        task=problem.task,
        classes=[str(name) for name in target.classes] if is_classes else [],
        rows={name: len(rows) for name, rows in vars(parts).items()},
        columns={name: str(kind) for name, kind in table.kinds.items()},
        categories=_categories(problem, parts, table),
        notes=problem.notes,
        network=_words(network),
        parameters=sum(p.numel() for p in network.parameters()),
        epochs=len(history),
        best_epoch=int(history.best_epoch or 0),
        seconds=seconds,
        stopped=_STOPPED.get(str(history.stopped), str(history.stopped)),
        curve={"training": history["loss"], "validation": history["val_loss"]},
        scores=scores,
        importances=importances(network, table, target, frame, truth, seed),
        confusion=_confused(found, truth, target) if is_classes else [],
        pairs=[] if is_classes else np.column_stack([truth, found])[:_MOST_PAIRS].tolist(),
        seed=seed,
    )


def _copies(problem: Problem, parts: Parts, columns: list[str]) -> list[str]:
    """A note if many test rows are training rows as well, target included."""
    pandas = optional("pandas", "tables", "steep train")
    keys = pandas.util.hash_pandas_object(problem.frame[columns], index=False).to_numpy()
    # Sums wrap around; an odd factor keeps rows apart whose target is another.
    keys = keys + 3 * pandas.util.hash_pandas_object(problem.values, index=False).to_numpy()
    copies = int(np.isin(keys[parts.test], keys[parts.training]).sum())
    if copies < _MANY_COPIES * len(parts.test):
        return []
    return [
        f"{copies} of {len(parts.test)} test rows are among the training rows too, value for "
        "value; if these are copies of the same case, drop them from the table: the scores are "
        "better than they will be on new rows"
    ]


def _unrecognised(found: np.ndarray, truth: np.ndarray, target: TargetTransform) -> list[str]:
    """A note if only the commonest class is ever answered, which its accuracy hides."""
    most = int(np.bincount(truth).argmax())
    others = int((truth != most).sum())
    if not others or (found != most).any():
        return []
    return [
        f"all test rows are taken for {str(target.classes[most])!r}, the {others} others too: look "
        "at the balanced accuracy, not at the accuracy"
    ]


def _categories(problem: Problem, parts: Parts, table: Any) -> dict[str, list[str]]:
    """The values of each category among the training rows."""
    seen = as_frame(problem.frame.iloc[parts.training], "steep train")
    names = [name for name, kind in table.kinds.items() if kind == "category"]
    return {name: [str(level) for level in seen[name].as_levels().levels] for name in names}


def _truth(problem: Problem, target: TargetTransform, rows: np.ndarray) -> np.ndarray:
    """Class numbers, or numbers in the target's units."""
    values = problem.values.iloc[rows]
    if problem.task == "classification":
        return np.asarray(target.transform(values))
    return np.asarray(values, dtype=np.float64)


def _constant(known: np.ndarray, target: TargetTransform, found: np.ndarray) -> np.ndarray:
    """What predicts best without looking: the shares of the classes, or the mean."""
    if target.found == "regression":
        return np.full(len(found), known.mean())
    shares = np.bincount(known, minlength=found.shape[1]) / len(known)
    return np.tile(shares, (len(found), 1))


def _confused(found: np.ndarray, truth: np.ndarray, target: TargetTransform) -> list[list[int]]:
    if target.outputs > _MOST_CLASSES:
        return []
    return confusion(found.argmax(axis=1), truth, target.outputs)


def _words(network: nn.Module) -> str:
    """A network in a line: its widths, its activation, what else it has."""
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    widths = [linear[0].in_features, *(layer.out_features for layer in linear)]
    tables = [m for m in network.modules() if isinstance(m, nn.Embedding)]
    rates = [m.p for m in network.modules() if isinstance(m, nn.Dropout)]
    words = "-".join(map(str, widths))
    if len(linear) > 1:
        words += ", ReLU"
    if rates:
        words += f", dropout {rates[0]:g}"
    if tables:
        words += f", {len(tables)} embedded column{'s' * (len(tables) > 1)}"
    return words
