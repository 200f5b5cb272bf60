"""What comes into the model: its scale, its order, and which dimension is the batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from steep._core import Tensor
from steep.diagnose._events import Batch, Context, LayerCall, Rule
from steep.diagnose._graph import last_operation
from steep.diagnose._numbers import Array, array, short
from steep.diagnose.finding import Finding

__all__ = ["BatchFirst", "BatchesBySort", "InputScale"]

# Layers whose first act is to normalise; their inputs may have any scale.
_NORMS = ("BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm", "RMSNorm", "LazyBatchNorm")


class InputScale(Rule):
    """Inputs that are far from unit variance, where the first layer with weights gets them.

    Judged by column (channel, for images), by the root mean square of what is not zero, so that
    sparse inputs are not taken for small ones.
    """

    # Initialisations assume inputs of about unit variance. The curvature along a weight grows
    # with the square of its input: at 30 the largest stable rate is a thousandth. Standardised
    # data with heavy tails, images in 0 to 1 or in -2 to 3, decibels over 10 stay below.
    LARGE = 30.0
    # And the other way: the first layer then answers with its bias.
    SMALL = 1e-3
    BATCHES = 3

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.seen: dict[str, list[tuple[float, int, Array]]] = {}

    def layer(self, call: LayerCall) -> Iterable[Finding]:
        if not call.leaf or not call.module._parameters:
            return
        for x in call.inputs[:1]:
            if _is_data(x) and not type(call.module).__name__.startswith(_NORMS):
                yield from self._seen(call.name, x)

    def _seen(self, layer: str, x: Tensor) -> Iterator[Finding]:
        columns = _columns(array(x))
        if columns.size == 0 or not np.isfinite(columns).all():
            return
        filled = columns != 0
        counts = np.maximum(filled.sum(axis=0), 1)
        sizes = np.sqrt((columns.astype(np.float64) ** 2).sum(axis=0) / counts)
        worst = int(sizes.argmax())
        seen = self.seen.setdefault(layer, [])
        seen.append((float(sizes[worst]), worst, columns[:, worst]))
        if len(seen) < self.BATCHES:
            return
        recent = [size for size, _, _ in seen[-self.BATCHES :]]
        values = seen[-1][2]
        where = f"column {worst} of its input has mean {short(values.mean())}, standard deviation "
        where += f"{short(values.std())}, from {short(values.min())} to {short(values.max())}"
        mend = "standardise the inputs: (x - mean) / std of the training set; images / 255"
        if min(recent) > self.LARGE:
            yield self.finding("inputs-not-normalised", layer, where, mend)
        elif 0 < max(recent) < self.SMALL:
            evidence = f"no column of its input has a root mean square above {short(max(recent))}"
            yield self.finding("inputs-not-normalised", layer, evidence, mend)


def _is_data(x: Tensor) -> bool:
    """Whether it comes from outside of the model: nothing but views of a leaf."""
    return x.is_floating_point() and last_operation(x.grad_fn) is None


def _columns(values: Array) -> Array:
    """Samples by columns; the channels of images, the last dimension of all else."""
    if values.ndim == 0:
        return values.reshape(0, 0)
    axis = 1 if values.ndim >= 4 else values.ndim - 1
    return np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])[:4096]


class BatchFirst(Rule):
    """A recurrent layer or transformer that takes the batch for time, and mixes its samples."""

    BATCHES = 3

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.suspects: dict[str, tuple[int, ...]] = {}
        self.rows: dict[str, int] = {}

    def layer(self, call: LayerCall) -> Iterable[Finding]:
        first = getattr(call.module, "batch_first", None)
        if first is False and call.inputs and call.inputs[0].ndim == 3:
            self.suspects[call.name] = tuple(call.inputs[0].shape)
        return ()

    def batch(self, batch: Batch) -> Iterable[Finding]:
        suspects, self.suspects = self.suspects, {}
        y, x = batch.y, batch.x
        if not isinstance(y, Tensor) or not isinstance(x, Tensor) or y.ndim == 0 or x.ndim < 2:
            return
        for name, shape in suspects.items():
            # One target for each row of dimension 0, and none for dimension 1: it is the batch.
            samples, length = shape[0], shape[1]
            fits = samples == y.shape[0] == x.shape[0] and length == x.shape[1]
            alone = y.ndim == 1 or (y.shape[1] != length)
            if not (fits and alone and samples != length and length > 1):
                continue
            self.rows[name] = self.rows.get(name, 0) + 1
            if self.rows[name] >= self.BATCHES:
                evidence = (
                    f"its input is {list(shape)} and the target {list(y.shape)}: dimension 0, the "
                    "batch, is taken for time, and each sample sees those before it"
                )
                mend = "batch_first=True, or x.transpose(0, 1)"
                yield self.finding("batch-taken-for-time", name, evidence, mend)


class BatchesBySort(Rule):
    """Batches of one class each: the data is sorted by its labels, and not shuffled."""

    BATCHES = 12
    # Share of the variance of labels that lies between batches; 1 / (batch size) where they are
    # mixed, 1 where each has one class.
    SHARE = 0.8
    SIZE = 8

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.labels: list[Array] = []

    def batch(self, batch: Batch) -> Iterable[Finding]:
        y = batch.y
        if batch.kind.name not in ("cross_entropy", "nll") or not isinstance(y, Tensor):
            return
        if y.ndim != 1 or y.is_floating_point() or y.numel() < self.SIZE:
            return
        self.labels.append(np.array(array(y)))
        if len(self.labels) != self.BATCHES:
            return
        share = _between(self.labels)
        if share > self.SHARE:
            single = sum(labels.min() == labels.max() for labels in self.labels)
            evidence = (
                f"{single} of {self.BATCHES} batches hold one class, and there are "
                f"{np.unique(np.concatenate(self.labels)).size}: {share:.0%} of the variance of "
                "labels lies between batches"
            )
            mend = "DataLoader(..., shuffle=True)"
            yield self.finding("batches-not-shuffled", "", evidence, mend)


def _between(labels: list[Array]) -> float:
    """Share of the labels' variance (as indicators of classes) between batches."""
    whole = np.concatenate(labels)
    classes = np.unique(whole)
    if classes.size < 2:
        return 0.0
    shares = np.array([(whole == c).mean() for c in classes])
    total = float((shares * (1 - shares)).sum())
    inside = 0.0
    for part in labels:
        own = np.array([(part == c).mean() for c in classes])
        inside += part.size / whole.size * float((own * (1 - own)).sum())
    return 1 - inside / total
