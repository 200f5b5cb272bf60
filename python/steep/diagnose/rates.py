"""`lr_find`: the range test of learning rates."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steep._core import Generator, Tensor
from steep.diagnose._guard import untouched_randomness
from steep.diagnose._numbers import short
from steep.diagnose._trials import check_model, endless, sources
from steep.nn.module import Module
from steep.optim.adam import Adam
from steep.optim.optimizer import Optimizer
from steep.train._step import Score, apply

__all__ = ["RateTest", "lr_find"]

# A loss of so many times the lowest has diverged: what comes after tells nothing.
_DIVERGED = 4.0


@dataclass
class RateTest:
    """What a range test saw.

    Attributes:
        rates: learning rate of each step.
        losses: loss of each step.
        smoothed: the same, averaged over neighbours.
        suggestion: the rate to begin with; ``None`` if the loss did not fall with any.
        lowest: the rate at which the smoothed loss was lowest; ``None`` without a suggestion.
        diverged: the rate from which on it grew beyond bounds; ``None`` if it never did.
    """

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    smoothed: list[float] = field(default_factory=list)
    suggestion: float | None = None
    lowest: float | None = None
    diverged: float | None = None

    def __repr__(self) -> str:
        if self.suggestion is None or self.lowest is None:
            return (
                f"RateTest: no rate from {short(self.rates[0])} to {short(self.rates[-1])} made "
                "the loss fall; ask overfit_check whether the model can learn at all"
            )
        end = "" if self.diverged is None else f", diverged at {short(self.diverged)}"
        return (
            f"RateTest: lr={short(self.suggestion)} (loss lowest at {short(self.lowest)}{end}; "
            f"{len(self.rates)} steps)"
        )

    def figure(self) -> Any:
        """The curve as a `matplotlib.figure.Figure`.

        Raises:
            ImportError: if matplotlib is not installed; the extra `viz` brings it.
        """
        from steep.diagnose import _figures

        return _figures.rates(self)


def lr_find(
    model: Module,
    loss: Callable[..., Tensor],
    data: Any,
    optimizer: Any = None,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    generator: Generator | None = None,
) -> RateTest:
    """Try learning rates from low to high on a copy, and propose one.

    The range test of Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017: the
    rate grows with each step, by a factor, until the loss diverges. What is proposed is the rate
    at which the smoothed loss falls most steeply, by the logarithm of the rate, before its lowest
    point. Model, optimiser and random stream are as before.

    Args:
        model: in the mode that it is in.
        loss: as for `steep.train.fit`.
        data: a loader, a dataset or a tuple of arrays, as for `steep.train.fit`.
        optimizer: the optimiser of the model, which is copied; or a function of parameters that
            makes one. Default: `Adam`. Rates of several groups keep their ratios; the first
            group's is reported.
        low: first rate. Default: 1e-6.
        high: last rate. Default: 10.
        steps: how many. Default: 100.
        batch_size: of data that is not in batches. Default: 32.
        generator: source of its shuffling.

    Raises:
        TypeError: if an argument is of another kind.
        ValueError: if not ``0 < low < high``, or there are less than 10 steps, or no data.

    Example:
        >>> import steep
        >>> _ = steep.manual_seed(0)
        >>> x = steep.randn(256, 4)
        >>> net, loss = steep.nn.Linear(4, 1), steep.nn.MSELoss()
        >>> test = steep.diagnose.lr_find(net, loss, (x, x.sum(1, keepdim=True)))
        >>> 0.001 < test.suggestion < 1.0
        True
    """
    check_model("lr_find", model, loss)
    if not 0 < low < high or not math.isfinite(high):
        raise ValueError(f"lr_find: expected 0 < low < high, got {low} and {high}")
    if steps < 10:
        raise ValueError(f"lr_find: expected at least 10 steps, got {steps}")
    with untouched_randomness():
        source = sources("lr_find", model, data, batch_size, generator, True)
        twin, own = _copied(model, optimizer)
        test = _tested(twin, Score(loss), own, endless("lr_find", source), (low, high, steps))
    _judge(test)
    return test


def _copied(model: Module, optimizer: Any) -> tuple[Module, Optimizer]:
    """A copy of the model, and an optimiser of the copy's parameters."""
    if isinstance(optimizer, Optimizer):
        twin, own = copy.deepcopy((model, optimizer))
        held = {id(p) for group in own.param_groups for p in group["params"]}
        if not held & {id(p) for p in twin.parameters()}:
            raise ValueError("lr_find: expected an optimizer of the model's parameters")
        return twin, own
    if optimizer is not None and not callable(optimizer):
        raise TypeError(
            "lr_find: expected an Optimizer, or a function of parameters that makes one, got "
            f"{type(optimizer).__name__}"
        )
    twin = copy.deepcopy(model)
    made = Adam(twin.parameters()) if optimizer is None else optimizer(twin.parameters())
    if not isinstance(made, Optimizer):
        raise TypeError(f"lr_find: expected optimizer to make one, got {type(made).__name__}")
    return twin, made


def _tested(
    model: Module, score: Score, optimizer: Optimizer, batches: Any, span: tuple[float, float, int]
) -> RateTest:
    low, high, steps = span
    groups = optimizer.param_groups
    shares = [group["lr"] / groups[0]["lr"] if groups[0]["lr"] else 1.0 for group in groups]
    test, best = RateTest(), math.inf
    for number, (x, y, weight) in zip(range(steps), batches, strict=False):
        rate = low * (high / low) ** (number / (steps - 1))
        for group, share in zip(groups, shares, strict=True):
            group["lr"] = rate * share
        optimizer.zero_grad()
        value = score(apply(model, x), y, weight)
        value.backward()
        optimizer.step()
        test.rates.append(rate)
        test.losses.append(value.item())
        # Means of some: one unlucky batch is not yet a divergence.
        recent = float(np.median(test.losses[-3:]))
        best = min(best, recent)
        bound = best + (_DIVERGED - 1) * max(abs(best), 1e-12)
        if not math.isfinite(test.losses[-1]) or (number >= 5 and recent > bound):
            test.diverged = rate
            break
    return test


def _judge(test: RateTest) -> None:
    """Fill in what follows from the curve."""
    losses = np.array([loss for loss in test.losses if math.isfinite(loss)])
    if losses.size < 6:
        test.smoothed = list(test.losses)
        return
    width = max(1, losses.size // 20)
    padded = np.pad(losses, width, mode="edge")
    window = np.hanning(2 * width + 3)[1:-1]
    smooth = np.convolve(padded, window / window.sum(), mode="valid")
    test.smoothed = smooth.tolist()
    lowest = int(smooth.argmin())
    start = float(np.median(losses[:5]))
    # Noise of single batches, which a fall has to stand out of.
    noise = float(np.abs(np.diff(losses[: max(5, losses.size // 4)])).mean())
    if lowest < 2 or start - smooth[lowest] <= max(noise, 1e-3 * abs(start)):
        return
    slopes = np.gradient(smooth)[: lowest + 1]
    steepest = int(slopes.argmin())
    test.lowest = test.rates[lowest]
    test.suggestion = min(test.rates[steepest], test.lowest / 2)
