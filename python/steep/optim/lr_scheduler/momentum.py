"""Momentum that goes against the rate, as cyclic schedules have it."""

from __future__ import annotations

from typing import Any

from steep.optim.lr_scheduler.base import one_per_group
from steep.optim.optimizer import Optimizer

__all__ = ["begin_momentum", "momentums_per_group", "set_momentum", "uses_beta1"]


def uses_beta1(optimizer: Optimizer) -> bool:
    """Whether beta1 stands for momentum, as in Adam; ValueError where there is neither."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
        )
    return "betas" in optimizer.defaults


def set_momentum(group: dict[str, Any], value: Any, beta1: bool) -> None:
    """Set a group's momentum, or its beta1."""
    if beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def momentums_per_group(optimizer: Optimizer, base: Any, most: Any) -> tuple[list[Any], list[Any]]:
    """The lowest and the highest momentum of each group."""
    lowest = one_per_group("base_momentum", optimizer, base)
    return lowest, one_per_group("max_momentum", optimizer, most)


def begin_momentum(
    optimizer: Optimizer, lowest: list[Any], highest: list[Any], beta1: bool
) -> None:
    """Set all groups to their highest momentum, and note both ends in them."""
    for low, high, group in zip(lowest, highest, optimizer.param_groups, strict=True):
        set_momentum(group, high, beta1)
        group["max_momentum"] = high
        group["base_momentum"] = low
