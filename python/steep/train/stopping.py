"""Early stopping."""

from __future__ import annotations

import math
from typing import Any

from steep._core import Tensor
from steep.nn.module import Module

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Says when a measure has not got better for a while, and keeps the weights of its best.

    Prechelt, Early Stopping - But When?, 1998. Call `step` with the measure of each validation;
    once it returns ``True``, and in any case at the end, `restore` gives the model its best
    weights.

    Args:
        model: whose weights are kept, a copy of its `state_dict`; ``None``, the default, keeps
            none.
        patience: after so many measures in a row that are no better it is time to stop; 0 is as 1.
            Default: 5.
        min_delta: how much better than the best a measure has to be, in its own units, to count.
            Default: 0.
        mode: ``'min'`` if less is better, as of a loss (the default); ``'max'`` if more is.

    Attributes:
        best: the best measure; ``None`` before the first one that is a number.
        best_step: how many came before it.
        waited: how many came since it.
        steps: how many came in all.

    A measure that is NaN is no better than any. With `state_dict` and `load_state_dict` it is part
    of a checkpoint.

    Raises:
        ValueError: if `patience` or `min_delta` is negative, or `mode` is another.

    Example:
        >>> import steep
        >>> net = steep.nn.Linear(1, 1)
        >>> stopping = steep.train.EarlyStopping(net, patience=2)
        >>> for epoch, loss in enumerate([0.5, 0.3, 0.4, 0.35, 0.2]):
        ...     if stopping.step(loss):
        ...         break
        >>> epoch, stopping.best, stopping.best_step
        (3, 0.3, 1)
        >>> stopping.restore()
    """

    def __init__(
        self,
        model: Module | None = None,
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "min",
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"EarlyStopping: expected mode to be 'min' or 'max', got {mode!r}")
        for name, value in (("patience", patience), ("min_delta", min_delta)):
            if not value >= 0:
                raise ValueError(f"EarlyStopping: expected {name} to be at least 0, got {value}")
        self.model, self.patience, self.min_delta, self.mode = model, patience, min_delta, mode
        self.best: float | None = None
        self.best_step, self.waited, self.steps = 0, 0, 0
        self._weights: dict[str, Any] = {}

    def step(self, value: float | Tensor) -> bool:
        """Take a measure; whether it is time to stop.

        Raises:
            TypeError: if it is no number.
        """
        try:
            value = float(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(
                f"EarlyStopping: expected a number, got {type(value).__name__}"
            ) from error
        better = self._is_better(value)
        if better and self.model is not None:
            # Before the rest, so that what fails or is interrupted counts as not measured.
            self._weights = _copied(self.model.state_dict())
        if better:
            self.best, self.best_step, self.waited = value, self.steps, 0
        else:
            self.waited += 1
        self.steps += 1
        return self.waited >= max(1, self.patience)

    def _is_better(self, value: float) -> bool:
        if math.isnan(value):
            return False
        if self.best is None:
            return True
        gain = self.best - value if self.mode == "min" else value - self.best
        return gain > self.min_delta

    def restore(self) -> None:
        """Give the model the weights of the best measure.

        Raises:
            RuntimeError: if there is no model, or no measure was a number.
        """
        if self.model is None or not self._weights:
            raise RuntimeError(
                "EarlyStopping.restore: expected weights of a best measure; make it with a model, "
                "and call step first"
            )
        self.model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """The measures so far and the best weights, which share no memory with the model's."""
        return {
            "best": self.best,
            "best_step": self.best_step,
            "waited": self.waited,
            "steps": self.steps,
            "weights": dict(self._weights),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        counts = {name: state_dict[name] for name in ("best", "best_step", "waited", "steps")}
        vars(self).update(counts, _weights=_copied(state_dict["weights"]))


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.detach().clone() if isinstance(value, Tensor) else value
        for name, value in state.items()
    }
