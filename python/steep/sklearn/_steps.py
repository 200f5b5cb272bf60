"""Training by batches: compiled steps, and epochs of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import steep
from steep import nn, optim
from steep._core import Tensor
from steep.sklearn._data import Samples
from steep.sklearn._losses import Loss
from steep.sklearn._optimizers import PaperEpsilon

__all__ = ["Stepper", "spans", "square_sum"]

_BLOCK = 64  # batches whose samples are gathered at once


class Stepper:
    """A network with its loss and its optimiser, and the step that is compiled of them.

    Args:
        network: what is trained.
        loss: what is minimised.
        optimizer: whose first group holds the weights that `alpha` decays.
        alpha: strength of the L2 penalty ``alpha / (2 * rows) * sum(weight^2)``; rows are those of
            the batch, or the sum of their weights (as scikit-learn has it).
        coupled: whether the optimiser takes the penalty by way of its first group's
            ``weight_decay``.
        clip_norm: the norm that gradients are clipped to, or ``None``.

    Attributes:
        is_exact: whether losses include the penalty, as it is at each step.
        penalties: in the last epoch, mean of the factors before the sum of squares, by sample.
        epsilon: what sets that of the optimiser, if anything does.
        after_step: what is called after each step, if anything is.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        optimizer: optim.Optimizer,
        *,
        alpha: float,
        coupled: bool,
        clip_norm: float | None,
    ) -> None:
        self.network, self.optimizer = network, optimizer
        self.alpha = alpha if coupled else 0.0
        self.epsilon: PaperEpsilon | None = None
        self.after_step: Callable[[], Any] | None = None
        self.penalties = 0.0
        self.total = total = steep.zeros((), dtype=steep.float64)
        parameters = list(network.parameters())
        linear = [layer.weight for layer in network.modules() if isinstance(layer, nn.Linear)]
        # In float64 losses decide as scikit-learn's do when to stop, to rounding.
        self.is_exact = is_exact = self.alpha > 0 and parameters[0].dtype == steep.float64

        @steep.compile
        def step(target: Tensor, weight: Tensor | None, *inputs: Tensor) -> None:
            optimizer.zero_grad()
            value = loss.of(network(*inputs), target, weight)
            value.backward()
            value = value.detach().reshape(())
            if is_exact:
                over = target.shape[0] if weight is None else weight.sum()
                squares = sum(matrix.detach().square().sum() for matrix in linear)
                outputs = target.shape[1] if loss.per_output else 1  # by which it is divided
                value = value + squares * (0.5 * alpha * outputs) / over
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(parameters, clip_norm)
            optimizer.step()
            total.add_(value * target.shape[0])

        self.step: Callable[..., None] = step

    def epoch(self, samples: Samples, order: np.ndarray | None, size: int, whole: bool) -> float:
        """One pass over the samples; their mean loss, with the penalty where that is exact.

        Args:
            samples: what is learned.
            order: positions in the order of the pass; ``None`` for theirs.
            size: of a batch.
            whole: whether a last batch of one sample joins the one before it.
        """
        self.total.zero_()
        self.penalties = 0.0
        self.network.train()
        count = len(samples)
        for begin, end in spans(count, _BLOCK * size, whole):
            if order is None:
                block = samples.between(begin, end)
            else:
                block = samples.take(steep.from_numpy(order[begin:end]))
            self._train_on(block, size, whole, count)
        mean: float = self.total.item() / count
        return mean

    def _train_on(self, block: Samples, size: int, whole: bool, count: int) -> None:
        """Steps through the batches of one block."""
        sizes = [stop - start for start, stop in spans(len(block), size, whole)]
        targets, inputs = block.target.split(sizes), [x.split(sizes) for x in block.inputs]
        weights: Sequence[Any] = [None] * len(sizes)
        if block.weight is not None:
            weights = block.weight.split(sizes)
        decays = self._decays(sizes, block.weight is not None, weights, count)
        group, last = self.optimizer.param_groups[0], None
        step, epsilon, after = self.step, self.epsilon, self.after_step
        batches = zip(targets, weights, *inputs, strict=True)
        for decay, batch in zip(decays, batches, strict=True):
            if decay != last:  # a replay looks at settings anew when one is written
                group["weight_decay"] = last = decay
            if epsilon is not None:
                if epsilon.held == 0:
                    epsilon.next_step()
                epsilon.held -= 1
            step(*batch)
            if after is not None:
                after()

    def _decays(
        self, sizes: Sequence[int], has_weights: bool, weights: Sequence[Any], count: int
    ) -> Sequence[float | None]:
        """The optimiser's decay in each step, ``None``: left alone; adds up the penalties."""
        if not self.alpha:
            return [None] * len(sizes)
        totals: Sequence[float] = [w.sum().item() for w in weights] if has_weights else sizes
        decays = [self.alpha / total if total else 0.0 for total in totals]
        shares = (decay * rows for decay, rows in zip(decays, sizes, strict=True))
        self.penalties += 0.5 * sum(shares) / count
        return decays


def spans(count: int, size: int, whole: bool) -> list[tuple[int, int]]:
    """Where each batch begins and ends; with `whole` no last one of a single row."""
    starts = range(0, count, size)
    ends = [*starts[1:], count]
    if whole and len(ends) > 1 and count - starts[-1] == 1:
        ends[-2:] = [count]
    return list(zip(starts, ends, strict=False))


def square_sum(network: nn.Module) -> float:
    """Sum of the squares of all weights of Linear layers."""
    linear = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
    with steep.no_grad():
        return sum(float(layer.weight.square().sum()) for layer in linear)
