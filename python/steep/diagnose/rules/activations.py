"""Activations: at the end, where the loss has its own; and units that no longer answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from steep._core import Tensor
from steep.diagnose._events import Batch, Context, LayerCall, Rule
from steep.diagnose._graph import last_operation, nodes, operation, parents
from steep.diagnose._numbers import Array, array, sample, short
from steep.diagnose.finding import Finding

__all__ = ["ActivationBeforeLoss", "DeadUnits", "SaturatedUnits", "last_layer"]

# Which last operations spoil which loss: its logits should be free to take any value.
_SPOIL = {
    "cross_entropy": ("Softmax", "Sigmoid", "Relu", "Tanh", "Dropout"),
    "bce_logits": ("Sigmoid", "Softmax", "Relu", "Tanh", "Dropout"),
    "nll": ("Softmax", "Sigmoid", "Dropout"),
    "regression": ("Dropout",),
}


def last_layer(context: Context, default: str = "") -> str:
    """The leaf layer that was called last in the first pass."""
    return context.order[-1] if context.order else default


class ActivationBeforeLoss(Rule):
    """Softmax before cross-entropy, sigmoid before BCE-with-logits, and their like.

    No threshold: the graph says which operation made the loss's input, exactly.
    """

    def batch(self, batch: Batch) -> Iterable[Finding]:
        name = self._spoiled_by(batch)
        if name:
            yield self._told(name, batch)

    def _spoiled_by(self, batch: Batch) -> str:
        kind = batch.kind.name
        if batch.loss is not None:
            found = _inside(batch.loss, kind)
            if found:
                return found
        if kind not in _SPOIL or batch.output is None:
            return ""
        last = last_operation(batch.output.grad_fn)
        name = "" if last is None else operation(last)
        return name if name in _SPOIL[kind] else ""

    def _told(self, name: str, batch: Batch) -> Finding:
        kind, layer = batch.kind.name, last_layer(self.context)
        evidence = f"the loss's input was made by {name.lower()}{_range_of(batch.output)}"
        if name == "Dropout":
            mend = "drop the dropout behind the last layer: it makes answers zero at random"
            return self.finding("dropout-before-loss", layer, evidence, mend)
        if name == "Softmax" and kind == "nll":
            mend = "log_softmax in its place: NLLLoss takes log-probabilities"
            return self.finding("softmax-before-nll", layer, evidence, mend)
        if name == "Softmax":
            mend = "drop the softmax: cross-entropy computes it itself, from logits"
            return self.finding("softmax-before-cross-entropy", layer, evidence, mend)
        if name == "Sigmoid" and kind in ("bce_logits", ""):
            mend = "drop the sigmoid: BCE-with-logits computes it itself; or use BCELoss"
            return self.finding("sigmoid-before-bce-with-logits", layer, evidence, mend)
        mend = f"drop the {name.lower()}: the loss needs logits that may take any value"
        return self.finding("activation-before-loss", layer, evidence, mend)


def _range_of(output: Tensor | None) -> str:
    if output is None or output.numel() == 0:
        return ""
    values = sample(array(output))
    return f": its values lie in {short(values.min())} to {short(values.max())}"


def _inside(loss: Tensor, kind: str) -> str:
    """The activation that stands before the loss's own operation in its graph."""
    for number, node in enumerate(nodes(loss.grad_fn)):
        if number > 60:
            return ""
        if operation(node) == "CrossEntropy":
            last = last_operation(parents(node)[0]) if parents(node) else None
            name = "" if last is None else operation(last)
            return name if name in _SPOIL["cross_entropy"] else ""
        # BCE-with-logits is made of softplus(-x) and a product; softplus(-sigmoid(x)) has no
        # other use.
        if operation(node) == "Softplus" and kind in ("", "bce_logits"):
            below = last_operation(parents(node)[0], {"Neg"}) if parents(node) else None
            if below is not None and operation(below) == "Sigmoid":
                return "Sigmoid"
    return ""


@dataclass
class _Alive:
    """Which units of a layer ever were anything but zero."""

    units: Array
    steps: int = 0
    samples: int = 0
    consumer: str = ""


class DeadUnits(Rule):
    """Units whose output is zero for every sample: after a ReLU they take no gradient.

    Seen at the inputs of layers with weights, so that functional activations count too.
    """

    # 10 batches in a row and 64 samples: less could be chance in small batches.
    STEPS, SAMPLES = 10, 64
    # In deep networks with default initialisation up to half of the units of late layers are off
    # for all samples, and they train; where they die, nearly all of a layer do.
    SHARE = 0.9
    UNITS = 8

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.alive: dict[str, _Alive] = {}
        self.producer = ""

    def layer(self, call: LayerCall) -> Iterable[Finding]:
        if not call.leaf or not call.module._parameters or call.output is None:
            return
        for x in call.inputs[:1]:
            if call.recorded and x.grad_fn is not None and self.producer:
                yield from self._seen(self.producer, call.name, x)
        self.producer = call.name

    def _seen(self, producer: str, consumer: str, x: Tensor) -> Iterator[Finding]:
        values = array(x)
        if values.ndim < 2 or values.dtype.kind != "f":
            return
        axis = 1 if values.ndim >= 4 else values.ndim - 1
        others = tuple(i for i in range(values.ndim) if i != axis)
        alive = (values != 0).any(axis=others)
        known = self.alive.get(producer)
        if known is None or known.units.shape != alive.shape:
            known = self.alive[producer] = _Alive(np.zeros_like(alive))
        known.units |= alive
        known.steps += 1
        known.samples += values.shape[0]
        known.consumer = consumer
        if known.steps >= self.STEPS:
            del self.alive[producer]  # and again from the beginning: units die later too
            yield from self._judged(producer, known)

    def end(self) -> Iterable[Finding]:
        for producer, known in self.alive.items():
            if known.steps >= self.STEPS // 2:
                yield from self._judged(producer, known)

    def _judged(self, producer: str, known: _Alive) -> Iterator[Finding]:
        units, dead = known.units.size, int((~known.units).sum())
        if units >= self.UNITS and dead > self.SHARE * units and known.samples >= self.SAMPLES:
            evidence = (
                f"{dead} of {units} units, as {known.consumer} gets them, were zero for all "
                f"{known.samples} samples of {known.steps} batches"
            )
            mend = "a smaller learning rate, a default initialisation, or LeakyReLU"
            yield self.finding("dead-units", producer, evidence, mend)


class SaturatedUnits(Rule):
    """Sigmoids and tanhs whose inputs are so large that their slopes are next to nothing."""

    STEPS = 10
    # Where tanh is beyond 0.99, its slope is below 2 % of the largest; sigmoid at 0.01 and 0.99
    # has 4 %. Gates that are open or closed are on purpose, whole layers that are so are not.
    EDGE: ClassVar = {"Tanh": 0.99, "Sigmoid": 0.49}
    SHARE = 0.9

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.shares: dict[str, list[float]] = {}
        self.producer = ""

    def layer(self, call: LayerCall) -> Iterable[Finding]:
        if not call.leaf or not call.module._parameters or call.output is None:
            return
        for x in call.inputs[:1]:
            last = last_operation(x.grad_fn, {"Dropout"})
            name = "" if last is None else operation(last)
            if call.recorded and name in self.EDGE and self.producer:
                yield from self._seen(self.producer, name, x)
        if type(call.module).__name__ == "RNN" and _is_tanh(call.module) and call.recorded:
            yield from self._seen(call.name, "Tanh", call.output)
        self.producer = call.name

    def _seen(self, layer: str, name: str, x: Tensor) -> Iterator[Finding]:
        values = sample(array(x))
        values = values[values != 0]  # what a dropout has switched off says nothing
        if values.size == 0:
            return
        far = np.abs(values) if name == "Tanh" else np.abs(values - 0.5)
        shares = self.shares.setdefault(layer, [])
        shares.append(float((far > self.EDGE[name]).mean()))
        if len(shares) >= self.STEPS:
            yield from self._judged(layer, shares)
            shares.clear()

    def end(self) -> Iterable[Finding]:
        for layer, shares in self.shares.items():
            if len(shares) >= self.STEPS // 2:
                yield from self._judged(layer, shares)

    def _judged(self, layer: str, shares: list[float]) -> Iterator[Finding]:
        share = min(shares)
        if share > self.SHARE:
            evidence = (
                f"at least {share:.0%} of its activation's outputs were at the ends in each of "
                f"{len(shares)} batches"
            )
            mend = "smaller initial weights, inputs of unit variance, or a norm layer before it"
            yield self.finding("saturated-units", layer, evidence, mend)


def _is_tanh(module: Any) -> bool:
    return getattr(module, "nonlinearity", "tanh") == "tanh"
