"""Training mode and evaluation mode, each where the other belongs."""

from __future__ import annotations

from collections.abc import Iterable

from steep.diagnose._events import Batch, Context, Rule
from steep.diagnose.finding import Finding
from steep.nn.module import Module

__all__ = ["Modes"]


class Modes(Rule):
    """Training in evaluation mode, and evaluating in training mode.

    Only the mode of the whole model counts: parts in evaluation mode are frozen on purpose. And
    only if it has layers that ask for the mode.
    """

    # One batch may be a test of the model before the loop.
    BATCHES = 3

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.trained = False  # in training mode, before
        self.in_eval = self.in_training = 0

    def batch(self, batch: Batch) -> Iterable[Finding]:
        if self.context.model.training:
            self.trained, self.in_eval = True, 0
            return
        layer = _idle_in_eval(self.context.model, self.trained)
        self.in_eval = self.in_eval + 1 if layer else 0
        if self.in_eval >= self.BATCHES:
            since = "was in training mode before" if self.trained else "never was in training mode"
            evidence = (
                f"{self.in_eval} losses with gradients in evaluation mode; the model {since}, and "
                f"{layer} ({_class(self.context.model, layer)}) does nothing of what it is for"
            )
            yield self.finding("training-in-eval-mode", layer, evidence, "model.train()")

    def evaluated(self, batch: Batch) -> Iterable[Finding]:
        model = self.context.model
        layer = _active_in_training(model) if model.training else ""
        self.in_training = self.in_training + 1 if layer else 0
        if self.in_training >= self.BATCHES:
            evidence = (
                f"{self.in_training} losses without gradients in training mode; {layer} "
                f"({_class(model, layer)}) drops units, or learns from these batches"
            )
            yield self.finding("evaluating-in-training-mode", layer, evidence, "model.eval()")


def _class(model: Module, layer: str) -> str:
    return type(model.get_submodule(layer)).__name__


def _drops(module: Module) -> bool:
    return "Dropout" in type(module).__name__ and getattr(module, "p", 0.0) > 0


def _idle_in_eval(model: Module, trained: bool) -> str:
    """A layer that misses training mode: dropout, or running statistics that were never taken.

    Statistics that were taken are kept on purpose where a trained model is tuned; not where this
    very training began in training mode.
    """
    for name, module in model.named_modules():
        if not module.training and name:
            if _drops(module):
                return name
            batches = getattr(module, "num_batches_tracked", None)
            if batches is not None and (trained or batches.item() == 0):
                return name
    return ""


def _active_in_training(model: Module) -> str:
    for name, module in model.named_modules():
        tracks = getattr(module, "num_batches_tracked", None) is not None
        if module.training and name and (_drops(module) or tracks):
            return name
    return ""
