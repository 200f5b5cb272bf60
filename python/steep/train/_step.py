"""What is done with a batch: forward pass, loss, backward pass, optimiser, metrics."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from steep._core import Tensor, float64, no_grad, stack, tensor
from steep.nn.module import Module
from steep.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_, get_total_norm
from steep.train._arrays import Structure, length_of, mapped
from steep.train._batches import Batch, Batches, Parts
from steep.train._divisor import Divisor
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
    "of_groups",
    "of_rows",
    "total_of_group",
    "training_step",
]

# What comes of a step: the loss; what its mean has divided by, where that is not the samples; the
# norm of all gradients, where it is asked for; what metrics have to keep.
Core = Callable[..., tuple[Tensor, Tensor | None, Tensor | None, Any]]
Step = Callable[..., tuple[float, Tensor | None, Tensor | None, Any]]  # the loss as a number
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


def _clip(parameters: list[Any], clip: Clip, wants_norm: bool) -> Tensor | None:
    """The norm of all gradients before they are clipped, if it is wanted."""
    greatest, size = clip
    norm = None
    if greatest is not None:
        norm = clip_grad_norm_(parameters, greatest)
    elif wants_norm:
        norm = get_total_norm([p.grad for p in parameters if p.grad is not None])
    if size is not None:
        clip_grad_value_(parameters, size)
    return norm if wants_norm else None


def training_step(
    model: Module,
    score: Score,
    optimizer: Any,
    metrics: Sequence[Metric],
    clip: Clip,
    divisor: Divisor | None = None,
    wants_norm: bool = False,
    watch: Any = None,
) -> Core:
    """A step of batches ``(x, y, weight)``; returns what `Core` says.

    With `share`, it is a part of a step of several batches: gradients are added up, each batch's
    times its share of the whole, from the `first` batch to the `last`. A `watch` (a `Sanitizer`)
    is told of each batch. `divisor` is that of the loss; of weighted samples none is needed.
    """
    parameters = list(model.parameters())
    update = _updater(metrics)

    def step(
        x: Structure,
        y: Structure,
        weight: Tensor | None,
        share: float | Tensor | None = None,
        first: bool = True,
        last: bool = True,
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Any]:
        if first:
            optimizer.zero_grad()
        output = apply(model, x)
        value = score(output, y, weight)
        if watch is not None:
            watch.step(x, y, output, value, weighted=weight is not None)
        if isinstance(share, Tensor):
            share = share.to(value.dtype)
        (value if share is None else value * share).backward()
        norm = None
        if last:
            norm = _clip(parameters, clip, wants_norm)
            optimizer.step()
        kept = update(output, y, weight)
        return value, _mass(divisor, y, weight), norm, kept

    return step


def _mass(divisor: Divisor | None, y: Structure, weight: Tensor | None) -> Tensor | None:
    """What the mean of the batch's losses has divided by, if it is not the number of samples."""
    return None if divisor is None or weight is not None else divisor(y)


def needs_closure(optimizer: Any) -> bool:
    """Whether a step of the optimiser calls for the loss as often as it likes."""
    return any(kind.__name__ == "LBFGS" for kind in type(optimizer).__mro__)


def closure_step(
    model: Module,
    score: Score,
    optimizer: Any,
    metrics: Sequence[Metric],
    clip: Clip,
    divisor: Divisor | None = None,
    wants_norm: bool = False,
    watch: Any = None,
) -> Core:
    """A step of such an optimiser; loss and metrics are those before its first change."""
    parameters = list(model.parameters())
    update = _updater(metrics)

    def step(x: Structure, y: Structure, weight: Tensor | None) -> Any:
        first: list[Any] = []

        def closure() -> Tensor:
            optimizer.zero_grad()
            output = apply(model, x)
            value = score(output, y, weight)
            is_first = not first
            if is_first:
                first.extend((value.detach(), _mass(divisor, y, weight)))
                kept = update(output, y, weight)
                if watch is not None:
                    watch.step(x, y, output, value, weighted=weight is not None)
            value.backward()
            norm = _clip(parameters, clip, wants_norm)
            if is_first:
                first.extend((norm, kept))
            return value

        optimizer.step(closure)
        return tuple(first)

    return step


def measuring_step(
    model: Module, score: Score, metrics: Sequence[Metric], divisor: Divisor | None = None
) -> Core:
    """A batch's loss and metrics, without gradients."""
    update = _updater(metrics)

    def measure(x: Structure, y: Structure, weight: Tensor | None) -> Any:
        with no_grad():
            output = apply(model, x)
            value = score(output, y, weight)
            mass = _mass(divisor, y, weight)
            kept = update(output, y, weight)
        return value, mass, None, kept

    return measure


def of_batches(step: Core) -> Step:
    """The same step with the loss as a number."""

    def step_of_batch(*arguments: Any) -> Any:
        value, mass, norm, kept = step(*arguments)
        return value.item(), mass, norm, kept

    return step_of_batch


def of_rows(step: Core, parts: Parts) -> Step:
    """The same of the rows at an index, which it takes out of all samples itself."""
    x, y, weight = parts

    def step_of_rows(rows: Tensor, *more: Any) -> Any:
        def take(t: Tensor) -> Tensor:
            return t.index_select(0, rows)

        some = None if weight is None else weight[rows]
        value, mass, norm, kept = step(mapped(take, x), mapped(take, y), some, *more)
        return value.item(), mass, norm, kept

    return step_of_rows


def in_groups(step: Step, is_sum: bool, batches: Batches, divisor: Divisor | None) -> Step:
    """A step of several batches, with the gradients of them all as of one batch."""
    masses = None if is_sum or divisor is None else _masses(batches, divisor)

    def step_of_group(group: Sequence[Batch]) -> Any:
        counts: list[float] = [count for count, _ in group]
        sizes = None if masses is None else masses(group)
        counted = counts if sizes is None else sizes
        whole, last = sum(counted), len(group) - 1
        total, norm, kept_all = 0.0, None, []
        for i, (_, arguments) in enumerate(group):
            share = 1.0 if is_sum else counted[i] / whole if whole else 0.0
            # A number of its own each time is a tensor: a program is recorded for each float.
            given = share if sizes is None else tensor(share, dtype=float64)
            value, _mass, norm, kept = step(*arguments, given, i == 0, i == last)
            total += value * share
            if kept is not None:
                kept_all += kept
        mass = None if sizes is None else tensor(whole, dtype=float64)
        return total, mass, norm, kept_all or None

    return step_of_group


def _masses(batches: Batches, divisor: Divisor) -> Callable[[Sequence[Batch]], list[float] | None]:
    """What the mean of each batch of a group divides by, before any of them is used."""
    parts = batches.parts if batches.in_rows else None

    def masses(group: Sequence[Batch]) -> list[float] | None:
        found = []
        for _, arguments in group:
            _x, y, weight = arguments if parts is None else parts
            if parts is not None and isinstance(y, Tensor):
                y = y[arguments[0]]
            mass = _mass(divisor, y, weight)
            if mass is None:
                return None
            found.append(mass.item())
        return found

    return masses


def of_groups(step: Core, is_sum: bool, divisor: Divisor | None) -> Core:
    """A step of a list of batches, part of a program: loss and mass are vectors, one of each batch.

    The gradients are those of `in_groups`, to the bit.
    """

    def step_of_group(group: Sequence[Parts]) -> tuple[Tensor, Tensor | None, Tensor | None, Any]:
        counts = [length_of(x) for x, _, _ in group]
        shares: list[Any] = [1.0 if is_sum else count / sum(counts) for count in counts]
        masses = [None if is_sum else _mass(divisor, y, weight) for _, y, weight in group]
        known = [mass for mass in masses if mass is not None]
        if len(known) == len(group):
            wide = [mass.to(float64) for mass in known]
            shares = [mass / sum(wide[1:], wide[0]) for mass in wide]
        values, norm, last = [], None, len(group) - 1
        kept_all: list[Any] = []
        for i, (x, y, weight) in enumerate(group):
            value, _mass_of, norm, kept = step(x, y, weight, shares[i], i == 0, i == last)
            values.append(value.detach().reshape(()))
            kept_all += kept or []
        return stack(values), stack(known) if known else None, norm, kept_all or None

    return step_of_group


def total_of_group(
    values: Sequence[float], masses: Sequence[float] | None, counts: Sequence[int], is_sum: bool
) -> tuple[float, float | None]:
    """What `in_groups` gives as loss and mass, of those of each batch."""
    counted = counts if masses is None else masses
    whole, total = sum(counted), 0.0
    for value, count in zip(values, counted, strict=True):
        total += value * (1.0 if is_sum else count / whole if whole else 0.0)
    return total, None if masses is None else whole
