"""The loss and the metrics of a whole part of the data, and what `fit` shares with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from steep._core import Tensor, cat, default_generator, no_grad
from steep.compiler import compile as steep_compile
from steep.data._position import set_states, states_of
from steep.nn.module import Module
from steep.train._arrays import length_of
from steep.train._batches import Batches
from steep.train._divisor import divisor_for
from steep.train._single import refusing_single_samples
from steep.train._step import Score, apply, measuring_step, of_batches, of_rows
from steep.train.metrics.base import Metric
from steep.train.metrics.lookup import make_metrics
from steep.train.metrics.task import check_classes, task_of

__all__ = ["Measurement", "Modes", "begin_metrics", "compiled", "tried", "value_of"]


class Modes:
    """The modes (train or eval) that the modules of a model have; each may have its own."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.before = [(module, module.training) for module in model.modules()]

    def train(self) -> None:
        """All train; a part that was in eval mode within one in train mode stays so."""
        self.model.train()
        if self.before[0][1]:
            self.restore()

    def training(self) -> list[Module]:
        """The modules that `train` lets train."""
        every = not self.before[0][1]
        return [module for module, trains in self.before if trains or every]

    def restore(self) -> None:
        """As they were."""
        for module, training in self.before:
            module.training = training


def compiled(step: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The step compiled, with a name for messages."""
    step.__qualname__ = name
    made: Callable[..., Any] = steep_compile(step)
    return made


def value_of(metric: Metric, kept: Sequence[Any]) -> Any:
    """A metric's value at the end of an epoch; `kept` are outputs, targets and weights."""
    if not metric.collects:
        return metric.compute()
    outputs, targets, weights = zip(*kept, strict=True)
    weight = None if weights[0] is None else cat(list(weights))
    return metric.compute_all(cat(list(outputs)), cat(list(targets)), weight)


def begin_metrics(
    who: str, given: Any, model: Module, score: Score, batches: Batches
) -> list[Metric]:
    """Try a batch, in eval mode and without a trace, and begin metrics for the task it shows.

    Raises:
        TypeError: if the loss is no tensor; with metrics, if the output or target is not one.
        ValueError: if the loss is not one number, a metric does not fit the task, or a batch of one
            sample would come to a batch normalisation.
    """
    made = make_metrics(given)
    x, y, weight = batches.first()
    whole = getattr(batches, "parts", None)  # of arrays
    targets = whole[1] if whole and isinstance(whole[1], Tensor) else None
    before, modes = default_generator.get_state(), Modes(model)
    fitting = refusing_single_samples(who, modes.training(), batches, length_of(x))
    model.eval()
    try:
        with no_grad():
            with fitting if batches.what == "train" else nullcontext():
                output = apply(model, x)
            if targets is not None and isinstance(output, Tensor):
                kind = task_of(score.loss, output, y)
                check_classes(who, batches.what, score.loss, kind, targets)
            value = score(output, y, weight)
    finally:
        modes.restore()
        default_generator.set_state(before)
    _check_loss(who, score.name, value)
    if not made:
        return []
    if not isinstance(output, Tensor) or not isinstance(y, Tensor):
        wrong = output if not isinstance(output, Tensor) else y
        raise TypeError(
            f"{who}: expected, with metrics, a model of one output and one target a sample, got "
            f"{type(wrong).__name__}; leave out metrics, or compute them in a callback"
        )
    task = task_of(score.loss, output, y, targets)
    for metric in made:
        metric.begin(task)
        if targets is not None:
            metric.check_targets(task, targets, batches.what)
    return made


def tried(
    who: str, batches: Batches, given: Any, model: Module, score: Score, *, keep: bool = False
) -> list[Metric]:
    """Metrics that have begun with the first batch, which has been tried.

    Args:
        who: the public function, for messages.
        batches: where the batch comes from.
        given: metrics, as users give them.
        model: what is tried.
        score: its loss.
        keep: whether the pass begins now, with this batch. If not, or after an error, nothing has
            been drawn from a generator.
    """
    generators = batches.generators()
    before, is_begun = states_of(generators), False
    try:
        made = begin_metrics(who, given, model, score, batches)
        is_begun = keep
    finally:
        if not is_begun:
            batches.forget_first()
            set_states(generators, before)
    return made


def _check_loss(who: str, name: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{who}: expected the loss {name} to return a tensor, got {type(value).__name__}"
        )
    if value.numel() != 1:
        raise ValueError(
            f"{who}: expected the loss {name} to return one number, got shape "
            f"{tuple(value.shape)}; use reduction='mean'"
        )


class Measurement:
    """Measures a model on the same data again and again: in eval mode, without gradients."""

    def __init__(
        self,
        model: Module,
        score: Score,
        metrics: Sequence[Metric],
        batches: Batches,
        *,
        compile: bool,
    ) -> None:
        self.model, self.score, self.metrics, self.batches = model, score, metrics, batches
        core = measuring_step(model, score, metrics, divisor_for(score.loss, batches))
        step = of_rows(core, batches.parts) if batches.in_rows else of_batches(core)
        self.step = compiled(step, "the validation step of fit") if compile else step

    def run(self) -> dict[str, Any]:
        """Loss and metrics; the model is left in eval mode."""
        self.model.eval()
        for metric in self.metrics:
            metric.reset()
        step, total, samples, kept_all = self.step, 0.0, 0.0, []
        by_sum = self.score.is_sum
        for count, arguments in self.batches.batches():
            value, mass, _norm, kept = step(*arguments)
            share = count if mass is None else mass.item()
            if share:  # the mean of a batch whose targets are all ignored is no number
                total += value if by_sum else value * share
            samples += share
            if kept is not None:
                kept_all += kept
        row: dict[str, Any] = {"loss": total / samples if samples else float("nan")}
        for metric in self.metrics:
            row[metric.name] = value_of(metric, kept_all)
        return row
