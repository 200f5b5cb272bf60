"""Learning rates that are too high or too low, by what they do to weights and loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from steep.diagnose._events import Batch, Context, Rule, Step
from steep.diagnose._numbers import short
from steep.diagnose.finding import Finding

__all__ = ["CollapsedRate", "LearningRate"]


class LearningRate(Rule):
    """The update of a step beside the weights, and the loss.

    About 0.001 of the weights a step is usual. A warm-up begins with far less and a cosine ends
    with it, so what is too low must stay so, and the range test (`lr_find`) is the better judge.
    """

    STEPS = 10
    # Weights that change by a third in every step keep nothing of what they learn.
    HIGH = 0.3
    # And by a tenth, where the loss has grown tenfold meanwhile.
    RISING, GROWTH = 0.1, 10.0
    # A first step by half of what the initialisation made, and the loss tenfold after it.
    JUMP = 0.5
    # At so little of the weights a step, ten thousand steps move them by a twentieth at most.
    LOW = 5e-6
    # First-order decrease of the loss a step, relative to it: 20 000 steps to halve it.
    GAIN = 3e-5
    # Rates that are low by themselves: with a sum for a loss a low one may be right.
    RATE = 1e-5
    # Weights that decay by 5 % a step forget what they learned 20 steps ago; 0.1 * 5e-4 is usual.
    SHRINK = 0.05
    # Share of weights that a step leaves bit for bit as they were, though they have a gradient.
    STUCK = 0.99

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.losses: list[float] = []
        self.updates: list[float] = []
        self.gains: list[float] = []
        self.rates: list[list[float]] = []
        self.moved: list[float] = []
        self.warming = False

    def batch(self, batch: Batch) -> Iterable[Finding]:
        self.losses.append(batch.value)
        if len(self.updates) >= 1 and max(self.updates[-3:]) > self.RISING:
            start, now = float(np.median(self.losses[:3])), float(np.median(self.losses[-3:]))
            broken = not np.isfinite(batch.value) and np.isfinite(self.losses[0])
            if broken or (len(self.losses) > 5 and now > 100 * self.GROWTH * start > 0):
                yield self._high(max(self.updates[-3:]), start, batch.value)

    def step(self, step: Step) -> Iterable[Finding]:
        own = self.context.optimizer
        if own is not None and step.optimizer is not own:
            return
        params = [p for p in step.params if p.member and p.grad is not None and p.grad_norm > 0]
        if not params or not self.losses:
            return
        weight = float(np.sqrt(sum(p.weight_norm**2 for p in params)))
        update = float(np.sqrt(sum(p.update_norm**2 for p in params)))
        self.updates.append(update / max(weight, 1e-12))
        gain = sum(p.grad_norm * p.update_norm for p in params)
        self.gains.append(gain / max(abs(self.losses[-1]), 1e-12))
        self.rates.append(step.rates)
        self.moved.append(max(p.moved for p in params))
        groups = step.optimizer.param_groups
        yield from self._decayed(groups)
        self.warming |= any(g["lr"] < g.get("initial_lr", 0.0) for g in groups if "lr" in g)
        if len(self.updates) % self.STEPS == 0:
            yield from self._too_high()

    def _decayed(self, groups: list[dict[str, Any]]) -> Iterator[Finding]:
        """Weight decay that takes away more than gradients can give."""
        shrink = max((g.get("lr", 0.0) * (g.get("weight_decay") or 0.0) for g in groups), default=0)
        if shrink >= self.SHRINK:
            evidence = f"lr times weight_decay is {short(shrink)}: without gradients the weights "
            evidence += f"halve in {max(1, round(0.7 / shrink))} steps"
            mend = "a weight_decay of 1e-4 to 0.1"
            yield self.finding("weight-decay-too-high", "", evidence, mend)

    def _too_high(self) -> Iterator[Finding]:
        update = float(np.median(self.updates[-self.STEPS :]))
        start = float(np.median(self.losses[:3]))
        now = float(np.median(self.losses[-5:]))
        kept = update > self.HIGH and len(self.losses) > self.STEPS and now >= start > 0
        grown = update > self.RISING and now > self.GROWTH * start > 0
        if kept or grown:
            yield self._high(update, start, now)
        elif len(self.updates) == self.STEPS and self.updates[0] > self.JUMP:
            # Adam's later steps look small beside the weights that its first ones made.
            highest = max(self.losses)
            if highest > self.GROWTH * self.losses[0] > 0:
                yield self._high(self.updates[0], self.losses[0], highest)

    def _high(self, update: float, start: float, now: float) -> Finding:
        evidence = (
            f"a step changes the weights by {short(update)} of their norm, and the loss went from "
            f"{short(start)} to {short(now)} in {len(self.losses)} batches"
        )
        mend = f"a tenth of lr={_shown(self.rates[-1])}; steep.diagnose.lr_find proposes one"
        return self.finding("learning-rate-too-high", "", evidence, mend)

    def end(self) -> Iterable[Finding]:
        if len(self.updates) < self.STEPS or self.warming or not self._is_constant():
            return
        update, gain = float(np.max(self.updates)), float(np.max(self.gains))
        rate = max(max(rates, default=0.0) for rates in self.rates)
        stuck = max(self.moved) < 1 - self.STUCK
        if stuck or (rate <= self.RATE and update < self.LOW and gain < self.GAIN):
            evidence = (
                f"a step changes {max(self.moved):.1%} of the weights, by {short(update)} of "
                f"their norm, which lowers the loss by at most {short(gain)} of it"
            )
            mend = f"a higher one than lr={short(rate)}; steep.diagnose.lr_find proposes one"
            yield self.finding("learning-rate-too-low", "", evidence, mend)

    def _is_constant(self) -> bool:
        return all(rates == self.rates[0] for rates in self.rates)


class CollapsedRate(Rule):
    """A schedule meant for epochs that is stepped with every batch.

    Of a schedule that ends near 0, the last hundredth of the steps has so little of the highest
    rate; of one that is stepped too often, most of them have.
    """

    LEAST, SHARE, BATCHES = 1e-4, 0.15, 10

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.rates: list[float] = []
        self.optimizer: Any = context.optimizer

    def step(self, step: Step) -> Iterable[Finding]:
        self.optimizer = self.context.optimizer or step.optimizer
        return ()

    def batch(self, batch: Batch) -> Iterable[Finding]:
        if self.optimizer is None:
            return
        groups = self.optimizer.param_groups
        self.rates.append(max((float(g.get("lr", 0.0)) for g in groups), default=0.0))
        top, now = max(self.rates), self.rates[-1]
        low = sum(rate < self.LEAST * top for rate in self.rates)
        if now < self.LEAST * top and low >= max(self.BATCHES, self.SHARE * len(self.rates)):
            evidence = f"it fell from {short(top)} to {short(now)} in {len(self.rates)} batches"
            mend = "scheduler.step() once an epoch, or a schedule in steps"
            yield self.finding("learning-rate-collapsed", "", evidence, mend)


def _shown(rates: list[float]) -> str:
    return ", ".join(short(rate) for rate in dict.fromkeys(rates))
