"""Targets of a kind or range that the loss or the output cannot fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np

from steep._core import Tensor
from steep.diagnose._events import Batch, Context, Kind, Rule
from steep.diagnose._graph import last_operation, operation
from steep.diagnose._kinds import log_softmax
from steep.diagnose._numbers import Array, array, short
from steep.diagnose.finding import Finding
from steep.diagnose.rules.activations import last_layer

__all__ = ["OutputRange", "Targets"]


class Targets(Rule):
    """Targets that are not what the loss takes. Exact, but for rounding errors."""

    # Sums of float32 probabilities are off by their number times 6e-8.
    TOLERANCE = 1e-3
    # Were class 0 as frequent as the others, its missing in n / C = 12 samples would have a
    # probability below exp(-12), one in 100 000.
    EXPECTED = 12

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.counts: Array = np.zeros(0, np.int64)

    # ---- before the loss, which raises for some of these ------------------------------------

    def before_loss(self, kind: Kind, output: Any, y: Any) -> Iterable[Finding]:
        if not isinstance(output, Tensor) or not isinstance(y, Tensor) or output.ndim == 0:
            return
        if y.requires_grad and not output.requires_grad and kind.name not in ("", "regression"):
            evidence = f"the first argument, {list(output.shape)}, takes no gradient, and the "
            evidence += f"second, {list(y.shape)}, does"
            yield self.finding("swapped-arguments", "", evidence, "loss(output, target)")
        if kind.name in ("cross_entropy", "nll") and y.numel():
            yield from self._classes(output, y)

    def _classes(self, output: Tensor, y: Tensor) -> Iterator[Finding]:
        classes = output.shape[1] if output.ndim > 1 else output.shape[0]
        if y.is_floating_point() and y.shape != output.shape:
            whole = bool((array(y) == np.round(array(y))).all())
            code = "float-class-labels" if whole else "regression-with-cross-entropy"
            evidence = f"targets are {y.dtype} of shape {list(y.shape)}, such as {_some(y)}"
            mend = (
                "y.long(): class labels are int64 numbers from 0"
                if whole
                else "MSELoss for values that are no classes; or make classes of them"
            )
            yield self.finding(code, "", evidence, mend)
        elif not y.is_floating_point() and y.shape == output.shape and output.ndim > 1:
            evidence = f"targets are {y.dtype} of the output's shape {list(y.shape)}"
            mend = "y.argmax(1): the numbers of the classes; or y.float() for probabilities"
            yield self.finding("one-hot-targets", "", evidence, mend)
        elif not y.is_floating_point():
            labels = array(y)
            if labels.max() == classes and labels.min() >= 1:
                evidence = (
                    f"labels run from {labels.min()} to {labels.max()}, and the output has "
                    f"{classes} classes, 0 to {classes - 1}"
                )
                yield self.finding("labels-from-one", "", evidence, "y - 1: classes count from 0")

    # ---- after it ---------------------------------------------------------------------------

    def batch(self, batch: Batch) -> Iterable[Finding]:
        if batch.output is None or not isinstance(batch.y, Tensor):
            return
        if batch.y.numel() == 0 or batch.output.numel() == 0:
            return
        yield from self.before_loss(batch.kind, batch.output, batch.y)
        out, y = array(batch.output), array(batch.y)
        if batch.kind.name in ("cross_entropy", "nll"):
            yield from self._cross_entropy(batch.kind.name, out, y)
        elif batch.kind.name in ("bce", "bce_logits"):
            low, high = float(y.min()), float(y.max())
            if low < 0 or high > 1:
                evidence = f"targets run from {short(low)} to {short(high)}"
                mend = "targets between 0 and 1" + (
                    ": (y + 1) / 2 of labels -1 and 1" if (low, high) == (-1, 1) else ""
                )
                yield self.finding("bce-targets-outside-0-1", "", evidence, mend)

    def _cross_entropy(self, kind: str, out: Array, y: Array) -> Iterator[Finding]:
        if out.ndim >= 2 and out.shape[1] == 1:
            evidence = f"the output {list(out.shape)} has one class: softmax gives 1, the loss is 0"
            mend = "an output for each class, or one output with BCEWithLogitsLoss"
            yield self.finding("one-class", last_layer(self.context), evidence, mend)
            return
        if kind == "cross_entropy" and y.dtype.kind == "f" and y.shape == out.shape:
            sums = y.sum(axis=min(1, y.ndim - 1))
            far = float(np.abs(sums - 1).max())
            if far > self.TOLERANCE or y.min() < 0:
                evidence = f"probabilities of a sample add up to {short(sums.min())} to " + (
                    f"{short(sums.max())}, the smallest is {short(y.min())}"
                )
                mend = "rows that add up to 1; or BCEWithLogitsLoss, if several classes may hold"
                yield self.finding("targets-no-probabilities", "", evidence, mend)
        if kind == "nll" and out.ndim >= 2 and np.isfinite(out).all():
            yield from self._log_probabilities(out)
        if out.ndim == 2 and y.ndim == 1 and y.dtype.kind in "iu" and y.min() >= 0:
            self._count(y, out.shape[1])

    def _log_probabilities(self, out: Array) -> Iterator[Finding]:
        total = (out.astype(np.float64) - log_softmax(out))[:, 0]  # log of the sum over classes
        far = float(np.abs(total).max())
        if far > self.TOLERANCE:
            evidence = f"exp of the inputs adds up to {short(float(np.exp(min(far, 700))))}, not 1"
            over_batch = np.abs(np.exp(out.astype(np.float64)).sum(axis=0) - 1).max()
            if over_batch < self.TOLERANCE:
                evidence += "; over the batch it does: the softmax is of the wrong dimension"
            mend = "log_softmax(logits, dim=1) before NLLLoss; or logits to CrossEntropyLoss"
            layer = last_layer(self.context)
            yield self.finding("nll-without-log-probabilities", layer, evidence, mend)

    def _count(self, y: Array, classes: int) -> None:
        if self.counts.size != classes:
            self.counts = np.zeros(classes, np.int64)
        if y.max() < classes:
            self.counts += np.bincount(y, minlength=classes)

    def end(self) -> Iterable[Finding]:
        """Class 0 never, all others often: labels from 1, and an output too many."""
        counts = self.counts
        if counts.size < 3 or counts[0] or _takes_tokens(self.context):
            return
        if counts.sum() / counts.size >= self.EXPECTED and counts[1:].min() > 0:
            evidence = (
                f"class 0 is in none of {counts.sum()} samples; each of the classes 1 to "
                f"{counts.size - 1} in {counts[1:].min()} or more"
            )
            mend = f"y - 1 and {counts.size - 1} outputs: classes count from 0"
            yield self.finding("labels-from-one", "", evidence, mend)


def _takes_tokens(context: Context) -> bool:
    """Whether it has embeddings: there, number 0 is often kept for padding."""
    return any(type(m).__name__.startswith("Embedding") for m in context.model.modules())


def _some(y: Tensor) -> str:
    return ", ".join(short(float(value)) for value in array(y).reshape(-1)[:3])


class OutputRange(Rule):
    """Targets of a regression that the output's activation cannot reach."""

    # A few targets beyond the ends may be outliers. Counted over batches, for the same reason.
    SHARE = 0.05
    BATCHES = 3
    RANGES: ClassVar = {"Sigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0), "Relu": (0.0, np.inf)}
    # A relative hair's breadth: 255 / 255 need not be 1.
    SLACK = 1e-3

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.shares: list[float] = []

    def batch(self, batch: Batch) -> Iterable[Finding]:
        out, y = batch.output, batch.y
        if batch.kind.name != "regression" or out is None or not isinstance(y, Tensor):
            return
        last = last_operation(out.grad_fn)
        name = "" if last is None else operation(last)
        if name not in self.RANGES or y.numel() == 0 or y.requires_grad:
            return
        low, high = self.RANGES[name]
        values = array(y)
        outside = float(((values < low - self.SLACK) | (values > high + self.SLACK)).mean())
        self.shares.append(outside)
        if len(self.shares) >= self.BATCHES and min(self.shares[-self.BATCHES :]) > self.SHARE:
            evidence = (
                f"{outside:.0%} of the targets ({short(values.min())} to {short(values.max())}) "
                f"are outside of what {name.lower()} gives, {short(low)} to {short(high)}"
            )
            mend = f"drop the {name.lower()}, or scale the targets into its range"
            yield self.finding("targets-out-of-reach", last_layer(self.context), evidence, mend)
