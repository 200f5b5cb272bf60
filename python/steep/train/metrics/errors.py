"""How far predicted numbers are from true ones."""

from __future__ import annotations

import math

from steep._core import Tensor
from steep.train.metrics.base import Metric
from steep.train.metrics.task import Task

__all__ = ["MAE", "MSE", "R2", "RMSE"]


class _Errors(Metric):
    """Means over samples of something in each column."""

    mode = "min"
    tasks = ("regression",)

    total: Tensor
    count: Tensor

    def begin(self, task: Task) -> None:
        """Make the sums."""
        self.check_task(task)
        self.task = task
        self.add_sum("total", task.columns)
        self.add_sum("count")

    def update(self, output: Tensor, target: Tensor, weight: Tensor | None) -> None:
        """Add a batch."""
        each = self._each(self._columns(output) - self._columns(target))
        if weight is None:
            self.total.add_(each.sum(dim=0))
            self.count.add_(each.shape[0])
        else:
            self.total.add_((each * weight.double().unsqueeze(1)).sum(dim=0))
            self.count.add_(weight.double().sum())

    def _columns(self, t: Tensor) -> Tensor:
        return t.double().reshape(-1, self.task.columns)

    def _each(self, error: Tensor) -> Tensor:
        return error * error

    def means(self) -> list[float]:
        """The mean of each column; NaN of nothing."""
        count = float(self.count)
        return [total / count if count else math.nan for total in self.total.tolist()]

    def compute(self) -> float:
        """The mean over the columns."""
        return math.fsum(self.means()) / self.task.columns


class MAE(_Errors):
    """The mean absolute error, in the unit of the targets; of several columns their mean."""

    name = "mae"

    def _each(self, error: Tensor) -> Tensor:
        return error.abs()


class MSE(_Errors):
    """The mean squared error; of several columns their mean."""

    name = "mse"


class RMSE(_Errors):
    """The root of the mean squared error, in the unit of the targets.

    Of several columns, the mean of their roots.
    """

    name = "rmse"

    def compute(self) -> float:
        """The mean over the columns of the roots."""
        return math.fsum(map(math.sqrt, self.means())) / self.task.columns


class R2(_Errors):
    """The share of the targets' variance that is explained: 1 - squared errors / squares.

    The squares are those of the targets around their mean; of several columns, the mean of their
    shares. 1 is perfect, 0 as good as the mean. Where the targets are constant it is 1 if they are
    predicted exactly and 0 otherwise. With fewer than two samples, NaN.

    The mean and the squares around it are kept up batch by batch (Chan, Golub and LeVeque,
    Algorithms for Computing the Sample Variance, 1983, equation 2.1): sums of squares would cancel.
    """

    name = "r2"
    mode = "max"

    centre: Tensor
    squares: Tensor
    samples: Tensor

    def begin(self, task: Task) -> None:
        """Make the sums."""
        super().begin(task)
        self.add_sum("centre", task.columns)
        self.add_sum("squares", task.columns)
        self.add_sum("samples")

    def update(self, output: Tensor, target: Tensor, weight: Tensor | None) -> None:
        """Add a batch."""
        before = self.count.clone()
        super().update(output, target, weight)
        y = self._columns(target)
        each = (y[:, :1] * 0 + 1) if weight is None else weight.double().unsqueeze(1)
        size = each.sum()
        safe = size + (size == 0)  # a batch whose weights are all 0 adds nothing
        centre = (each * y).sum(dim=0) / safe
        shift = centre - self.centre
        share = size / (self.count + (self.count == 0))
        around = (each * (y - centre) ** 2).sum(dim=0)
        self.squares.add_(around + shift * shift * before * share)
        self.centre.add_(shift * share)
        self.samples.add_(y.shape[0])

    def compute(self) -> float:
        """The mean over the columns."""
        if float(self.samples) < 2:
            return math.nan
        shares = []
        for missed, squares in zip(self.total.tolist(), self.squares.tolist(), strict=True):
            constant = 1.0 if missed == 0 else 0.0
            shares.append(1 - missed / squares if squares else constant)
        return math.fsum(shares) / len(shares)
