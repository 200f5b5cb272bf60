"""`fit`: a whole training in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from steep._core import Generator, Tensor, is_grad_enabled
from steep.compiler import CompiledModule
from steep.nn.module import Module
from steep.train._arrays import dtype_of
from steep.train._divisor import Divisor, divisor_for
from steep.train._loop import Loop
from steep.train._measure import Measurement, Modes, compiled, tried
from steep.train._monitor import Monitor
from steep.train._progress import make_progress
from steep.train._schedule import Schedule
from steep.train._sources import batches_of
from steep.train._step import (
    Clip,
    Core,
    Score,
    closure_step,
    in_groups,
    needs_closure,
    of_batches,
    of_rows,
    training_step,
)
from steep.train._watch import make_watch, under_watch, watch_outcome, watch_splits
from steep.train.callbacks import Run, check_callbacks
from steep.train.checkpoints import Checkpoint, file_to_resume, make_checkpoint, restore
from steep.train.history import History
from steep.train.logs import make_logs
from steep.train.metrics.base import Metric
from steep.train.metrics.lookup import make_metrics
from steep.train.stopping import EarlyStopping

__all__ = ["fit"]


def fit(
    model: Module,
    loss: Callable[..., Tensor],
    optimizer: Any,
    train: Any,
    validation: Any = None,
    *,
    epochs: int = 10,
    steps: int | None = None,
    batch_size: int = 32,
    shuffle: bool = True,
    metrics: str | Metric | Iterable[str | Metric] = (),
    monitor: str | None = None,
    scheduler: Any = None,
    schedule_by: str | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    accumulate: int = 1,
    gradient_norm: bool = False,
    early_stopping: int | EarlyStopping | None = None,
    restore_best: bool = True,
    checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
    resume: bool | str | os.PathLike[str] = False,
    callbacks: Iterable[Any] = (),
    progress: bool | str | None = None,
    log: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
    tensorboard: str | os.PathLike[str] | None = None,
    generator: Generator | None = None,
    compile: bool = True,
    sanitize: bool | str = True,
) -> History:
    """Train a model.

    The step (forward pass, loss, backward pass, optimiser, metrics) is compiled, and gives the bits
    of the hand-written loop over a `DataLoader`. A step that cannot be replayed runs eagerly, with
    one warning that says why. After the same `manual_seed`, the same weights.

    Args:
        model: a module; a tuple as input is its positional arguments, a dict its named ones.
        loss: a module or function of ``(output, target)`` that returns one number, the mean over
            the batch (or, with ``reduction='sum'``, the sum). With sample weights it is the mean of
            each sample's loss times its weight: one of `steep.nn`, or one that takes
            ``reduction='none'``.
        optimizer: made of the model's parameters.
        train: a `DataLoader`; a dataset; or a tuple of arrays or tensors ``(x, y)`` or
            ``(x, y, weight)`` of equal lengths, `x` itself a tuple or dict for a model with several
            inputs. Arrays of floats that are no tensors take the model's dtype.
        validation: the same, measured in eval mode after each epoch. Default: ``None``.
        epochs: passes over the training part; with 0, all is checked and nothing is trained.
            Default: 10.
        steps: optimiser steps that make an epoch, instead of a pass: the next one goes on where
            this one ended. Default: ``None``.
        batch_size: of data that is not in batches yet; the last one of a pass may be smaller.
            Default: 32.
        shuffle: whether such training data comes in a new random order in each pass. Default:
            ``True``.
        metrics: what is measured on both parts on the way: objects of `Metric`, or names:
            ``'accuracy'``, ``'top5_accuracy'`` (any number), ``'precision'``, ``'recall'``,
            ``'f1'`` (these also with ``'_macro'``, ``'_micro'`` or ``'_weighted'`` behind),
            ``'auc'``, ``'log_loss'``, ``'confusion_matrix'``; ``'mae'``, ``'mse'``, ``'rmse'``,
            ``'r2'``.
        monitor: column of the history that decides which epoch is the best. Default:
            ``'val_loss'`` if there is a validation, ``'loss'`` if `early_stopping` is given.
        scheduler: a schedule of `steep.optim.lr_scheduler`; `ReduceLROnPlateau` follows `monitor`.
        schedule_by: ``'step'`` or ``'epoch'``, when the schedule takes its steps. Default: by step
            for `OneCycleLR` and `CyclicLR`, by epoch for all others.
        clip_norm: greatest norm of all gradients together; larger ones are scaled down.
        clip_value: greatest size of each element of a gradient.
        accumulate: batches to a step. Gradients are those of the whole as one batch, for losses
            that are means or sums over samples, or over targets that are not ignored. Default: 1.
        gradient_norm: whether the history has the norm of all gradients together, before they are
            clipped, the mean over the steps of an epoch. Default: ``False``.
        early_stopping: after so many epochs without a better value of `monitor` it ends; or an
            `EarlyStopping`, which begins anew.
        restore_best: whether the model ends with the weights of its best epoch, if anything is
            monitored. Default: ``True``.
        checkpoint: file to which all that the training needs to go on is saved after each epoch,
            or a `Checkpoint`, which says when.
        resume: whether to go on from `checkpoint`, to the bits of a training that was never
            interrupted, if that file is there; or another file. All other arguments have to be as
            they were (`epochs` may be more), and objects new ones of the same kind. Default:
            ``False``, begin anew.
        callbacks: objects with some of the methods of `Callback`. Those that have a ``state_dict``
            are part of checkpoints.
        progress: whether a bar is shown, or by which library: ``'tqdm'`` or ``'rich'``. Default:
            ``None``, by tqdm, on a terminal alone.
        log: files ``.jsonl`` or ``.csv`` that get a line after each epoch (`FileLog`).
        tensorboard: folder for TensorBoard (`TensorBoardLog`).
        generator: source of the shuffling; by default one seeded from the default generator.
        compile: whether the step is compiled. Default: ``True``.
        sanitize: whether the first steps are watched for mistakes that raise no exception, each of
            which is told by a `TrainingWarning` (see `steep.diagnose.Sanitizer`); ``'strict'``
            raises a `TrainingError`. They run eagerly, and give the same bits. At the end the model
            is asked for rare classes, which a good accuracy may hide. Default: ``True``.

    Returns:
        The `History`. Ctrl-C ends the training with what there is: ``history.stopped`` is
        ``'interrupted'`` then. The model has its modes (train or eval) from before.

    Raises:
        TypeError, ValueError: on what does not fit together, before anything is changed.
        NonFiniteLoss: if the loss of a step is NaN or infinite; the best weights are restored
            before, if there are any.

    Example:
        >>> import steep
        >>> _ = steep.manual_seed(0)
        >>> x = steep.randn(200, 2)
        >>> y = (x[:, 0] * x[:, 1] > 0).long()
        >>> model = steep.nn.Sequential(
        ...     steep.nn.Linear(2, 32), steep.nn.ReLU(), steep.nn.Linear(32, 2))
        >>> adam = steep.optim.Adam(model.parameters(), lr=0.01)
        >>> history = steep.train.fit(
        ...     model, steep.nn.CrossEntropyLoss(), adam, (x[:150], y[:150]), (x[150:], y[150:]),
        ...     epochs=20, metrics=["accuracy"], early_stopping=5)
        >>> history["val_accuracy"][-1] > 0.9
        True
    """
    if compile and isinstance(model, CompiledModule):
        model = model._orig_mod  # it is compiled as a part of the step
    _check(model, loss, optimizer)
    _check_counts(epochs=epochs, steps=steps, batch_size=batch_size, accumulate=accumulate)
    _check_clips(clip_norm=clip_norm, clip_value=clip_value)
    if accumulate > 1 and needs_closure(optimizer):
        raise ValueError("fit: expected accumulate=1 with LBFGS; use a larger batch_size")
    saver = make_checkpoint(checkpoint, resume)
    resumed = file_to_resume(saver, resume)
    sizes: Any = {"batch_size": batch_size, "floating": dtype_of(model)}
    source = batches_of("fit", "train", train, **sizes, shuffle=shuffle, generator=generator)
    other = None
    if validation is not None:
        other = batches_of("fit", "validation", validation, **sizes, shuffle=False)
    loop = Loop(
        run=Run(model, loss, optimizer, epochs),
        batches=source,
        other=other,
        score=Score(loss),
        monitor=Monitor(
            model,
            make_metrics(metrics),
            early_stopping=early_stopping,
            restore_best=restore_best,
            monitor=monitor,
            validates=other is not None,
        ),
        schedule=Schedule(scheduler, schedule_by, optimizer),
        modes=Modes(model),
        progress=make_progress(progress),
        callbacks=[*make_logs(log, tensorboard), *check_callbacks(callbacks)],
        steps=steps,
        accumulate=accumulate,
        wants_norm=gradient_norm,
        checkpoint=saver,
        watch=make_watch(sanitize, model, loss, optimizer),
    )
    names = [metric.name for metric in make_metrics(metrics)]
    state = None if resumed is None else restore(resumed, loop.parts(), names)["loop"]
    _prepare(loop, metrics, (clip_norm, clip_value), compile)
    if state is None:
        loop.monitor.begin()
    else:
        loop.load_state_dict(state)
    loop.train()
    return loop.run.history


def _prepare(loop: Loop, metrics: Any, clip: Clip, compile: bool) -> None:
    """Try the first batches, begin the metrics, and make the steps."""
    run, source, score = loop.run, loop.batches, loop.score
    model = run.model
    if loop.other is not None:
        measures = tried("fit", loop.other, metrics, model, score)
        loop.validation = Measurement(model, score, measures, loop.other, compile=compile)
    loop.metrics = tried("fit", source, metrics, model, score, keep=True)
    run.steps = loop.steps
    if loop.steps is None and source.length is not None:
        run.steps = -(-source.length // loop.accumulate)
    make = training_step
    if needs_closure(run.optimizer):  # which decides by the loss, in Python, how far it goes
        make, compile = closure_step, False
    divisor = divisor_for(score.loss, source)
    asked = (model, score, run.optimizer, loop.metrics, clip, divisor, loop.wants_norm)
    core = make(*asked)
    loop.step = _prepared(core, loop, compile, divisor)
    if loop.watch is not None:
        core = _prepared(make(*asked, loop.watch), loop, False, divisor)
        loop.watched_step = under_watch(loop.watch, core)
        if loop.validation is not None:
            watch_splits(loop.watch, loop.batches, loop.validation.batches)
        watch = loop.watch

        def judge(run: Run) -> None:
            watch_outcome(watch, run.model, loop.batches, run.step, loop.metrics)

        loop.judge_outcome = judge


def _prepared(core: Core, loop: Loop, compile: bool, divisor: Divisor | None) -> Any:
    """The step as the loop calls it: of rows, compiled, of several batches."""
    source = loop.batches
    step = of_rows(core, source.parts) if source.in_rows else of_batches(core)
    if compile:
        step = compiled(step, "the step of fit")
    if loop.accumulate == 1:
        return step
    return in_groups(step, loop.score.is_sum, source, divisor)


def _check(model: Any, loss: Any, optimizer: Any) -> None:
    if not isinstance(model, Module):
        raise TypeError(f"fit: expected model to be a steep.nn.Module, got {type(model).__name__}")
    if not callable(loss) or isinstance(loss, type):
        got = (
            f"the class {loss.__name__}; call it" if isinstance(loss, type) else type(loss).__name__
        )
        raise TypeError(
            f"fit: expected loss to be a module or function of (output, target), got {got}"
        )
    groups = getattr(optimizer, "param_groups", None)
    if not callable(getattr(optimizer, "step", None)) or not groups:
        raise TypeError(
            "fit: expected optimizer to be made of the model's parameters, as by "
            f"steep.optim.Adam(model.parameters()), got {type(optimizer).__name__}"
        )
    if not is_grad_enabled():
        raise RuntimeError("fit: expected gradients to be enabled; call it outside of no_grad()")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError(
            "fit: expected a model with parameters that require grad, got one with none; see "
            "requires_grad_()"
        )
    own = {id(p) for p in model.parameters()}
    if not any(id(p) in own for group in groups for p in group["params"]):
        raise ValueError(
            "fit: expected an optimizer of the model's parameters, got one that has none of them; "
            "make it after the model"
        )


def _check_counts(**counts: Any) -> None:
    for name, value in counts.items():
        if value is None and name == "steps":
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"fit: expected {name} to be an int, got {type(value).__name__}")
        if value < (0 if name == "epochs" else 1):
            raise ValueError(f"fit: expected {name} to be at least 1, got {value}")


def _check_clips(**clips: Any) -> None:
    for name, value in clips.items():
        if value is None:
            continue
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise TypeError(f"fit: expected {name} to be a number, got {type(value).__name__}")
        if not value > 0:
            raise ValueError(f"fit: expected {name} to be above 0, got {value}; None clips nothing")
