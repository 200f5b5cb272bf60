"""How gradients grow or shrink from layer to layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from steep.diagnose._events import Context, LayerCall, ParameterStep, Rule, Step
from steep.diagnose._numbers import array, rms, sample, short
from steep.diagnose.finding import Finding

__all__ = ["GradientsByLayer"]


class GradientsByLayer(Rule):
    """Vanishing and exploding gradients: norms of the weights' gradients, by layer.

    Norms are compared with those of the last layers, never with a fixed number: the scale of the
    loss and of its targets, clipping and loss scaling change all alike. Medians over steps; zeros
    do not count, for layers that begin at zero on purpose (as LoRA's) hold others at zero a while.
    """

    STEPS = 8
    # A layer of sigmoids, whose slope is at most 0.25, multiplies by less; ReLUs and tanhs with
    # default initialisation by 0.4 to 0.6, which Adam can make up for.
    FACTOR = 0.25
    SMALL = 1e-4
    # Beyond this float32 adds nothing to a weight that the last layers' rate suits, whatever
    # the factor.
    TINY = 1e-7
    LARGE = 1e5
    # Of hidden activations beside the input; initialisations by fan-in keep it near 1.
    GROWN = 1e3
    MEND = "clip_norm, smaller initial weights (orthogonal for recurrent ones), norm layers"
    LAYERS = 4

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.norms: dict[str, list[float]] = {}
        self.first: list[float] = []
        self.signals: dict[str, list[float]] = {}
        self.entering = 1.0

    def layer(self, call: LayerCall) -> Iterable[Finding]:
        """Activations that grow from layer to layer: the gradients do, on their way back."""
        if not call.leaf or not call.module._parameters or call.output is None:
            return
        if self.context.order[:1] == [call.name]:
            self.entering = max([1.0, *(rms(sample(array(x))) for x in call.inputs[:1])])
        size = rms(sample(array(call.output)))
        sizes = self.signals.setdefault(call.name, [])
        sizes.append(size / self.entering)
        # The last layer's answers may be as large as the targets are.
        judged = len(sizes) == 3 and call.name != self.context.order[-1]
        if judged and np.isfinite(sizes).all() and min(sizes) > self.GROWN:
            evidence = (
                f"its activations have a root mean square of {short(size)}, {short(sizes[-1])} "
                "times that of the input; gradients grow as much on their way back"
            )
            yield self.finding("exploding-gradients", call.name, evidence, self.MEND)

    def step(self, step: Step) -> Iterable[Finding]:
        seen = [p for p in step.params if p.grad is not None and p.grad.ndim >= 2]
        for param in seen:
            if param.grad_norm > 0 and np.isfinite(param.grad_norm):
                self.norms.setdefault(param.name, []).append(param.grad_norm)
        yield from self._grown(seen)
        if self.context.steps % self.STEPS == 0:
            yield from self._profile()
            self.norms.clear()

    def end(self) -> Iterable[Finding]:
        return self._profile()

    def _profile(self) -> Iterator[Finding]:
        # Of three steps at least: the first one may find gains and adapters at zero.
        medians = {
            name: float(np.median(norms)) for name, norms in self.norms.items() if len(norms) >= 3
        }
        names = [name for name in self._ordered() if name in medians]
        if len(names) < 2:
            return
        last = max(medians[name] for name in names[-max(1, len(names) // 3) :])
        yield from self._vanished(names, medians, last)
        worst = max(names, key=lambda name: medians[name])
        if medians[worst] > self.LARGE * last:
            evidence = (
                f"the gradient's norm is {short(medians[worst])}, that of the last layer "
                f"{names[-1]} {short(last)}, {short(medians[worst] / last)} times less"
            )
            yield self.finding("exploding-gradients", worst, evidence, self.MEND)

    def _vanished(
        self, names: list[str], medians: dict[str, float], last: float
    ) -> Iterator[Finding]:
        first = names[: max(1, len(names) // 4)]
        if len(names) < self.LAYERS or last == 0:
            return
        ratio = max(medians[name] for name in first) / last
        factor = ratio ** (1 / (len(names) - 1))
        if ratio < self.TINY or (ratio < self.SMALL and factor < self.FACTOR):
            evidence = (
                f"the gradient's norm is {short(medians[names[0]])}, that of the last layer "
                f"{names[-1]} {short(medians[names[-1]])}: each of {len(names)} layers leaves "
                f"{short(factor)} of it"
            )
            mend = "ReLU or GELU for sigmoid, initialisation by fan-in, norm layers, or residuals"
            yield self.finding("vanishing-gradients", names[0], evidence, mend)

    def _grown(self, seen: list[ParameterStep]) -> Iterator[Finding]:
        """From step to step: it has grown a millionfold, and is no longer any use."""
        total = float(np.sqrt(sum(p.grad_norm**2 for p in seen)))
        if total == 0 or not np.isfinite(total):
            return
        self.first.append(total)
        start = float(np.median(self.first[:5]))
        if len(self.first) > 5 and min(self.first[-2:]) > 1e6 * start:
            worst = max(seen, key=lambda p: p.grad_norm)
            evidence = f"the norm of all gradients went from {short(start)} to {short(total)} in "
            evidence += f"{len(self.first)} steps; the largest is {short(worst.grad_norm)}"
            mend = "a smaller learning rate, or clip_norm"
            yield self.finding("exploding-gradients", worst.name, evidence, mend)

    def _ordered(self) -> list[str]:
        """Names of parameters in the order in which their layers were called."""
        places = {layer: place for place, layer in enumerate(self.context.order)}
        names = list(self.norms)
        return sorted(
            (name for name in names if name.rpartition(".")[0] in places),
            key=lambda name: places[name.rpartition(".")[0]],
        )
