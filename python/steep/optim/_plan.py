"""What a fused step of one parameter group needs, laid out once and used at every step."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, float64, tensor


class GroupPlan:
    """Pre-built lists for one group: the parameters that have gradients, and their state.

    The lists hold as long as the same parameters have gradients and their state is the one in the
    optimiser's `state`; `holds` decides that in a handful of comparisons. The hyperparameters lie
    in a float64 tensor, which kernels read when they run, so that a recorded program follows a
    learning-rate schedule.

    Attributes:
        params: parameters with a gradient, in the group's order.
        lists: state tensors by name, each list aligned with `params` (or empty if unused).
        fresh: positions in `params` whose state has just been made.
        hyper: float64 tensor of hyperparameters.
        flags: the switches the lists were built for.
    """

    __slots__ = (
        "_changes",
        "_first",
        "_group_size",
        "_ids",
        "_owner",
        "_values",
        "_view",
        "flags",
        "fresh",
        "hyper",
        "lists",
        "params",
    )

    def __init__(self, count: int) -> None:
        self.params: list[Tensor] = []
        self.lists: dict[str, list[Tensor]] = {}
        self.fresh: list[int] = []
        self.flags: tuple[bool, ...] | None = None
        self.hyper = tensor([0.0] * count, dtype=float64)
        # Written through its buffer: inside a recording, copy_ would be recorded with the rest.
        self._view: Any = memoryview(self.hyper)
        self._values: tuple[float, ...] = ()
        self._ids: list[int] = []
        self._owner: dict[Any, Any] | None = None
        self._first: dict[str, Any] = {}
        self._group_size = 0
        self._changes = -1  # of the group's settings, when they were last written

    def holds(self, ids: list[int], state: dict[Any, Any], flags: tuple[bool, ...]) -> bool:
        """Whether the lists still fit parameters `ids` with gradients, `state` and `flags`."""
        if ids != self._ids or flags != self.flags or self._owner is not state:
            return False
        # The first parameter stands for all: who clears or replaces state does it throughout.
        for name, tensors in self.lists.items():
            if tensors and self._first.get(name) is not tensors[0]:
                return False
        return not self._first or state.get(self.params[0]) is self._first

    def fits(self, params: list[Tensor], state: dict[Any, Any], flags: tuple[bool, ...]) -> bool:
        """Whether a recorded step is still the one that `step` would take, as far as can be seen
        without looking at gradients, which the recording itself knows about.
        """
        if flags != self.flags or self._owner is not state or len(params) != self._group_size:
            return False
        return not self._first or state.get(self.params[0]) is self._first

    def is_current(self, group: Any, state: dict[Any, Any]) -> bool:
        """Whether nothing was changed since `note_current`: settings, parameters, state."""
        return (
            group.changes == self._changes
            and len(group["params"]) == self._group_size
            and self._owner is state
            and (not self._first or state.get(self.params[0]) is self._first)
        )

    def note_current(self, group: Any) -> None:
        """The settings of `group` are written. Tensors among them are read anew each time."""
        tensors = any(isinstance(value, Tensor) for value in group.values())
        self._changes = -1 if tensors else group.changes

    def lay_out(self, params: list[Tensor], state: dict[Any, Any], flags: tuple[bool, ...]) -> None:
        """Take over new parameters; `lists` and `fresh` are then filled by the optimiser."""
        self.params = params
        self._changes = -1
        self.flags = flags
        self.lists = {}
        self.fresh = []
        self._ids = [id(p) for p in params]
        self._owner = state

    def seal(self, state: dict[Any, Any], group_size: int) -> None:
        """Remember whose state the lists, now filled, were taken from, and the group's size."""
        self._group_size = group_size
        self._first = state[self.params[0]] if self.lists and self.params else {}

    def write(self, values: tuple[float, ...]) -> None:
        """Put hyperparameters where the kernels read them, if they have changed."""
        self._changes = -1
        if values != self._values:
            for i, value in enumerate(values):
                self._view[i] = value
            self._values = values
