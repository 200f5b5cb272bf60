"""What a watched training tells its rules, and what every rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from steep._core import Tensor
from steep.diagnose._numbers import Array
from steep.diagnose._places import calling_line
from steep.diagnose.finding import Finding
from steep.nn.module import Module
from steep.nn.parameter import is_lazy
from steep.optim.optimizer import Optimizer

__all__ = ["Batch", "Context", "Kind", "LayerCall", "ParameterStep", "Rule", "Step"]


@dataclass(frozen=True)
class Kind:
    """Which loss it is, and whether the loss's value is this loss's alone."""

    name: str  # 'cross_entropy', 'nll', 'bce_logits', 'bce', 'regression', or '' if not known
    pure: bool = False


@dataclass
class LayerCall:
    """One call of a module of the model, in training."""

    name: str
    module: Module
    inputs: list[Tensor]
    output: Tensor | None
    recorded: bool  # whether gradients were
    leaf: bool  # it has no modules below it

    @property
    def line(self) -> str:
        """Where in the user's code it was called; to be asked for during the call."""
        return calling_line()


@dataclass
class Batch:
    """One loss that was computed."""

    x: Any
    y: Any
    output: Tensor | None
    loss: Tensor | None
    value: float
    kind: Kind
    told: bool = False  # by the loop itself, as a validation; not seen by a hook


@dataclass
class ParameterStep:
    """What a step of the optimiser did to one parameter."""

    name: str
    param: Tensor
    grad: Array | None
    grad_norm: float
    weight_norm: float
    update_norm: float
    moved: float  # share of elements that have another value than before
    stale: bool  # the gradient was added to the one that the last step had used
    member: bool  # the optimiser that took the step has it


@dataclass
class Step:
    """One step of an optimiser."""

    optimizer: Optimizer
    rates: list[float]
    params: list[ParameterStep]
    backwards: int  # passes that reached its parameters since the step before
    fruitful: int  # and brought anything but zeros


@dataclass
class Context:
    """What rules may ask at any time."""

    model: Module
    loss: Callable[..., Any] | None
    optimizer: Optimizer | None
    keeps_rows: bool = True  # those of the training, to compare a validation's with
    batches: int = 0
    steps: int = 0
    backwards: int = 0  # passes that reached a parameter
    in_forward: bool = False  # of a batch whose loss has not been seen yet
    stepped: set[int] = field(default_factory=set)  # ids of parameters of stepping optimisers
    optimizers: set[int] = field(default_factory=set)  # ids of optimisers that took a step
    called: dict[str, bool] = field(default_factory=dict)  # layer -> ever with gradients on
    order: list[str] = field(default_factory=list)  # layers, as they were first called

    def parameters(self) -> dict[str, Tensor]:
        """The model's parameters by name, and the loss's as ``'loss.NAME'``; each once."""
        found: dict[str, Tensor] = dict(self.model.named_parameters())
        if isinstance(self.loss, Module):
            known = {id(param) for param in found.values()}
            for name, param in self.loss.named_parameters():
                if id(param) not in known:
                    found[f"loss.{name}"] = param
        return {name: param for name, param in found.items() if not is_lazy(param)}


class Rule:
    """One thing to look for: takes the events it needs, gives what it finds."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def finding(self, code: str, layer: str, evidence: str, mend: str) -> Finding:
        """A finding of now."""
        number = self.context.batches + self.context.in_forward
        return Finding(code, layer, evidence, mend, number)

    def before_loss(self, kind: Kind, output: Any, y: Any) -> Iterable[Finding]:
        """The loss is about to be computed."""
        return ()

    def layer(self, call: LayerCall) -> Iterable[Finding]:
        """A module was called in training."""
        return ()

    def passed(self, x: Tensor | None, recorded: bool) -> Iterable[Finding]:
        """The whole model was called, with gradients or without."""
        return ()

    def batch(self, batch: Batch) -> Iterable[Finding]:
        """A loss was computed."""
        return ()

    def evaluated(self, batch: Batch) -> Iterable[Finding]:
        """A loss was computed without gradients."""
        return ()

    def step(self, step: Step) -> Iterable[Finding]:
        """An optimiser took a step, or was asked to."""
        return ()

    def end(self) -> Iterable[Finding]:
        """The close watch ends."""
        return ()
