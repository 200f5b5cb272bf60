"""Networks trained on a table: the one that is asked for, and a linear one to compare with."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import steep
from steep import nn
from steep.cli.tables.reading import Parts, Problem
from steep.data import TableTransform, TargetTransform
from steep.diagnose import TrainingWarning
from steep.models import TabularNet, embedding_dimensions, mlp

__all__ = ["Recipe", "fit_linear", "fit_network", "inputs_of", "outputs_of", "predictions"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        hidden: width of each hidden layer.
        dropout: share of each hidden layer's units that is dropped in training.
        lr: learning rate of AdamW.
        decay: its weight decay.
        batch_size: rows of a step.
        epochs: passes over the rows at most.
        patience: epochs without a lower validation loss after which the training ends.
    """

    hidden: Sequence[int] = (128,)
    dropout: float = 0.3
    lr: float = 1e-3
    decay: float = 1e-2
    batch_size: int = 32
    epochs: int = 300
    patience: int = 40


Inputs = tuple[steep.Tensor, ...]


def inputs_of(table: TableTransform, frame: Any) -> Inputs:
    """A table as the arguments of a network."""
    out = table.transform(frame)
    parts = out if isinstance(out, tuple) else (out,)
    return tuple(steep.from_numpy(np.ascontiguousarray(part)) for part in parts)


def fit_network(
    table: TableTransform,
    target: TargetTransform,
    problem: Problem,
    parts: Parts,
    recipe: Recipe,
    *,
    progress: bool | None = None,
    sanitize: bool = True,
) -> tuple[nn.Module, Any]:
    """A network with the weights of its best epoch, and the history of its training."""
    inputs = inputs_of(table, problem.frame)
    sizes = table.embedding_sizes
    dimensions = embedding_dimensions(sizes)
    width = int(inputs[0].shape[1]) + sum(dimensions)
    body = mlp(width, recipe.hidden, target.outputs, dropout=recipe.dropout)
    network: nn.Module = TabularNet(sizes, dimensions, body) if sizes else body
    loss = nn.CrossEntropyLoss() if problem.task == "classification" else nn.MSELoss()
    y = steep.from_numpy(np.ascontiguousarray(target.transform(problem.values)))

    def taken(rows: np.ndarray) -> tuple[Any, Any]:
        at = steep.from_numpy(np.ascontiguousarray(rows))
        x = tuple(part[at] for part in inputs)
        return (x if len(x) > 1 else x[0]), y[at]

    optimizer = steep.optim.AdamW(network.parameters(), lr=recipe.lr, weight_decay=recipe.decay)
    try:
        with warnings.catch_warnings():
            # Classes are numbered here, of all rows; the first one may have none to learn from.
            warnings.filterwarnings("ignore", "labels-from-one", TrainingWarning)
            # The report says it by the test rows.
            warnings.filterwarnings("ignore", "class-imbalance", TrainingWarning)
            history = steep.train.fit(
                network,
                loss,
                optimizer,
                taken(parts.training),
                taken(parts.validation),
                epochs=recipe.epochs,
                batch_size=recipe.batch_size,
                early_stopping=recipe.patience,
                progress=progress,
                sanitize=sanitize,
            )
    except ArithmeticError as error:
        raise ValueError(
            f"the training went astray: {str(error).partition('. ')[0].removeprefix('fit: ')}; "
            "give a smaller learning rate (--lr), and look for huge values in the table"
        ) from error
    return network.eval(), history


def fit_linear(
    target: TargetTransform, problem: Problem, parts: Parts, **options: Any
) -> tuple[TableTransform, nn.Module]:
    """A linear model on the same rows: logistic regression, or linear regression with a ridge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is left out has been said
        table = TableTransform(**options).fit(problem.frame, parts.training)
    if problem.task == "classification":
        recipe = Recipe(hidden=(), dropout=0.0, lr=1e-2, decay=1e-3, epochs=200, patience=10)
        network, _ = fit_network(
            table, target, problem, parts, recipe, progress=False, sanitize=False
        )
        return table, network
    x = table.transform(problem.frame)[parts.training].astype(np.float64)
    y = target.transform(problem.values)[parts.training].astype(np.float64)
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    centred = x - mean_x
    ridge = 1e-3 * len(x) * np.eye(x.shape[1])
    weight = np.linalg.solve(centred.T @ centred + ridge, centred.T @ (y - mean_y))
    layer = nn.Linear(x.shape[1], y.shape[1])
    with steep.no_grad():
        layer.weight.copy_(steep.from_numpy(np.ascontiguousarray(weight.T)))
        if layer.bias is not None:
            layer.bias.copy_(steep.from_numpy(mean_y - mean_x @ weight))
    return table, layer


def outputs_of(network: nn.Module, inputs: Inputs, batch: int = 8192) -> np.ndarray:
    """A network's outputs, [rows, outputs]."""
    rows = int(inputs[0].shape[0])
    with steep.no_grad():
        parts = [
            network(*(x[i : i + batch] for x in inputs)).numpy() for i in range(0, rows, batch)
        ]
    return np.concatenate(parts)


def predictions(outputs: np.ndarray, target: TargetTransform) -> np.ndarray:
    """Probabilities [rows, classes] of a classification, numbers [rows] of a regression."""
    if target.found == "regression":
        return np.asarray(target.inverse_transform(outputs)).reshape(len(outputs))
    shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True).astype(np.float64))
    shares: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return shares
