"""Optimisers that keep the same tensors of every parameter, and say so in a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from steep._core import Tensor, check_step, no_grad, zeros_like
from steep.optim._plan import GroupPlan, MissingState
from steep.optim._settings import as_count, reject_differentiable
from steep.optim._state import check_shape
from steep.optim.optimizer import Optimizer

__all__ = ["CompositeOptimizer", "StatefulOptimizer", "sloped"]

# Settings that state dicts of older versions lack.
_LATER = (
    "amsgrad",
    "maximize",
    "foreach",
    "capturable",
    "differentiable",
    "fused",
    "decoupled_weight_decay",
    "momentum",
    "centered",
)


class StatefulOptimizer(Optimizer):
    """An optimiser whose step is one call with lists of state: a fused kernel's operation.

    A subclass defines `_hyper` and `_flags`, and these.

    Attributes:
        _kept: what it keeps of a parameter besides its count of steps, in the order of the step's
            arguments.
        _numbers: those of them that are one float32 number, and what they begin as.
        _optional: those that are kept where a flag is set, and that flag's position.
        _used: positions of the flags that the step is called with.
        _counted: whether it counts a parameter's steps.
    """

    _kept: tuple[str, ...] = ()
    _numbers: tuple[tuple[str, float], ...] = ()
    _optional: tuple[tuple[str, int], ...] = ()
    _used = slice(None)
    _counted = True
    _step: Callable[..., Any]

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        reject_differentiable(type(self).__name__, defaults.get("differentiable", False))
        super().__init__(params, defaults)

    def _fresh(self, name: str, param: Tensor, plan: GroupPlan) -> Tensor:
        """What a parameter's state begins with."""
        return zeros_like(param)

    def _first(self, name: str, plan: GroupPlan) -> float:
        """The same, of what is one number."""
        return dict(self._numbers).get(name, 0.0)

    def _keeps(self, name: str, param: Tensor) -> bool:
        """Whether it keeps that of this parameter, which depends on its shape."""
        return True

    def _made(self, name: str, param: Tensor, plan: GroupPlan) -> Callable[[Any], Tensor]:
        """A function of what the state has: that itself, or what takes its place."""
        if name == "step" or name in dict(self._numbers):
            return lambda value: as_count(value, self._first(name, plan))
        return lambda value: self._fresh(name, param, plan) if value is None else value

    def _names(self) -> tuple[str, ...]:
        return ("step", *self._kept) if self._counted else self._kept

    def _lay_out(self, plan: GroupPlan, state: MissingState) -> None:
        flags = plan.flags or ()
        left_out = [name for name, at in self._optional if not flags[at]]
        for name in self._names():
            plan.lists[name] = [
                state.get(p, name, self._made(name, p, plan))[0] if self._keeps(name, p) else None
                for p in plan.params
                if name not in left_out
            ]
        lists = (plan.lists[name] for name in (*self._kept, "step") if name in plan.lists)
        plan.rest = (*lists, plan.hyper, *flags[self._used])

    def _calls(
        self, plan: GroupPlan, grads: list[Tensor]
    ) -> list[tuple[Callable[..., Any], tuple[Any, ...]]]:
        return [(type(self)._step, (plan.params, grads, *plan.rest))]

    def _loaded_state(self, param: Tensor, number: Any, entry: Any) -> Any:
        if not isinstance(entry, dict) or not entry:
            return entry
        new = dict(entry)
        numbers = {"step": 0.0, **dict(self._numbers)}
        for name in self._names():
            if name in numbers:
                try:
                    new[name] = as_count(entry.get(name), numbers[name])
                except (TypeError, ValueError, RuntimeError) as error:
                    raise ValueError(
                        f"loaded state dict: expected {name} of parameter {number} to be one "
                        f"number, got {entry[name]!r}"
                    ) from error
            elif entry.get(name) is not None:
                self._check_loaded(number, name, param, entry[name])
        return new

    def _check_loaded(self, number: Any, name: str, param: Tensor, value: Any) -> None:
        check_shape(number, name, param, value)

    def _loaded_group(self, group: dict[str, Any]) -> dict[str, Any]:
        later = (name for name in _LATER if name in self.defaults and name not in group)
        return {**group, **{name: self.defaults[name] for name in later}}


class CompositeOptimizer(StatefulOptimizer):
    """An optimiser whose step is made of operations.

    A subclass defines `_hyper`, `_flags` and `_update`. The step of all groups is worked out, and
    then written at once: whatever fails before leaves everything as it was.
    """

    _writes_at_the_end = True
    _of_own_shape: tuple[str, ...] = ()  # what it keeps that has not the parameter's shape

    @staticmethod
    def _update(
        p: Tensor, g: Tensor, state: list[Tensor], t: Any, hyper: list[Tensor], *flags: Any
    ) -> tuple[Tensor, ...]:
        """The new values of a parameter and its state, in new tensors.

        `t` counts the steps, this one included, where the class counts them; it and `hyper` are
        float64 numbers.
        """
        raise NotImplementedError

    def _calls(
        self, plan: GroupPlan, grads: list[Tensor]
    ) -> list[tuple[Callable[..., Any], tuple[Any, ...]]]:
        return [(self._work_out, (plan, grads))]

    @no_grad()
    def _work_out(self, plan: GroupPlan, grads: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """What the group's step changes, and the values it gets."""
        lists = [plan.lists[name] for name in self._kept]
        for name, tensors in (("grads", grads), *zip(self._kept, lists, strict=True)):
            if name not in self._of_own_shape:
                check_step(type(self).__name__, plan.params, name, tensors)
        targets, values = [], []
        hyper = list(plan.hyper.unbind())
        flags = plan.flags or ()
        for i, (p, g) in enumerate(zip(plan.params, grads, strict=True)):
            state = [x for tensors in lists if (x := tensors[i]) is not None]
            counts = [plan.lists["step"][i]] if self._counted else []
            new_counts = [count + 1 for count in counts]
            t = new_counts[0].double() if self._counted else None
            new = self._update(p, g, state, t, hyper, *flags)
            targets += [p, *state, *counts]
            values += [*new, *new_counts]
        return targets, values


def sloped(p: Tensor, g: Tensor, decay: Tensor, maximize: bool, decays: bool) -> Tensor:
    """The gradient with its sign and the weight decay."""
    g = -g if maximize else g
    return g + decay.to(p.dtype) * p if decays else g
