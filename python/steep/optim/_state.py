"""An optimiser's state_dict: numbering parameters, and checking before loading."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from steep._core import Tensor


class _Required:
    """Marks a setting that every group has to give."""

    def __repr__(self) -> str:
        return "<required parameter>"


REQUIRED = _Required()


_Group = dict[str, Any]  # the settings of a group of parameters, and these


def collect(param_groups: list[_Group], state: dict[Any, Any]) -> dict[str, Any]:
    """Settings and state of an optimiser, parameters replaced by their numbers."""
    numbers: dict[int, int] = {}
    groups = []
    for group in param_groups:
        for p in group["params"]:
            numbers.setdefault(id(p), len(numbers))
        settings = {key: value for key, value in group.items() if key != "params"}
        groups.append({**settings, "params": [numbers[id(p)] for p in group["params"]]})
    numbered = {
        numbers[id(key)] if isinstance(key, Tensor) else key: value for key, value in state.items()
    }
    return {"state": numbered, "param_groups": groups}


def loaded(
    groups: list[_Group],
    state_dict: dict[str, Any],
    adapt_state: Callable[[Tensor, Any, Any], Any],
    adapt_group: Callable[[_Group], _Group],
) -> dict[str, Any]:
    """Check `state_dict` against the groups of an optimiser; the state and groups it is to get.

    `adapt_state` and `adapt_group` make of what was saved what a step needs, or raise.
    """
    saved = state_dict["param_groups"]
    _check_sizes(groups, saved)
    by_number = {
        number: param
        for group, other in zip(groups, saved, strict=True)
        for number, param in zip(other["params"], group["params"], strict=True)
    }
    state: defaultdict[Any, Any] = defaultdict(dict)
    for key, entry in state_dict["state"].items():
        if key in by_number:
            param = by_number[key]
            state[param] = adapt_state(param, key, _cast(param, entry, None))
        else:
            state[key] = entry
    new_groups = [
        adapt_group(_settings(group, other)) for group, other in zip(groups, saved, strict=True)
    ]
    return {"state": state, "param_groups": new_groups}


def _check_sizes(groups: list[dict[str, Any]], saved: list[dict[str, Any]]) -> None:
    if len(groups) != len(saved):
        raise ValueError(
            "loaded state dict has a different number of parameter groups: "
            f"expected {len(groups)}, got {len(saved)}"
        )
    for i, (group, other) in enumerate(zip(groups, saved, strict=True)):
        expected, got = len(group["params"]), len(other["params"])
        if expected != got:
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                f"optimizer's group: group {i} has {expected} parameters, the loaded one {got}"
            )


def _settings(group: dict[str, Any], saved: dict[str, Any]) -> dict[str, Any]:
    """The saved settings, for the parameters that are there."""
    names = {"param_names": group["param_names"]} if "param_names" in group else {}
    settings = {key: copy.deepcopy(value) for key, value in saved.items() if key != "params"}
    return {**names, **settings, "params": group["params"]}


def complete(name: str, groups: list[_Group], defaults: dict[str, Any]) -> None:
    """Add switches that the loaded groups lack, as those of an older PyTorch may; off.

    Raises:
        ValueError: if they lack anything else, as those of another optimiser do.
    """
    for i, group in enumerate(groups):
        missing = [key for key in defaults if key not in group]
        switches = {
            key: defaults[key] for key in missing if defaults[key] is None or defaults[key] is False
        }
        if len(switches) < len(missing):
            lacking = ", ".join(repr(key) for key in missing if key not in switches)
            there = ", ".join(repr(key) for key in group if key != "params")
            raise ValueError(
                f"loaded state dict: expected the settings of {name}, group {i} lacks {lacking} "
                f"and has {there}; is it of another optimizer?"
            )
        group.update(switches)


def _cast(param: Tensor, value: Any, name: Any) -> Any:
    """A copy of one parameter's state, of whatever shape, its tensors cast to its dtype.

    A step count stays what it is, as it does in PyTorch: float16 counts no further than 2048.
    """
    if isinstance(value, Tensor):
        own = value.detach().clone()
        return own.to(param.dtype) if param.is_floating_point() and name != "step" else own
    if isinstance(value, dict):
        return {key: _cast(param, item, key) for key, item in value.items()}
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return value
    items = [_cast(param, item, None) for item in value]
    return type(value)(*items) if hasattr(value, "_make") else type(value)(items)  # type: ignore


def check_shape(number: Any, name: str, param: Tensor, value: Any) -> None:
    """Raise unless `value` is a tensor of the parameter's shape, as fused steps need it."""
    expected = tuple(param.shape)
    got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    if got != expected:
        raise ValueError(
            f"loaded state dict: expected {name} of parameter {number} to have shape "
            f"{expected}, got {got}"
        )
