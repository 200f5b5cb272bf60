"""The loss of labels without an alignment (Graves, Fernandez, Gomez and Schmidhuber 2006)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steep.reference.registry import Array, register, wide


def _log_likelihood(y: Array, labels: Sequence[int], blank: int) -> float:
    """Of labels, in the steps ``y[t]`` of logarithms of probabilities: the paper's section 4.1."""
    states = [blank]
    for label in labels:
        states += [label, blank]
    alpha = np.full(len(states), -np.inf)
    alpha[0] = 0.0  # in front of the first step
    for t, of_step in enumerate(y):
        before = alpha
        alpha = np.full(len(states), -np.inf)
        for s, state in enumerate(states):
            ways = [before[s]]
            if s > 0:
                ways.append(before[s - 1])
            if s > 1 and state not in (blank, states[s - 2]) and t > 0:
                ways.append(before[s - 2])
            alpha[s] = np.logaddexp.reduce(ways) + of_step[state]
    return float(np.logaddexp.reduce(alpha[-2:]))


def ctc_loss(
    log_probs: Array,
    targets: Array,
    input_lengths: Sequence[int] | Array,
    target_lengths: Sequence[int] | Array,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:
    """Minus the logarithm of the likelihood of each sample; the mean is by the labels of each."""
    y = wide(log_probs)
    if y.ndim == 2:
        y = y[:, None]
    steps, counts = np.ravel(input_lengths), np.ravel(target_lengths)
    starts = np.cumsum([0, *counts])
    losses = []
    for n, (length, count) in enumerate(zip(steps, counts, strict=True)):
        labels = targets[n] if targets.ndim == 2 else targets[starts[n] :]
        losses.append(-_log_likelihood(y[:length, n], labels[:count].tolist(), blank))
    out = np.array(losses)
    if zero_infinity:
        out = np.where(np.isinf(out), 0.0, out)
    if reduction == "mean":
        out = np.mean(out / np.maximum(counts, 1))
    elif reduction == "sum":
        out = np.sum(out)
    if log_probs.ndim == 2:
        out = np.reshape(out, ())
    return np.asarray(out).astype(log_probs.dtype)


register("ctc_loss", ctc_loss, None, ("log_probs",))
