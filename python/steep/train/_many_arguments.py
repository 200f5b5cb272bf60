"""What `fit_many` is given for each network or for all of them: losses, optimisers, schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steep.nn.module import Module
from steep.train._schedule import Schedule
from steep.train._step import needs_closure

__all__ = ["check_models", "each_of", "losses_of", "optimizers_of", "schedules_of"]


def check_models(models: Sequence[Any]) -> None:
    """Refuse what is no network, and networks that share a parameter or buffer."""
    for model in models:
        if not isinstance(model, Module):
            raise TypeError(
                f"fit_many: expected models of steep.nn.Module, got {type(model).__name__}"
            )
    owner: dict[int, int] = {}
    for k, model in enumerate(models):
        for t in (*model.parameters(), *model.buffers()):
            if owner.setdefault(id(t), k) != k:
                raise ValueError(
                    f"fit_many: expected networks that share no parameter or buffer, got networks "
                    f"{owner[id(t)]} and {k} that share one; make each anew, or copy it by "
                    "copy.deepcopy"
                )


def each_of(what: str, given: Any, count: int) -> list[Any]:
    """What was given for each network: a list's items, or the same for all."""
    if not isinstance(given, list):
        return [given] * count
    if len(given) != count:
        raise ValueError(
            f"fit_many: expected one {what} for each of the {count} networks, got a list of "
            f"{len(given)}"
        )
    return list(given)


def losses_of(given: Any, count: int) -> list[Any]:
    """A loss for each network."""
    listed = each_of("loss", given, count)
    for one in listed:
        if not callable(one):
            raise TypeError(
                "fit_many: expected loss to be a module or function of (output, target), or a list "
                f"of such, got {type(one).__name__}"
            )
    return listed


def optimizers_of(given: Any, models: Sequence[Module]) -> list[Any]:
    """An optimiser for each network.

    Raises:
        TypeError: if one is neither an optimiser nor a function that makes one.
        ValueError: if one has none of its network's parameters, or serves two.
    """
    made: list[Any] = []
    for one, model in zip(each_of("optimizer", given, len(models)), models, strict=True):
        is_made = callable(getattr(one, "step", None)) and hasattr(one, "param_groups")
        optimizer = one if is_made and not isinstance(one, type) else _called(one, model)
        groups = getattr(optimizer, "param_groups", None)
        if not callable(getattr(optimizer, "step", None)) or not groups:
            raise TypeError(
                "fit_many: expected optimizer to be a function of the parameters, such as "
                f"steep.optim.Adam, or a list of optimizers, got {type(given).__name__}"
            )
        if needs_closure(optimizer):
            raise ValueError(
                "fit_many: expected optimizers that take a step without a closure, got LBFGS, "
                "which decides by the loss how far it goes; use fit for each network"
            )
        own = {id(p) for p in model.parameters()}
        if not any(id(p) in own for group in groups for p in group["params"]):
            raise ValueError(
                f"fit_many: expected an optimizer of each network's parameters, got one for "
                f"network {len(made)} that has none of them"
            )
        if any(optimizer is other for other in made):
            raise ValueError("fit_many: expected an optimizer of its own for each network")
        made.append(optimizer)
    return made


def _called(make: Any, model: Module) -> Any:
    if not callable(make):
        raise TypeError(
            "fit_many: expected optimizer to be a function of the parameters, such as "
            f"steep.optim.Adam, or a list with one for each network, got {type(make).__name__}"
        )
    return make(model.parameters())


def schedules_of(given: Any, optimizers: Sequence[Any], by: str | None) -> list[Schedule]:
    """A schedule for each optimiser."""
    made = []
    for one, optimizer in zip(
        each_of("scheduler", given, len(optimizers)), optimizers, strict=True
    ):
        is_made = one is None or callable(getattr(one, "step", None))
        if is_made and not isinstance(one, type):
            made.append(Schedule(one, by, optimizer))
        elif callable(one):
            made.append(Schedule(one(optimizer), by, optimizer))
        else:
            raise TypeError(
                "fit_many: expected scheduler to be a function of an optimizer that makes a "
                f"schedule, or a list with one for each network, got {type(one).__name__}"
            )
    return made
