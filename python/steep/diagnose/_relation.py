"""Whether inputs say anything about targets: a test that no model has to be trained for."""

from __future__ import annotations

import numpy as np

from steep.diagnose._numbers import Array

__all__ = ["relation"]


def relation(x: Array, y: Array) -> float:
    """How surely near inputs have nearer targets than any two, in standard errors.

    Each sample is answered for by its nearest neighbour (Cover and Hart, 1967), and by a linear
    fit without itself; the surer of both counts. Below 2 is chance; infinity where there is too
    little to tell by.

    Args:
        x: samples by anything, of numbers.
        y: labels, integers, one for each sample; or values.
    """
    x, first = np.unique(x.reshape(len(x), -1), axis=0, return_index=True)
    y = y[first]  # a copy of a sample would be its own nearest neighbour
    x = x.astype(np.float64)
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-12)
    targets = y.reshape(len(y), -1)
    if targets.dtype.kind in "iu" and targets.shape[1] == 1:
        targets = (targets == np.unique(targets)).astype(np.float64)
    targets = targets.astype(np.float64) - targets.mean(axis=0)
    if len(x) < 16 or not np.isfinite(x).all() or not targets.any():
        return np.inf  # too few different inputs to say anything
    nearest = _surely(targets, targets[_nearest(x)])
    if nearest < -4:  # always of the other class, as with parities, which tells as much
        nearest = -nearest
    return max(nearest, _surely(targets, _linear(x, targets)))


def _nearest(x: Array) -> Array:
    squares = (x**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * x @ x.T
    np.fill_diagonal(distances, np.inf)
    nearest: Array = distances.argmin(axis=1)
    return nearest


def _linear(x: Array, targets: Array) -> Array:
    """Ridge regression's answer to each sample from all others, by the kernel's hat matrix."""
    gram = x @ x.T / x.shape[1]
    hat = gram @ np.linalg.inv(gram + np.eye(len(x)))
    own = np.minimum(np.diag(hat), 0.999)[:, None]
    left_out: Array = (hat @ targets - own * targets) / (1 - own)
    return left_out


def _surely(targets: Array, answers: Array) -> float:
    """Mean product of target and answer over its standard error."""
    products = (targets * (answers - answers.mean(axis=0))).sum(axis=1)
    error = products.std() / np.sqrt(len(products))
    return float(products.mean() / error) if error > 0 else 0.0
