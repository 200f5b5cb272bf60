"""The training loop itself: gradients that pile up, steps that are not taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from steep._core import Tensor
from steep.diagnose._events import Batch, Context, Rule, Step
from steep.diagnose._numbers import Array, array, sample, short
from steep.diagnose.finding import Finding

__all__ = ["IdleOptimizer", "MissingZeroGrad"]


class MissingZeroGrad(Rule):
    """Gradients that are added to those which the last step has used already.

    Accumulation over several batches adds too, but begins anew after each step; so does the
    discriminator of a GAN, whose gradients from the generator's loss are dropped before its own.
    """

    # Twice may be a gradient computed once by hand before the loop; three times is the loop.
    STEPS = 3

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.rows = 0
        self.norms: list[float] = []

    def step(self, step: Step) -> Iterable[Finding]:
        stale = [param for param in step.params if param.stale and param.member]
        self.rows = self.rows + 1 if stale else 0
        if not stale:
            self.norms.clear()
            return
        self.norms.append(float(np.sqrt(sum(p.grad_norm**2 for p in stale))))
        if self.rows >= self.STEPS:
            members = sum(param.member for param in step.params)
            evidence = (
                f"the gradients of {len(stale)} of {members} parameters were added to those of "
                f"the step before, {self.rows} times in a row; their norm went from "
                f"{short(self.norms[0])} to {short(self.norms[-1])}"
            )
            mend = "optimizer.zero_grad() before each loss.backward()"
            yield self.finding("missing-zero-grad", "", evidence, mend)


class IdleOptimizer(Rule):
    """Backward passes whose gradients no step uses."""

    # Adversarial examples take up to some tens of backward passes for each step, and
    # accumulation hundreds; a loop that ends without any step at all took none.
    BATCHES = 256
    EMPTY_STEPS = 3

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.empty = self.backwards = self.fruitful = 0
        self.batches = 0
        self.start: dict[str, Array] | None = None

    def passed(self, x: Tensor | None, recorded: bool) -> Iterable[Finding]:
        self._begin()
        return ()

    def _begin(self) -> None:
        if self.start is None:
            self.start = {
                name: sample(array(p), 64)
                for name, p in self.context.parameters().items()
                if p.requires_grad and p.numel()
            }

    def batch(self, batch: Batch) -> Iterable[Finding]:
        self.batches += 1
        self._begin()
        if self.batches == self.BATCHES:
            yield from self._idle()

    def end(self) -> Iterable[Finding]:
        # Two batches may be an experiment at the prompt.
        if max(self.batches, self.context.backwards) >= 3:
            yield from self._idle()

    def _idle(self) -> Iterator[Finding]:
        if self.context.optimizers or not self.start or self.context.optimizer is None:
            return
        now = self.context.parameters()
        still = [name for name, was in self.start.items() if _same(was, now.get(name))]
        if len(still) == len(self.start):
            evidence = (
                f"{self.batches} losses, {self.context.backwards} backward passes, and no "
                f"optimizer.step(): all {len(still)} parameters are as they were"
            )
            mend = "optimizer.step() after loss.backward()"
            yield self.finding("missing-step", "", evidence, mend)

    def step(self, step: Step) -> Iterable[Finding]:
        if step.optimizer is not self.context.optimizer:
            return
        members = [p for p in step.params if p.member]
        without = all(p.grad is None or not p.grad.any() for p in members)
        self.empty = self.empty + 1 if without else 0
        self.backwards = self.backwards + step.backwards if without else 0
        self.fruitful = self.fruitful + step.fruitful if without else 0
        if self.empty < self.EMPTY_STEPS or self.context.batches < self.EMPTY_STEPS:
            return
        if not members:
            return  # those of another model: told by another rule
        if self.fruitful >= self.empty - 1:
            evidence = (
                f"{self.empty} steps found no gradients, though {self.fruitful} backward "
                "passes made some"
            )
            mend = "zero_grad(), backward(), step(), in this order"
            yield self.finding("gradients-dropped-before-step", "", evidence, mend)
        elif self.backwards == 0:
            evidence = f"{self.empty} steps, and no backward pass reached the model's parameters"
            mend = "loss.backward() before optimizer.step()"
            yield self.finding("missing-backward", "", evidence, mend)


def _same(was: Array, now: Tensor | None) -> bool:
    values = None if now is None else sample(array(now), 64)
    return values is not None and was.shape == values.shape and bool((was == values).all())
