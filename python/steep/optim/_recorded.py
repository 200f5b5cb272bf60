"""Which optimisers take a step while a function is recorded, and what a replay asks of them."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from steep._core import is_recording, refuse_recording, same_objects
from steep.optim._hooks import hooks_of_all_steps
from steep.optim._settings import is_fixed

if TYPE_CHECKING:
    from steep.optim._plan import GroupPlan

__all__ = [
    "Steps",
    "begin",
    "changed_group",
    "follow_steps",
    "lists_of",
    "note_added",
    "note_change",
    "note_made",
    "note_preparation",
    "note_step",
    "precondition",
    "step_is_replaced",
]

GROUP_CHANGED = "it changes param_groups; change them outside the function"

_local = threading.local()


class Steps(list[Any]):
    """The optimisers that took a step during a recording, in order of their first.

    It can be referred to weakly: it goes with the recording, however that ends.

    Attributes:
        hooks: what `step_hooks` said of each when it took its first, by id.
        groups: parameter groups that were changed meanwhile, by id.
        made: the ids of optimisers that the recording has made itself.
        prepared: whether one of them had state to make first, as in its first step.
    """

    __slots__ = ("__weakref__", "groups", "hooks", "made", "prepared")

    def __init__(self) -> None:
        super().__init__()
        self.groups: dict[int, Any] = {}
        self.hooks: dict[int, list[Any]] = {}
        self.made: set[int] = set()
        self.prepared = False


def begin() -> Steps:
    """What gathers the optimisers which take a step in this thread while it records."""
    found = Steps()
    _local.optimizers = weakref.ref(found)
    return found


def _current() -> Steps | None:
    if not is_recording():
        return None
    refer = getattr(_local, "optimizers", None)
    found: Steps | None = None if refer is None else refer()
    return found


def follow_steps(optimizer: Any) -> None:
    """Note from now on whether the optimiser takes a step, and which function takes it."""
    values = vars(optimizer)
    if "_opt_called" not in values:
        values["_step_followed"] = _step_of(optimizer)
        values["_opt_called"] = False


def step_is_replaced(optimizer: Any) -> bool:
    """Whether another function takes its steps than when they were first followed."""
    known = vars(optimizer).get("_step_followed")  # which copies do not have
    return known is not None and _step_of(optimizer) is not known


def _step_of(optimizer: Any) -> Any:
    return getattr(optimizer.step, "__func__", optimizer.step)


def note_step(optimizer: Any) -> None:
    """Say that an optimiser takes a step."""
    if optimizer._opt_called is False:
        optimizer._opt_called = True
    found = _current()
    if found is None:
        return
    hooks = optimizer.step_hooks()
    known = found.hooks.setdefault(id(optimizer), hooks)
    if known is hooks:
        found.append(optimizer)
    elif not same_objects(known, hooks):
        refuse_recording(
            "the hooks of an optimizer change between its steps; change them outside the function"
        )


def note_made(optimizer: Any) -> None:
    """Say that an optimiser is being made."""
    found = _current()
    if found is not None:
        found.made.add(id(optimizer))


def note_added(optimizer: Any) -> None:
    """Say that an optimiser is given another group; one that existed before keeps it."""
    found = _current()
    if found is not None and id(optimizer) not in found.made:
        refuse_recording(GROUP_CHANGED)


def note_change(group: Any) -> None:
    """Say that something in a parameter group is set."""
    found = _current()
    if found is None:
        refuse_recording(GROUP_CHANGED)
    else:
        found.groups[id(group)] = group


def changed_group(steps: Steps) -> bool:
    """Whether a group was changed of an optimiser whose settings a replay reads before it runs."""
    return any(
        optimizer._plans and any(id(group) in steps.groups for group in optimizer.param_groups)
        for optimizer in steps
    )


def note_preparation() -> None:
    """Say that an optimiser makes state for the step that it is about to take."""
    found = _current()
    if found is not None:
        found.prepared = True


def precondition(
    optimizer: Any, hooks: list[Any]
) -> tuple[Callable[[], bool | None], tuple[dict[Any, Any], ...]]:
    """What a replay of the step just taken asks first, and the dicts on which the answer depends.

    `hooks` are those that ran before and after the step.

    The answer is whether the step is still the same; ``None`` for one that is, but that has to be
    asked again although no dict has changed.
    """
    plans = tuple(optimizer._plans)
    dicts = _dicts_of(optimizer, plans)
    known = [*dicts, *lists_of(optimizer)]
    return functools.partial(_is_the_same, optimizer, plans, known, hooks), tuple(dicts)


def _is_the_same(
    optimizer: Any, plans: tuple[GroupPlan, ...], known: list[Any], hooks: list[Any]
) -> bool | None:
    if not same_objects(optimizer.step_hooks(), hooks):
        return False
    try:
        # Without plans its step is code of its own, whose numbers are known by other means.
        if plans and not optimizer.write_hyperparameters(plans):
            return False
    except Exception:  # settings that its step refuses: when the function comes to it
        return False
    if optimizer._opt_called is False:  # a schedule was made since; the replay takes the step
        optimizer._opt_called = True
    settings = all(is_fixed(group) for group in optimizer.param_groups)
    if not settings or not _is_all_of_steep(optimizer):
        return None
    # Nobody watches what has taken the place of one of these.
    return (
        True if same_objects([*_dicts_of(optimizer, plans), *lists_of(optimizer)], known) else None
    )


def lists_of(optimizer: Any) -> list[list[Any]]:
    """The lists of its groups and of their parameters, as a user may have replaced them."""
    groups = optimizer.param_groups
    return [x for x in (groups, *(group["params"] for group in groups)) if isinstance(x, list)]


_ASKED = frozenset({"_hyper", "_flags", "step_hooks", "write_hyperparameters"})


def _is_all_of_steep(optimizer: Any) -> bool:
    """Whether its step runs none of the user's code, which may read anything."""
    others = [cls for cls in type(optimizer).__mro__ if not cls.__module__.startswith("steep.")]
    return all(_ASKED.isdisjoint(vars(item)) for item in (optimizer, *others))


def _dicts_of(optimizer: Any, plans: tuple[GroupPlan, ...]) -> list[dict[Any, Any]]:
    """All dicts that decide what its step does."""
    state = optimizer.state
    entries = (state.get(p) for plan in plans for p in plan.params)
    tables = (hooks_of_all_steps, optimizer._step_hooks)
    found = [vars(optimizer), *tables, state, *optimizer.param_groups, *entries]
    return [item for item in found if isinstance(item, dict)]
