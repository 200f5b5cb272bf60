"""Solvers and schedules of the learning rate, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep import nn, optim
from steep.optim import lr_scheduler

__all__ = ["SCHEDULES", "SOLVERS", "PaperEpsilon", "Schedule", "is_stochastic", "make_optimizer"]

_CLASSES: dict[str, Any] = {
    name.lower(): getattr(optim, name)
    for name in (
        *("Adam", "AdamW", "SGD", "RMSprop", "NAdam", "RAdam", "Adamax", "Adagrad"),
        *("Adadelta", "ASGD", "Rprop", "Adafactor"),
    )
}
_MOST_HELD = 256  # steps for which one epsilon may serve before it is looked at again
# Those that take the decay from the weights themselves, and not by way of the gradient.
_DECOUPLED = ("adamw", "adafactor")
SOLVERS = (*_CLASSES, "lbfgs")
SCHEDULES = ("constant", "invscaling", "adaptive", "cosine", "onecycle", "linear")


def is_stochastic(solver: Any) -> bool:
    """Whether a solver goes by batches."""
    return not (isinstance(solver, str) and solver == "lbfgs")


def make_optimizer(params: Any, network: nn.Module) -> tuple[optim.Optimizer, bool]:
    """The optimiser an estimator asks for, and whether its first group has a coupled decay.

    Args:
        params: the estimator: its `solver` is a name, or a function of parameters.
        network: what is optimised; the matrices of its Linear layers are the first group.
    """
    linear = [layer.weight for layer in network.modules() if isinstance(layer, nn.Linear)]
    chosen = {id(weight) for weight in linear}
    others = [p for p in network.parameters() if id(p) not in chosen]
    if not isinstance(params.solver, str):
        return params.solver([*linear, *others]), False
    groups: list[dict[str, Any]] = [{"params": linear, "weight_decay": 0.0}, {"params": others}]
    name, rate = params.solver, float(params.learning_rate_init)
    if name in _DECOUPLED:
        groups[0]["weight_decay"] = float(params.alpha)
        groups[1]["weight_decay"] = 0.0
    made: optim.Optimizer
    if name == "sgd":
        nesterov = bool(params.nesterovs_momentum and params.momentum > 0)
        made = optim.SGD(groups, lr=rate, momentum=float(params.momentum), nesterov=nesterov)
    elif name in ("adam", "adamw", "nadam", "radam", "adamax"):
        betas = (float(params.beta_1), float(params.beta_2))
        made = _CLASSES[name](groups, lr=rate, betas=betas, eps=float(params.epsilon))
    elif name == "rprop":  # has no decay
        made = optim.Rprop([*linear, *others], lr=rate)
    else:
        made = _CLASSES[name](groups, lr=rate)
    return made, name not in (*_DECOUPLED, "rprop")


class PaperEpsilon:
    """Adam's epsilon where Kingma and Ba's faster form (2015, end of section 2) has it.

    There, and in scikit-learn, epsilon is added before the second moment's bias is corrected:
    ``lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)``. An optimiser that adds it
    afterwards does the same with ``epsilon / sqrt(1 - beta2^t)``, which a call sets for the step to
    come. It matters for weights whose gradients are hardly more than their decay.

    Args:
        optimizer: whose epsilon is set.
        epsilon: as in the faster form.
        beta2: decay of the second moment.
        steps_of: it is set when it is off by this share: a replay looks at all settings anew when
            one is written, which takes as long as a small step. 0 for each step.

    Attributes:
        held: steps for which it is right as it is; whoever takes one counts it down.
    """

    def __init__(
        self, optimizer: optim.Optimizer, epsilon: float, beta2: float, steps_of: float
    ) -> None:
        self.optimizer, self.epsilon, self.beta2 = optimizer, epsilon, beta2
        self.steps_of = steps_of
        self.power, self.set_to, self.held = 1.0, 0.0, 0

    def next_step(self) -> None:
        """Set it for the step to come; to be called while `held` is 0."""
        self.held = _MOST_HELD
        if self.power <= 1e-12 or not self.epsilon:
            return
        power = self.power * self.beta2
        corrected = self.epsilon / (1.0 - power) ** 0.5
        if abs(self.set_to - corrected) > self.steps_of * corrected:
            self.set_to = corrected
            for group in self.optimizer.param_groups:
                group["eps"] = corrected
        most, held = (self.epsilon * (1.0 + self.steps_of) / self.set_to) ** 2, 1
        while held < _MOST_HELD and 1.0 - power * self.beta2 <= most:
            power *= self.beta2
            held += 1
        self.power, self.held = power, held


class Schedule:
    """The learning rate over the epochs, or over the steps where the schedule goes by steps.

    Args:
        params: the estimator.
        optimizer: whose learning rate it is.
        epochs: how many there are to be.
        steps: how many in each.
    """

    def __init__(self, params: Any, optimizer: optim.Optimizer, epochs: int, steps: int) -> None:
        self.optimizer = optimizer
        # As in scikit-learn these two are for SGD alone.
        is_sgd = params.solver == "sgd"
        self.name = params.learning_rate if isinstance(params.learning_rate, str) else "own"
        if self.name in ("invscaling", "adaptive") and not is_sgd:
            self.name = "constant"
        self.start, self.power = float(params.learning_rate_init), float(params.power_t)
        self._by_epoch: Any = None
        self.by_step: Callable[[], Any] | None = None
        if self.name == "own":
            self._by_epoch = params.learning_rate(optimizer)
        elif self.name == "cosine":
            self._by_epoch = lr_scheduler.CosineAnnealingLR(optimizer, max(1, epochs))
        elif self.name == "linear":
            self._by_epoch = lr_scheduler.LinearLR(optimizer, 1.0, 0.01, max(1, epochs - 1))
        elif self.name == "onecycle":
            rate, count = float(params.learning_rate_init), max(2, epochs * steps + 1)
            self.by_step = lr_scheduler.OneCycleLR(optimizer, rate, total_steps=count).step

    def epoch_ended(self, samples: int, measure: float) -> None:
        """After an epoch: how many samples there were in all, and the measure of the epoch."""
        if self.name == "invscaling":
            self._set(self.start / (samples + 1) ** self.power)
        elif isinstance(self._by_epoch, lr_scheduler.ReduceLROnPlateau):
            self._by_epoch.step(measure)
        elif self._by_epoch is not None:
            self._by_epoch.step()

    def stalled(self) -> bool:
        """No improvement for too long: whether to stop; 'adaptive' goes on with a fifth."""
        rate = self.optimizer.param_groups[0]["lr"]
        if self.name != "adaptive" or rate <= 1e-6:
            return True
        self._set(rate / 5)
        return False

    def _set(self, rate: float) -> None:
        """Set the rate, and leave the velocity as it is: a share of the steps at the old rate.

        An optimiser that multiplies by the rate after the momentum gets that by other momenta.
        """
        for group in self.optimizer.param_groups:
            for p in group["params"]:
                momentum = self.optimizer.state.get(p, {}).get("momentum_buffer")
                if momentum is not None:
                    momentum.mul_(group["lr"] / rate)
            group["lr"] = rate
