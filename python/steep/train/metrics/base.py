"""What all metrics have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from steep._core import Tensor, dtype, float64, no_grad, zeros
from steep.train.metrics.task import Task

__all__ = ["Metric"]


class Metric:
    """A measure of predictions, computed batch by batch while a network trains.

    A subclass says in `begin` which sums it keeps, adds a batch to them in `update`, and makes the
    value of them in `compute`. The sums are tensors that `update` writes to in place, by operations
    of tensors alone: so it becomes part of the compiled step, and nothing is read before the epoch
    is over.

    A measure that needs all outputs at once sets `collects`; its `compute_all` gets them.

    Attributes:
        name: column of the history.
        mode: ``'max'`` if more is better, ``'min'`` if less is.
        tasks: kinds of tasks (`Task.kind`) that it can measure.
        collects: whether it needs all outputs of an epoch at once. Default: ``False``.
        is_number: whether its value is one number. Default: ``True``.

    Example:
        >>> import steep
        >>> class MeanError(steep.train.Metric):
        ...     name, mode, tasks = "mean_error", "min", ("regression",)
        ...     def begin(self, task):
        ...         self.add_sum("total")
        ...         self.add_sum("count")
        ...     def update(self, output, target, weight):
        ...         self.total.add_((output - target).double().sum())
        ...         self.count.add_(output.numel())
        ...     def compute(self):
        ...         return self.total.item() / self.count.item()
        >>> x = steep.ones(4, 1)
        >>> model = steep.nn.Identity()
        >>> steep.train.evaluate(model, steep.nn.MSELoss(), (x, x - 0.5), [MeanError()])
        {'loss': 0.25, 'mean_error': 0.5}
    """

    name: str = "metric"
    mode: str = "max"
    tasks: ClassVar[Sequence[str]] = ("binary", "multiclass", "regression")
    collects: bool = False
    is_number: bool = True

    def begin(self, task: Task) -> None:
        """Make the sums for a task; called once, before the first batch.

        Raises:
            ValueError: if it cannot measure such a task.
        """

    def check_targets(self, task: Task, target: Tensor, what: str) -> None:
        """Look at all targets of a part before the first batch, where they are at hand.

        Raises:
            ValueError: if it has no value for them.
        """

    def update(self, output: Tensor, target: Tensor, weight: Tensor | None) -> None:
        """Add a batch, without gradients; `weight` is one number a sample, or ``None``."""
        raise NotImplementedError(f"{type(self).__name__} does not define update")

    def compute(self) -> Any:
        """The value of all batches since `reset`."""
        raise NotImplementedError(f"{type(self).__name__} does not define compute")

    def compute_all(self, output: Tensor, target: Tensor, weight: Tensor | None) -> Any:
        """The value of all outputs of an epoch, where `collects` is set."""
        raise NotImplementedError(f"{type(self).__name__} does not define compute_all")

    def add_sum(self, name: str, *shape: int, dtype: dtype = float64) -> None:
        """Make the attribute `name` a tensor of zeros, which `reset` sets to 0 again."""
        vars(self).setdefault("_sums", {})[name] = value = zeros(shape, dtype=dtype)
        setattr(self, name, value)

    @property
    def sums(self) -> dict[str, Tensor]:
        """The tensors that `add_sum` made."""
        found: dict[str, Tensor] = vars(self).get("_sums", {})
        return found

    def reset(self) -> None:
        """Begin anew: all sums are 0."""
        with no_grad():
            for value in self.sums.values():
                value.fill_(0)

    def state_dict(self) -> dict[str, Tensor]:
        """Copies of the sums, for a checkpoint in the middle of an epoch."""
        return {name: value.clone() for name, value in self.sums.items()}

    def load_state_dict(self, state_dict: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        with no_grad():
            for name, value in self.sums.items():
                value.copy_(state_dict[name])

    def check_task(self, task: Task) -> None:
        """Refuse a task that it does not measure.

        Raises:
            ValueError: if it is none of `tasks`.
        """
        if task.kind not in self.tasks:
            raise ValueError(
                f"metric {self.name!r}: expected a task of {' or '.join(self.tasks)}, got "
                f"{task}; it follows from the loss and the targets"
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"
