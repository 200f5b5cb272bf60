"""An optimiser's state_dict: numbering parameters, and checking before loading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steep._core import Tensor, float32, tensor

if TYPE_CHECKING:
    from steep.optim.optimizer import Optimizer


class _Required:
    """Marks a setting that every group has to give."""

    def __repr__(self) -> str:
        return "<required parameter>"


REQUIRED = _Required()


def collect(optimizer: Optimizer) -> dict[str, Any]:
    """Settings and state of an optimiser, parameters replaced by their numbers."""
    numbers: dict[int, int] = {}
    groups = []
    for group in optimizer.param_groups:
        for p in group["params"]:
            numbers.setdefault(id(p), len(numbers))
        settings = {key: value for key, value in group.items() if key != "params"}
        groups.append({**settings, "params": [numbers[id(p)] for p in group["params"]]})
    state = {
        numbers[id(key)] if isinstance(key, Tensor) else key: value
        for key, value in optimizer.state.items()
    }
    return {"state": state, "param_groups": groups}


def load(optimizer: Optimizer, state_dict: dict[str, Any]) -> None:
    """Check `state_dict` against the optimiser, then replace its settings and state."""
    groups = optimizer.param_groups
    saved = state_dict["param_groups"]
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
    by_number = {
        number: param
        for group, other in zip(groups, saved, strict=True)
        for number, param in zip(other["params"], group["params"], strict=True)
    }
    state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    for key, entry in state_dict["state"].items():
        if key in by_number:
            param = by_number[key]
            state[param] = dict(_fitted(param, key, entry))
        else:
            state[key] = entry
    new_groups = []
    for group, other in zip(groups, saved, strict=True):
        names = {"param_names": group["param_names"]} if "param_names" in group else {}
        new_groups.append({**names, **other, "params": group["params"]})
    optimizer.state = state
    optimizer.param_groups = new_groups


def _fitted(param: Tensor, number: Any, entry: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The state of one parameter, copied and cast to its dtype."""
    for name, value in entry.items():
        if name == "step":
            count = value.item() if isinstance(value, Tensor) else value
            yield name, tensor(float(count), dtype=float32)
        elif not isinstance(value, Tensor):
            yield name, value
        else:
            expected, got = tuple(param.shape), tuple(value.shape)
            if value.dim() > 0 and expected != got:
                raise ValueError(
                    f"loaded state dict: expected {name} of parameter {number} to have shape "
                    f"{expected}, got {got}"
                )
            copy = value.detach().clone()
            yield name, copy.to(param.dtype) if param.is_floating_point() else copy
