"""Training mode and evaluation mode, each where the other belongs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from steep._core import Tensor
from steep.diagnose._events import Batch, Context, Rule, Step
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
    # Without a loss: calls without gradients are a validation if the training goes on for some
    # batches without such. Where each batch has them, they make its targets, its fakes or its
    # actions, and are meant to be as they are.
    TRAINED, CALLS = 5, 2

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.trained = False  # in training mode, before
        self.in_eval = self.in_training = 0
        self.batches = 0
        self.straight = 0  # calls with gradients since the last one without
        self.calls = 0
        self.inside = False
        self.last: tuple[int, tuple[int, ...]] | None = None
        self.counts = False  # the run that it is in is a validation

    # ---- training ---------------------------------------------------------------------------

    def batch(self, batch: Batch) -> Iterable[Finding]:
        self.batches += 1
        yield from self._trained("losses with gradients")

    def step(self, step: Step) -> Iterable[Finding]:
        if not self.batches:  # of a loss that cannot be seen
            yield from self._trained("steps")

    def _trained(self, what: str) -> Iterator[Finding]:
        model = self.context.model
        if model.training:
            self.trained, self.in_eval = True, 0
            return
        layer = _idle_in_eval(model, self.trained)
        self.in_eval = 0 if layer is None else self.in_eval + 1
        if layer is not None and self.in_eval >= self.BATCHES:
            since = "was in training mode before" if self.trained else "never was in training mode"
            evidence = (
                f"{self.in_eval} {what} in evaluation mode; the model {since}, and "
                f"{_shown(model, layer)} does nothing of what it is for"
            )
            yield self.finding("training-in-eval-mode", layer, evidence, "model.train()")

    # ---- evaluation -------------------------------------------------------------------------

    def evaluated(self, batch: Batch) -> Iterable[Finding]:
        self.in_training += 1
        if self.in_training >= self.BATCHES:
            yield from self._evaluated(self.in_training, "losses")

    def passed(self, x: Tensor | None, recorded: bool) -> Iterable[Finding]:
        if recorded:
            self.straight = self.straight + 1 if not self.inside else 1
            self.inside = False
            return
        if not self.inside:
            # A run of calls without gradients begins.
            self.inside = True
            self.counts = self.straight >= self.TRAINED and self.context.steps > 0
        place = None if x is None else (x.data_ptr(), tuple(x.shape))
        same = place is not None and place == self.last
        self.last = place
        # The same input again and again is a mean over dropout's draws, on purpose.
        if self.counts and not same and not _collects(self.context.model):
            self.calls += 1
            if self.calls >= self.CALLS:
                yield from self._evaluated(self.calls, "calls")

    def _evaluated(self, count: int, what: str) -> Iterator[Finding]:
        model = self.context.model
        layer = _active_in_training(model) if model.training else None
        if layer is None:
            self.in_training = self.calls = 0
            return
        evidence = (
            f"{count} {what} without gradients in training mode; {_shown(model, layer)} drops "
            "units, or learns from these batches"
        )
        yield self.finding("evaluating-in-training-mode", layer, evidence, "model.eval()")


def _shown(model: Module, layer: str) -> str:
    kind = type(model.get_submodule(layer)).__name__
    return f"{layer} ({kind})" if layer else kind


def _drops(module: Module) -> bool:
    """Whether it is a dropout, or calls one by what mode it is in."""
    if "Dropout" in type(module).__name__:
        return bool(getattr(module, "p", 0.0) > 0)
    names = getattr(getattr(type(module).forward, "__code__", None), "co_names", ())
    return not type(module).__module__.startswith("steep.") and {"dropout", "training"} <= {*names}


def _collects(model: Module) -> bool:
    """Whether batch norms are set to take plain means, as `update_bn` does it."""
    return any(getattr(module, "momentum", 0.0) is None for module in model.modules())


def _idle_in_eval(model: Module, trained: bool) -> str | None:
    """A layer that misses training mode: dropout, or running statistics that were never taken.

    Statistics that were taken are kept on purpose where a trained model is tuned; not where this
    very training began in training mode.
    """
    for name, module in model.named_modules():
        if not module.training:
            if _drops(module):
                return name
            batches = getattr(module, "num_batches_tracked", None)
            if batches is not None and (trained or batches.item() == 0):
                return name
    return None


def _active_in_training(model: Module) -> str | None:
    for name, module in model.named_modules():
        tracks = getattr(module, "num_batches_tracked", None) is not None
        if module.training and (_drops(module) or tracks):
            return name
    return None
