"""Targets that a model's outputs do not get near."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from steep._core import Tensor
from steep.diagnose._events import Batch, Context, Rule
from steep.diagnose._numbers import array, short
from steep.diagnose.finding import Finding

__all__ = ["TargetScale"]


class TargetScale(Rule):
    """Regression targets far from 0, to which the outputs have not come any nearer.

    A model begins with outputs of about 1 and has to learn the targets' mean before all else: by
    Adam a weight moves by about the learning rate in a step, however large the error is.
    """

    BATCHES = 100
    # Over so many the outputs are compared with the targets.
    RECENT = 20
    # Below this the mean is learned soon enough: prices in thousands, years of age, decibels.
    LARGE = 1000.0
    # Outputs below this share of the targets have learned next to nothing of their mean.
    REACHED = 0.05

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.seen: list[tuple[float, float, float]] = []  # means: |output|, target, its square

    def batch(self, batch: Batch) -> Iterable[Finding]:
        out, y = batch.output, batch.y
        if batch.kind.name != "regression" or out is None or not isinstance(y, Tensor):
            return
        if len(self.seen) < self.BATCHES - self.RECENT:
            self.seen.append((0.0, 0.0, 0.0))
            return
        if not y.numel() or not out.numel():
            return
        targets, answers = array(y).astype(np.float64), array(out).astype(np.float64)
        self.seen.append(
            (float(np.abs(answers).mean()), float(targets.mean()), float((targets**2).mean()))
        )
        if len(self.seen) != self.BATCHES:
            return
        answer, mean, square = np.mean(self.seen[-self.RECENT :], axis=0)
        deviation = math.sqrt(max(0.0, square - mean**2))
        # Of targets around 0 outputs near 0 are the best answer where nothing can be known.
        if abs(mean) < self.LARGE or abs(mean) < deviation or answer > self.REACHED * abs(mean):
            return
        evidence = (
            f"targets have mean {short(mean)} and standard deviation {short(deviation)}, and the "
            f"outputs are {short(answer)} large on average after {self.BATCHES} batches"
        )
        mend = (
            "standardise the targets by mean and standard deviation of the training set, and turn "
            "predictions back"
        )
        yield self.finding("targets-not-normalised", "", evidence, mend)
