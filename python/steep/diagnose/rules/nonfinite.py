"""The first NaN: in which layer, at which line, in which step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from steep._core import Tensor
from steep.diagnose._events import Batch, Context, LayerCall, Rule, Step
from steep.diagnose._graph import operation
from steep.diagnose._numbers import Array, array, is_finite
from steep.diagnose._places import defining_line
from steep.diagnose.finding import Finding

__all__ = ["FirstNonFinite"]

_MENDS = {
    "input": "look at the data: fill or drop what is missing",
    "weights": "a smaller learning rate or clip_norm: the step before broke the weights",
    "layer": "a smaller learning rate or clip_norm; keep the arguments of log, sqrt and division "
    "away from zero",
    "loss": "keep the arguments of log, sqrt and division away from zero, or a loss on logits",
}


class FirstNonFinite(Rule):
    """Where NaN, or an infinity that the loss gets to see, comes from. No threshold."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.suspect: Finding | None = None  # of this pass
        self.done = False

    def layer(self, call: LayerCall) -> Iterable[Finding]:
        if self.done or self.suspect is not None or not call.leaf:
            return ()
        for x in call.inputs:
            if not is_finite(array(x)):
                self.suspect = self._at_input(call, x)
        if self.suspect is None and call.output is not None:
            values = array(call.output)
            if not is_finite(values):
                self.suspect = self._at_output(call, values)
        return ()

    def _at_input(self, call: LayerCall, x: Tensor) -> Finding:
        if x.grad_fn is None:
            what = f"{_counted(array(x))} of its input, which comes from the data{_at(call.line)}"
            return self.finding("non-finite", call.name, what, _MENDS["input"])
        made = operation(x.grad_fn).lower()
        what = f"{_counted(array(x))} of its input, made by {made}{_at(call.line)}"
        return self.finding("non-finite", call.name, what, _MENDS["layer"])

    def _at_output(self, call: LayerCall, values: Array) -> Finding:
        broken = [name for name, p in call.module.named_parameters() if not is_finite(array(p))]
        if broken:
            what = f"its {', '.join(broken)} held NaN or infinity before it was called"
            return self.finding("non-finite", call.name, what + _at(call.line), _MENDS["weights"])
        what = f"{_counted(values)} of its output, from finite inputs and weights"
        return self.finding("non-finite", call.name, what + _at(call.line), _MENDS["layer"])

    def batch(self, batch: Batch) -> Iterable[Finding]:
        suspect, self.suspect = self.suspect, None
        if self.done or np.isfinite(batch.value):
            return
        self.done = True
        # Named now, not when it was seen: of what a mask makes infinite the loss sees nothing.
        yield suspect if suspect is not None else self._in_loss(batch)

    def _in_loss(self, batch: Batch) -> Finding:
        out, y, x = batch.output, batch.y, batch.x
        for what, value in (("input x", x), ("target y", y)):
            if isinstance(value, Tensor) and not is_finite(array(value)):
                evidence = f"{_counted(array(value))} of the {what}"
                return self.finding("non-finite", "", evidence, _MENDS["input"])
        broken = _broken(self.context.parameters())
        if broken:
            evidence = f"the loss is {batch.value}, and {broken} holds NaN or infinity"
            return self.finding("non-finite", broken, evidence, _MENDS["weights"])
        if out is not None and not is_finite(array(out)):
            made = "" if out.grad_fn is None else f", made by {operation(out.grad_fn).lower()}"
            layer = self.context.order[-1] if self.context.order else ""
            evidence = f"{_counted(array(out))} of the model's output{made}, behind its last layer"
            return self.finding("non-finite", layer, evidence, _MENDS["layer"])
        line = defining_line(self.context.loss)
        evidence = f"the loss is {batch.value}, and the model's output is finite{_at(line)}"
        return self.finding("non-finite", "loss", evidence, _MENDS["loss"])

    def step(self, step: Step) -> Iterable[Finding]:
        if self.done:
            return
        places = {layer: place for place, layer in enumerate(self.context.order)}
        bad = [p for p in step.params if p.grad is not None and not np.isfinite(p.grad_norm)]
        if bad:
            yield from self._in_backward(bad, places)

    def _in_backward(self, bad: list[Any], places: dict[str, int]) -> Iterator[Finding]:
        # A backward pass begins at the end: what comes later in the model was broken earlier.
        self.done = True
        first = max(bad, key=lambda p: places.get(p.name.rpartition(".")[0], -1))
        evidence = (
            f"{_counted(first.grad)} of its gradient, after a finite loss; {len(bad)} parameters "
            "have such gradients, and this is the first that the backward pass reaches"
        )
        mend = "the slopes of sqrt, norm and log at zero are infinite: add a small number inside"
        yield self.finding("non-finite", first.name, evidence, mend)


def _broken(params: dict[str, Tensor]) -> str:
    return next((name for name, p in params.items() if not is_finite(array(p))), "")


def _counted(values: Array | None) -> str:
    if values is None:
        return ""
    nans, infinities = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    parts = [f"{n} {what}" for n, what in ((nans, "NaN"), (infinities, "infinite")) if n]
    return f"{' and '.join(parts)} of {values.size} values"


def _at(line: str) -> str:
    return f", at {line}" if line else ""
