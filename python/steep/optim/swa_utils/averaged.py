"""Averages of a model's weights over its training, and the rates for it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from steep._core import Tensor, is_recording, no_grad, tensor, where
from steep.nn.instancenorm import _InstanceNorm
from steep.nn.module import Module
from steep.optim.lr_scheduler.base import LRScheduler, Rate, one_per_group
from steep.optim.optimizer import Optimizer

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn"]
__all__ += ["get_swa_multi_avg_fn", "update_bn"]

Average: TypeAlias = Callable[[Tensor, Tensor, Any], Tensor]
AverageOfAll: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """A function ``(average, current, count)``: decay * average + (1 - decay) * current.

    Raises:
        ValueError: if `decay` is not between 0 and 1.

    Example:
        >>> import steep
        >>> average = steep.optim.swa_utils.get_ema_avg_fn(0.75)
        >>> average(steep.tensor(4.0), steep.tensor(8.0), 1).item()
        5.0
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Average:
    """A function ``(average, current, count)``: average + (current - average) / (count + 1).

    Example:
        >>> import steep
        >>> average = steep.optim.swa_utils.get_swa_avg_fn()
        >>> average(steep.tensor(4.0), steep.tensor(7.0), 2).item()
        5.0
    """

    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        difference = current_param - averaged_param
        return averaged_param.add(difference / (num_averaged + 1))

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> AverageOfAll:
    """As `get_ema_avg_fn`, over lists of tensors, whose averages it writes in place.

    Raises:
        ValueError: if `decay` is not between 0 and 1.
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(
        ema_param_list: Sequence[Tensor], current_param_list: Sequence[Tensor], _: Any
    ) -> None:
        for average, current in zip(ema_param_list, current_param_list, strict=True):
            if average.is_floating_point():
                _go_towards(average, current, 1 - decay)
            else:
                average.copy_(average * decay + current * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> AverageOfAll:
    """As `get_swa_avg_fn`, over lists of tensors, whose averages it writes in place."""

    @no_grad()
    def swa_update(
        averaged_param_list: Sequence[Tensor],
        current_param_list: Sequence[Tensor],
        num_averaged: Any,
    ) -> None:
        for average, current in zip(averaged_param_list, current_param_list, strict=True):
            average.copy_(average + (current - average) / (num_averaged + 1))

    return swa_update


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def _go_towards(average: Tensor, current: Tensor, share: float) -> None:
    """A share of the way to `current`, computed from the nearer end."""
    if share < 0.5:
        average.add_(current - average, alpha=share)
    else:
        average.copy_(current - (current - average) * (1 - share))


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's over its training.

    Averages of equal weight are stochastic weight averaging (Izmailov et al., UAI 2018), those of
    `get_ema_avg_fn` exponential moving averages.

    Args:
        avg_fn: ``(average, current, count) -> average`` for each parameter; equal weights if
            ``None``.
        multi_avg_fn: ``(averages, currents, count)`` for all parameters of a dtype, in place;
            AssertionError if both are given.
        use_buffers: whether buffers are averaged too, and not copied (``False``).

    Attributes:
        module: the copy.
        n_averaged: how many models were averaged, an int64 buffer.

    Example:
        >>> import steep
        >>> model = steep.nn.Linear(1, 1, bias=False)
        >>> average = steep.optim.swa_utils.AveragedModel(model)
        >>> for weight in (1.0, 2.0, 6.0):
        ...     _ = steep.nn.init.constant_(model.weight, weight)
        ...     average.update_parameters(model)
        >>> average.module.weight.item()
        3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: AverageOfAll | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        module = copy.deepcopy(model)
        self.module = module if device is None else module.to(device)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model computes."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters as they are now into the averages."""
        averages, currents = self._averaged(self.module), self._averaged(model)
        first = self.n_averaged == 0
        if is_recording():
            # Which of the two it is may differ in a replay, so both are computed.
            new = [average.clone() for average in averages]
            self._average(new, currents)
            currents = [where(first, x, y) for x, y in zip(currents, new, strict=True)]
        if is_recording() or bool(first):
            for average, current in zip(averages, currents, strict=True):
                average.copy_(current)
        else:
            self._average(averages, currents)
        if not self.use_buffers:
            for mine, given in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(given.detach())
        self.n_averaged.add_(1)

    def _averaged(self, model: Module) -> list[Tensor]:
        """Those of a model's tensors of which averages are taken."""
        found: list[Tensor] = list(model.parameters())
        found += model.buffers() if self.use_buffers else ()
        return [x.detach() for x in found]

    def _average(self, averages: list[Tensor], currents: list[Tensor]) -> None:
        if self.multi_avg_fn is None:
            function = self.avg_fn or get_swa_avg_fn()
            for average, current in zip(averages, currents, strict=True):
                average.copy_(function(average, current, self.n_averaged))
            return
        for dtype in dict.fromkeys(x.dtype for x in averages):
            pairs = [
                pair for pair in zip(averages, currents, strict=True) if pair[0].dtype == dtype
            ]
            self.multi_avg_fn([x for x, _ in pairs], [y for _, y in pairs], self.n_averaged)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch normalisation layers anew.

    Modules with `reset_running_stats` and `momentum` are such layers. They see all batches, or
    what lists and tuples begin with, in training mode with equal weight; modes and momenta are as
    before afterwards.

    Example:
        >>> import steep
        >>> model = steep.nn.Linear(2, 1)
        >>> steep.optim.swa_utils.update_bn([steep.ones(4, 2)], model)  # it has none: as it was
    """
    layers = [m for m in model.modules() if _has_running_stats(m)]
    if not layers:
        return
    modes = [(module, module.training) for module in model.modules()]
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None
        model.train()
        for batch in loader:
            given = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(given if device is None else given.to(device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for module, mode in modes:
            module.training = mode


def _has_running_stats(module: Module) -> bool:
    if isinstance(module, _InstanceNorm):
        return False
    return hasattr(module, "reset_running_stats") and hasattr(module, "momentum")


class SWALR(LRScheduler):
    """From the rate there is to `swa_lr` within `anneal_epochs`, and stays there.

    It goes along a ``'cos'``, or ``'linear'``. `swa_lr` may be a list of one for each group.

    Raises:
        ValueError: on an unknown strategy, epochs that are no int from 0 on, or a list of
            another length than there are groups.

    Example:
        >>> import steep
        >>> sgd = steep.optim.SGD([steep.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = steep.optim.swa_utils.SWALR(
        ...     sgd, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> sgd.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = one_per_group("swa_lr", optimizer, swa_lr)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of `swa_lr` is in the rate after so many steps."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list[Rate]:
        """See `LRScheduler.get_lr`."""
        self._warn_unless_in_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, share = self._share(step - 1), self._share(step)
        rates: list[Rate] = []
        for group in self.optimizer.param_groups:
            rate, swa = group["lr"], group["swa_lr"]
            # The rate that it began with, out of what is left of it.
            initial = swa if before == 1 else (rate - before * swa) / (1 - before)
            rates.append(swa * share + initial * (1 - share))
        return rates
