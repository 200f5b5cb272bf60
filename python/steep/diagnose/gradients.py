"""`gradient_check`: the gradients of a model against finite differences."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steep._core import Tensor, float64, get_rng_state, no_grad, set_rng_state
from steep.diagnose._guard import copied, untouched_randomness
from steep.diagnose._numbers import array, short
from steep.diagnose._trials import check_model
from steep.nn.module import Module
from steep.train._arrays import mapped, to_tensors
from steep.train._step import apply

__all__ = ["GradientCheck", "ParameterGradient", "gradient_check"]

# In float64 differences of step 1e-6 are right to about 1e-10 of the loss, and 1e-12 times its
# third derivative.
_STEP = 1e-6


@dataclass
class ParameterGradient:
    """One parameter's gradient beside its finite differences.

    Attributes:
        name: dotted name.
        error: largest relative difference.
        index: where that is.
        by_backward: the gradient there.
        by_difference: the finite difference there.
        checked: at how many elements they were compared.
        kinks: at how many the loss has a corner, and thus no slope to compare with.
    """

    name: str
    error: float = 0.0
    index: tuple[int, ...] = ()
    by_backward: float = 0.0
    by_difference: float = 0.0
    checked: int = 0
    kinks: int = 0


@dataclass
class GradientCheck:
    """Whether the gradients of a model are right.

    Attributes:
        ok: the verdict.
        parameters: a `ParameterGradient` for each, by name.
        tolerance: relative difference up to which they agree.
    """

    ok: bool
    tolerance: float
    parameters: dict[str, ParameterGradient] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def worst(self) -> ParameterGradient | None:
        """The parameter with the largest difference."""
        return max(self.parameters.values(), key=lambda p: p.error, default=None)

    def __repr__(self) -> str:
        worst, count = self.worst, sum(p.checked for p in self.parameters.values())
        if worst is None:
            return "GradientCheck: no parameters"
        if self.ok:
            return (
                f"GradientCheck: {count} elements of {len(self.parameters)} parameters agree, the "
                f"worst to {short(worst.error)} ({worst.name})"
            )
        lines = ["GradientCheck: gradients that are not the slopes of the loss"]
        for p in self.parameters.values():
            if p.error > self.tolerance:
                lines.append(
                    f"  {p.name}[{', '.join(map(str, p.index))}]: backward gives "
                    f"{p.by_backward:.6g}, finite differences {p.by_difference:.6g}"
                )
        return "\n".join(lines)


def gradient_check(
    model: Module,
    loss: Callable[..., Tensor],
    x: Any,
    y: Any,
    *,
    elements: int = 16,
    tolerance: float = 1e-5,
) -> GradientCheck:
    """Compare a model's gradients with finite differences of its loss.

    On a copy in float64, in the model's own mode, with the same random numbers in each evaluation.
    Wrong gradients come from `autograd.Function`s, from `detach` and `.data` on the way, and from
    changing tensors that backward needs. Where the loss has a corner (ReLU at zero) there is
    nothing to compare.

    Args:
        model: what is copied.
        loss: module or function of ``(output, target)`` that returns one number.
        x: input, a tensor or array; a tuple or dict for a model with several.
        y: target.
        elements: of each parameter, evenly spaced; all if it has no more. Default: 16.
        tolerance: relative difference up to which they agree. Default: 1e-5.

    Raises:
        TypeError: if an argument is of another kind.
        ValueError: if the loss is not one finite number, or `elements` is below 1.

    Example:
        >>> import steep
        >>> _ = steep.manual_seed(0)
        >>> net = steep.nn.Sequential(steep.nn.Linear(3, 4), steep.nn.Tanh(), steep.nn.Linear(4, 1))
        >>> check = steep.diagnose.gradient_check(
        ...     net, steep.nn.MSELoss(), steep.randn(5, 3), steep.randn(5, 1))
        >>> check.ok, sorted(check.parameters)
        (True, ['0.bias', '0.weight', '2.bias', '2.weight'])
    """
    check_model("gradient_check", model, loss)
    if elements < 1:
        raise ValueError(f"gradient_check: expected elements to be at least 1, got {elements}")
    with untouched_randomness():
        twin = copied(model).double()
        own = copy.deepcopy(loss).double() if isinstance(loss, Module) else loss
        given = _in_double("x", x), _in_double("y", y)
        evaluate = _evaluator(twin, own, *given)
        start = _number(evaluate())
        check = GradientCheck(True, tolerance)
        for name, param in twin.named_parameters():
            if param.requires_grad:
                found = _compared(name, param, evaluate, start, elements)
                check.parameters[name] = found
                check.ok = check.ok and found.error <= tolerance
    return check


def _in_double(what: str, x: Any) -> Any:
    def convert(t: Tensor) -> Tensor:
        return t.detach().to(float64) if t.is_floating_point() else t

    return mapped(convert, to_tensors("gradient_check", what, x, float64))


def _evaluator(model: Module, loss: Any, x: Any, y: Any) -> Callable[[], Tensor]:
    """The loss, with the same random numbers and buffers each time."""
    state = get_rng_state()
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]

    def evaluate() -> Tensor:
        set_rng_state(state)
        with no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        result: Tensor = loss(apply(model, x), y)
        return result

    result = evaluate()
    if not isinstance(result, Tensor) or result.numel() != 1 or not np.isfinite(result.item()):
        shown = list(result.shape) if isinstance(result, Tensor) else type(result).__name__
        raise ValueError(f"gradient_check: expected a loss of one finite number, got {shown}")
    if result.requires_grad:
        evaluate().backward()
    return evaluate


def _number(loss: Tensor) -> float:
    return float(loss.item())


def _compared(
    name: str, param: Tensor, evaluate: Callable[[], Tensor], start: float, elements: int
) -> ParameterGradient:
    found = ParameterGradient(name)
    count = param.numel()
    gradient = None if param.grad is None else array(param.grad).reshape(-1)
    scale = 0.0 if gradient is None or count == 0 else float(np.abs(gradient).max())
    # Below this a difference is rounding: of the loss, and of the parameter's largest gradient.
    least = 1e-7 * max(1.0, abs(start)) + 1e-6 * scale
    for place in np.unique(np.linspace(0, count - 1, min(elements, count)).astype(int)):
        index = tuple(int(i) for i in np.unravel_index(place, tuple(param.shape)))
        slope = 0.0 if gradient is None else float(gradient[place])
        left, right = _slopes(param, index, evaluate, start, _STEP)
        difference = (left + right) / 2
        found.checked += 1
        bend = abs(left - right)
        if bend > 1e-3 * max(abs(left), abs(right)) + 1e-8 * max(1.0, abs(start)):
            nearer = _slopes(param, index, evaluate, start, _STEP / 2)
            if abs(nearer[0] - nearer[1]) > 0.75 * bend:  # of a curve it would be half
                found.kinks += 1
                continue
        off = abs(slope - difference)
        error = 0.0 if off <= least else off / max(abs(slope), abs(difference))
        if error > found.error or found.checked == 1:
            found.error, found.index = error, index
            found.by_backward, found.by_difference = slope, difference
    return found


def _slopes(
    param: Tensor, index: tuple[int, ...], evaluate: Callable[[], Tensor], start: float, step: float
) -> tuple[float, float]:
    """Of the loss to the left and to the right of one element."""
    with no_grad():
        value = float(param[index].item())
        step *= max(1.0, abs(value))
        param[index] = value + step
        above = _number(evaluate())
        param[index] = value - step
        below = _number(evaluate())
        param[index] = value
    return (start - below) / step, (above - start) / step
