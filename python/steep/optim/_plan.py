"""What a fused step of one parameter group needs, laid out once and used at every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep._core import Tensor, float64, same_objects, state_matches, tensor


class MissingState:
    """State of parameters, with what is missing made but not yet put in its place.

    Attributes:
        entries: what to assign once the step is taken, as `set_items` takes it.
    """

    def __init__(self, state: dict[Any, Any]) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self._state = state
        self._fresh: dict[int, dict[str, Any]] = {}
        self._added: dict[tuple[int, str], Tensor] = {}

    def get(self, param: Tensor, name: str, make: Callable[[Any], Tensor]) -> tuple[Tensor, bool]:
        """What the state has under `name`, and whether it is new.

        `make` is given what was there, or ``None``, and returns that or what takes its place.
        """
        key = id(param)
        entry = self._fresh.get(key)
        if entry is None:
            entry = self._state.get(param)
        if entry is None:
            entry = self._fresh[key] = {}
            self.entries.append((self._state, param, entry))
        old = self._added.get((key, name), entry.get(name))
        value = make(old)
        if value is not old:
            if key in self._fresh:
                entry[name] = value
            else:
                self._added[key, name] = value
                self.entries.append((entry, name, value))
        return value, old is None


class _Numbers:
    """A group's hyperparameters where kernels read them; all plans of the group share it."""

    __slots__ = ("tensor", "values", "view")

    def __init__(self, count: int) -> None:
        self.tensor = tensor([0.0] * count, dtype=float64)
        # Written through its buffer: inside a recording, copy_ would be recorded with the rest.
        self.view: Any = memoryview(self.tensor)
        self.values: tuple[float, ...] = ()


PLANS = 16  # of one group, for parameters that have gradients in turn


class GroupPlan:
    """Pre-built lists for one group: the parameters that have gradients, and their state.

    The lists hold as long as the same parameters have gradients and their state is the one in the
    optimiser's `state`; `holds` decides that in a few calls of the core. The hyperparameters lie
    in a float64 tensor, which kernels read when they run, so that a recorded program follows a
    learning-rate schedule.

    A plan is never changed, but for its numbers: `replaced` makes another. Those made before are
    kept for when their parameters have gradients again, as heads of one network have in turn.

    Attributes:
        params: parameters with a gradient, in the group's order.
        lists: state tensors by name, each list aligned with `params` (or empty if unused), with
            ``None`` for parameters that have no such state.
        fresh: positions in `params` whose step is a first one, as far as that makes a difference.
        missing: what the next step has to put into the optimiser's state.
        hyper: float64 tensor of hyperparameters.
        flags: the switches the lists were built for.
        rest: what the step is called with after parameters and gradients, where that is laid out.
        family: the plans of the group that were taken, this one among them, the latest first.
        valid: whether it is still one of them; recorded programs look at that.
    """

    __slots__ = (
        "_all_params",
        "_numbers",
        "family",
        "flags",
        "fresh",
        "hyper",
        "lists",
        "missing",
        "params",
        "rest",
        "valid",
    )

    def __init__(self, count: int) -> None:
        self.params: list[Tensor] = []
        self.lists: dict[str, list[Any]] = {}
        self.fresh: list[int] = []
        self.missing: list[tuple[Any, ...]] = []
        self.flags: tuple[bool, ...] | None = None
        self.rest: tuple[Any, ...] = ()
        self._numbers = _Numbers(count)
        self.hyper = self._numbers.tensor
        self.family: list[GroupPlan] = []
        self.valid = True
        self._all_params: list[Tensor] = []

    def replaced(
        self, params: list[Tensor], all_params: list[Tensor], flags: tuple[bool, ...]
    ) -> GroupPlan:
        """A plan for other parameters with the same numbers; the optimiser fills its lists."""
        plan = GroupPlan.__new__(GroupPlan)
        plan.params = params
        plan.lists = {}
        plan.fresh = []
        plan.missing = []
        plan.flags = flags
        plan.rest = ()
        plan._numbers = self._numbers
        plan.hyper = self.hyper
        plan.family = self.family
        plan.valid = True
        plan._all_params = list(all_params)
        return plan

    def known(
        self, params: list[Tensor], state: dict[Any, Any], flags: tuple[bool, ...]
    ) -> GroupPlan | None:
        """One of its family that fits, if there is any."""
        return next((plan for plan in self.family if plan.holds(params, state, flags)), None)

    def holds(self, params: list[Tensor], state: dict[Any, Any], flags: tuple[bool, ...]) -> bool:
        """Whether it still fits `params`, which have gradients, and their `state` and `flags`."""
        return (
            flags == self.flags
            and not self.fresh
            and same_objects(params, self.params)
            and state_matches(state, self.params, self.lists)
        )

    def fits(self, params: list[Tensor], state: dict[Any, Any], flags: tuple[bool, ...]) -> bool:
        """Whether a recorded step is still the one that `step` would take, as far as can be seen
        without looking at gradients, which the recording itself knows about.
        """
        return (
            flags == self.flags
            and same_objects(params, self._all_params)
            and state_matches(state, self.params, self.lists)
        )

    def note_taken(self) -> None:
        """The step that makes the missing state is taken: it is the plan for its parameters now."""
        self.missing = []
        self.fresh = []
        older = [plan for plan in self.family if not same_objects(plan.params, self.params)]
        for plan in self.family:
            plan.valid = any(plan is other for other in older[: PLANS - 1])
        self.family[:] = [self, *older[: PLANS - 1]]

    @property
    def numbers(self) -> tuple[float, ...]:
        """The hyperparameters that were last put where kernels read them."""
        return self._numbers.values

    def write(self, values: tuple[float, ...]) -> None:
        """Put hyperparameters where the kernels read them, if they have changed."""
        numbers = self._numbers
        if values != numbers.values:
            numbers.values = ()  # until all of them are there
            for i, value in enumerate(values):
                numbers.view[i] = value
            numbers.values = values
