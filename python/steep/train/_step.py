"""What is done with a batch: forward pass, loss, backward pass, optimiser, metrics."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from steep._core import Tensor, no_grad
from steep.nn.module import Module
from steep.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_
from steep.train._arrays import Structure, mapped
from steep.train._batches import Batch, Parts
from steep.train.metrics.base import Metric

__all__ = [
    "Clip",
    "Core",
    "Score",
    "Step",
    "apply",
    "closure_step",
    "in_groups",
    "measuring_step",
    "needs_closure",
    "of_batches",
    "of_rows",
    "training_step",
]

Core = Callable[..., tuple[Tensor, Any]]  # the loss, and what metrics have to keep
Step = Callable[..., tuple[float, Any]]  # the same with the loss as a number
Clip = tuple[float | None, float | None]  # greatest norm of all gradients, greatest size of each


def apply(model: Any, x: Structure) -> Any:
    """The model's output: a tuple is its positional arguments, a dict its named ones."""
    if isinstance(x, Tensor):
        return model(x)
    return model(**x) if isinstance(x, Mapping) else model(*x)


class Score:
    """The loss of a batch, with weights of its samples or without.

    Attributes:
        is_sum: whether it adds samples up instead of taking their mean.
        name: of the loss, for messages.
    """

    def __init__(self, loss: Callable[..., Tensor]) -> None:
        self.loss = loss
        self.is_sum = getattr(loss, "reduction", "mean") == "sum"
        self.name = getattr(loss, "__name__", type(loss).__name__)
        self.each = _elementwise(loss)

    def __call__(self, output: Any, y: Structure, weight: Tensor | None) -> Tensor:
        """The loss; of weighted samples, the mean (or sum) of each one's loss times its weight."""
        if weight is None:
            return self.loss(output, y)
        each = self.each(output, y)
        if each.dim() > 1:
            each = each.flatten(1).mean(dim=1)
        each = each * weight.to(each.dtype)
        return each.sum() if self.is_sum else each.mean()


def _elementwise(loss: Any) -> Callable[..., Tensor]:
    """The loss of each sample."""
    if isinstance(loss, Module) and "none" in getattr(loss, "_reductions", ()):
        each = copy.copy(loss)
        each.reduction = "none"
        return each

    def unreduced(output: Any, y: Structure) -> Tensor:
        try:
            value: Tensor = loss(output, y, reduction="none")
        except TypeError as error:
            raise TypeError(
                "fit: expected, with sample weights, a loss of steep.nn or one that takes "
                f"reduction='none' and returns the loss of each sample; {error}"
            ) from error
        return value

    return unreduced


def _updater(metrics: Sequence[Metric]) -> Callable[[Any, Any, Any], Any]:
    """Adds a batch to the metrics that keep sums; returns what the others have to keep."""
    summing = [metric for metric in metrics if not metric.collects]
    collects = len(summing) < len(metrics)
    if not metrics:
        return lambda output, y, weight: None  # an output may be anything then

    def update(output: Tensor, y: Tensor, weight: Tensor | None) -> Any:
        output = output.detach()
        with no_grad():
            for metric in summing:
                metric.update(output, y, weight)
        if not collects:
            return None
        # Copies: what a replay returns must not be its own argument, nor memory that it reuses.
        return [(output.clone(), y.clone(), None if weight is None else weight.clone())]

    return update


def _clip(parameters: list[Any], clip: Clip) -> None:
    norm, size = clip
    if norm is not None:
        clip_grad_norm_(parameters, norm)
    if size is not None:
        clip_grad_value_(parameters, size)


def training_step(
    model: Module,
    score: Score,
    optimizer: Any,
    metrics: Sequence[Metric],
    clip: Clip,
    watch: Any = None,
) -> Core:
    """A step of batches ``(x, y, weight)``; returns the loss, and what metrics have to keep.

    With `share`, it is a part of a step of several batches: gradients are added up, each batch's
    times its share of the whole, from the `first` batch to the `last`. A `watch` (a `Sanitizer`)
    is told of each batch.
    """
    parameters = list(model.parameters())
    update = _updater(metrics)

    def step(
        x: Structure,
        y: Structure,
        weight: Tensor | None,
        share: float | None = None,
        first: bool = True,
        last: bool = True,
    ) -> tuple[Tensor, Any]:
        if first:
            optimizer.zero_grad()
        output = apply(model, x)
        value = score(output, y, weight)
        if watch is not None:
            watch.step(x, y, output, value, weighted=weight is not None)
        (value if share is None else value * share).backward()
        if last:
            _clip(parameters, clip)
            optimizer.step()
        kept = update(output, y, weight)
        return value, kept

    return step


def needs_closure(optimizer: Any) -> bool:
    """Whether a step of the optimiser calls for the loss as often as it likes."""
    return any(kind.__name__ == "LBFGS" for kind in type(optimizer).__mro__)


def closure_step(
    model: Module,
    score: Score,
    optimizer: Any,
    metrics: Sequence[Metric],
    clip: Clip,
    watch: Any = None,
) -> Core:
    """A step of such an optimiser; loss and metrics are those before its first change."""
    parameters = list(model.parameters())
    update = _updater(metrics)

    def step(x: Structure, y: Structure, weight: Tensor | None) -> tuple[Tensor, Any]:
        first: list[tuple[Tensor, Any]] = []

        def closure() -> Tensor:
            optimizer.zero_grad()
            output = apply(model, x)
            value = score(output, y, weight)
            if not first:
                first.append((value.detach(), update(output, y, weight)))
                if watch is not None:
                    watch.step(x, y, output, value, weighted=weight is not None)
            value.backward()
            _clip(parameters, clip)
            return value

        optimizer.step(closure)
        return first[0]

    return step


def measuring_step(model: Module, score: Score, metrics: Sequence[Metric]) -> Core:
    """A batch's loss and metrics, without gradients."""
    update = _updater(metrics)

    def measure(x: Structure, y: Structure, weight: Tensor | None) -> tuple[Tensor, Any]:
        with no_grad():
            output = apply(model, x)
            value = score(output, y, weight)
            kept = update(output, y, weight)
        return value, kept

    return measure


def of_batches(step: Core) -> Step:
    """The same step with the loss as a number."""

    def step_of_batch(*arguments: Any) -> tuple[float, Any]:
        value, kept = step(*arguments)
        return value.item(), kept

    return step_of_batch


def of_rows(step: Core, parts: Parts) -> Step:
    """The same of the rows at an index, which it takes out of all samples itself."""
    x, y, weight = parts

    def step_of_rows(rows: Tensor, *more: Any) -> tuple[float, Any]:
        def take(t: Tensor) -> Tensor:
            return t.index_select(0, rows)

        some = None if weight is None else weight[rows]
        value, kept = step(mapped(take, x), mapped(take, y), some, *more)
        return value.item(), kept

    return step_of_rows


def in_groups(step: Step, is_sum: bool) -> Step:
    """A step of several batches, with the gradients of them all as of one batch."""

    def step_of_group(group: Sequence[Batch]) -> tuple[float, Any]:
        whole, last = sum(count for count, _ in group), len(group) - 1
        total, kept_all = 0.0, []
        for i, (count, arguments) in enumerate(group):
            share = 1.0 if is_sum else count / whole
            value, kept = step(*arguments, share, i == 0, i == last)
            total += value * share
            if kept is not None:
                kept_all += kept
        return total, kept_all or None

    return step_of_group
