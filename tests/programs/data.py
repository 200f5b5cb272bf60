"""Batches and small networks: what the programs share. Nothing here draws from a global stream."""

from __future__ import annotations

from typing import Any

import numpy as np

import steep

nn = steep.nn


def inputs(i: int, rows: int = 6, columns: int = 4) -> Any:
    """A batch of inputs, another for each number."""
    values = np.random.default_rng(i).normal(size=(rows, columns))
    return steep.from_numpy(values.astype(np.float32))


def regression(i: int, rows: int = 6) -> tuple[Any, Any]:
    """Inputs and one target each."""
    x = inputs(i, rows)
    return x, (x * 0.5).sum(1, keepdim=True).tanh()


def labelled(i: int, rows: int = 6, classes: int = 3) -> tuple[Any, Any]:
    """Inputs and labels."""
    labels = np.random.default_rng(1000 + i).integers(0, classes, rows)
    return inputs(i, rows), steep.from_numpy(labels)


def mlp(inputs: int = 4, outputs: int = 1, hidden: int = 5) -> Any:
    """Two layers."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, outputs))
