"""An estimator's training by batches: splits, epochs, when to stop, and what is kept."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import steep
from steep._core import Tensor
from steep.sklearn._data import Samples
from steep.sklearn._losses import Loss
from steep.sklearn._optimizers import PaperEpsilon, Schedule, make_optimizer
from steep.sklearn._steps import Stepper, square_sum

__all__ = ["fit_by_batches"]

Held = tuple[tuple[Tensor, ...], Any, Any]  # inputs, target as given, weights


def fit_by_batches(
    est: Any, loss: Loss, samples: Samples, y: Any, held: Held | None, incremental: bool
) -> None:
    """Train `est.model_` by epochs of shuffled batches, as `est`'s parameters say.

    Args:
        est: the estimator, which gets the fitted attributes.
        loss: what is minimised.
        samples: what there is to learn.
        y: their targets as they were given, of which a validation part is judged.
        held: a validation set from outside, if there is one.
        incremental: whether this is one epoch of `partial_fit`.
    """
    if est.early_stopping and held is None:
        samples, held = _split(est, samples, y)
    size = _batch_size(est, len(samples))
    stepper, schedule = _machinery(est, loss, len(samples), size, incremental)
    fit = _Fit(est, loss, samples, held, stepper, schedule, size)
    epochs = 1 if incremental else est.max_iter
    est.n_iter_ = 0
    try:
        for _ in range(epochs):
            if fit.epoch():
                break
        else:
            if not incremental:
                warnings.warn(
                    f"Stochastic Optimizer: Maximum iterations ({est.max_iter}) reached and the "
                    "optimization hasn't converged yet.",
                    ConvergenceWarning,
                    stacklevel=4,
                )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=4)
    if est.early_stopping:
        fit.restore()


def _split(est: Any, samples: Samples, y: Any) -> tuple[Samples, Held]:
    """A validation part by scikit-learn's own split, which `random_state` decides."""
    rows = np.arange(len(samples))
    training, validation = train_test_split(
        rows,
        random_state=est._random_state,
        test_size=est.validation_fraction,
        stratify=est._strata(y),
    )
    if len(validation) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    part = samples.take(steep.from_numpy(validation))
    weight = None if part.weight is None else part.weight.numpy()
    targets = np.asarray(y)[validation]
    return samples.take(steep.from_numpy(training)), (part.inputs, targets, weight)


def _batch_size(est: Any, count: int) -> int:
    if isinstance(est.batch_size, str):
        return min(200, count)
    if est.batch_size > count:
        warnings.warn(
            f"Got `batch_size` {est.batch_size}, larger than the {count} samples; it is clipped",
            stacklevel=5,
        )
    return min(int(est.batch_size), count)


def _machinery(
    est: Any, loss: Loss, count: int, size: int, incremental: bool
) -> tuple[Stepper, Schedule]:
    """The compiled step and the schedule; those of the last call in `partial_fit`."""
    has_optimizer = incremental and hasattr(est, "_optimizer")
    if not has_optimizer:
        est._optimizer, est._coupled = make_optimizer(est, est.model_)
        steps = -(-count // size)
        est._schedule = Schedule(est, est._optimizer, est.max_iter, steps)
        is_adam = est.solver == "adam"
        settings = (float(est.epsilon), float(est.beta_2), 0.05 if est._dtype == "float32" else 0.0)
        est._epsilon = PaperEpsilon(est._optimizer, *settings) if is_adam else None
    stepper: Stepper | None = getattr(est, "_stepper", None)
    if stepper is None or not has_optimizer:
        stepper = est._stepper = Stepper(
            est.model_,
            loss,
            est._optimizer,
            alpha=float(est.alpha),
            coupled=est._coupled,
            clip_norm=est.clip_norm,
        )
        stepper.epsilon, stepper.after_step = est._epsilon, est._schedule.by_step
    return stepper, est._schedule


class _Fit:
    """The epochs of one `fit`."""

    def __init__(
        self,
        est: Any,
        loss: Loss,
        samples: Samples,
        held: Held | None,
        stepper: Stepper,
        schedule: Schedule,
        size: int,
    ) -> None:
        self.est, self.samples, self.held = est, samples, held
        self.stepper, self.schedule, self.size = stepper, schedule, size
        count = len(samples)
        self.estimates = stepper.alpha > 0 and not stepper.is_exact
        self.squares = square_sum(est.model_) if self.estimates else 0.0
        self.divisor = est.n_outputs_ if loss.per_output else 1
        self.offset = est._loss_offset(samples)
        self.order = np.arange(count)
        self.best: dict[str, Tensor] = {}
        if held is not None and est.validation_scores_ is None:
            est.validation_scores_ = []
            est.best_validation_score_ = -np.inf

    def epoch(self) -> bool:
        """One epoch and what follows it; whether to stop."""
        est = self.est
        if est.shuffle:
            # What sklearn.utils.shuffle does, which checks its arguments for as long as five steps.
            positions = np.arange(len(self.order))
            est._random_state.shuffle(positions)
            self.order = self.order[positions]
        mean = self.stepper.epoch(
            self.samples, self.order if est.shuffle else None, self.size, bool(est.batch_norm)
        )
        est.n_iter_ += 1
        est.t_ += len(self.samples)
        est.loss_ = mean / self.divisor + self.offset + self._penalty()
        est.loss_curve_.append(est.loss_)
        self._say(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
        self._judge()
        measure = -est.validation_scores_[-1] if self.held is not None else est.loss_
        self.schedule.epoch_ended(est.t_, measure)
        # Every callback is called, whichever asks for an end.
        wants = [callback(est) for callback in est.callbacks]
        return self._stalled() or any(wish is True for wish in wants)

    def _penalty(self) -> float:
        """The L2 penalty of an epoch: its batches' factors, and the mean of before and after."""
        if not self.estimates:
            return 0.0
        before, self.squares = self.squares, square_sum(self.est.model_)
        return self.stepper.penalties * 0.5 * (before + self.squares)

    def _judge(self) -> None:
        """Count epochs without improvement, of the score if stopping is early, else of the loss."""
        est = self.est
        if self.held is not None:
            score = est._score_of(*self.held)
            est.validation_scores_.append(score)
            self._say(f"Validation score: {score:f}")
        if est.early_stopping:
            stalls = score < est.best_validation_score_ + est.tol
            if score > est.best_validation_score_:
                state = est.model_.state_dict()
                self.best = {name: value.detach().clone() for name, value in state.items()}
        else:
            stalls = est.loss_ > est.best_loss_ - est.tol
            est.best_loss_ = min(est.best_loss_, est.loss_)
        if self.held is not None:
            est.best_validation_score_ = max(est.best_validation_score_, score)
        est._no_improvement_count = est._no_improvement_count + 1 if stalls else 0

    def _stalled(self) -> bool:
        est = self.est
        if est._no_improvement_count <= est.n_iter_no_change:
            return False
        what = "Validation score" if est.early_stopping else "Training loss"
        self._say(
            f"{what} did not improve more than tol={est.tol:f} for {est.n_iter_no_change} "
            "consecutive epochs."
        )
        est._no_improvement_count = 0
        return self.schedule.stalled()

    def _say(self, line: str) -> None:
        if self.est.verbose:
            print(line)

    def restore(self) -> None:
        """Give the network the weights of the best validation score."""
        if self.best:
            self.est.model_.load_state_dict(self.best)
