"""What the tests of learning-rate schedules share."""

from __future__ import annotations

from typing import Any

import steep
from steep.optim import lr_scheduler

RATES = (0.1, 0.5)


def two_groups(kind: str = "SGD", tensors: bool = False, **settings: Any) -> Any:
    rates = [steep.tensor(rate, dtype=steep.float64) if tensors else rate for rate in RATES]
    groups = [{"params": [steep.ones(2, requires_grad=True)], "lr": rate} for rate in rates]
    if kind == "SGD":
        settings = {"momentum": 0.9, **settings}
    return getattr(steep.optim, kind)(groups, **settings)


def numbers(values: Any) -> list[float]:
    return [float(value) for value in values]


def made(name: str, optimizer: Any, settings: dict[str, Any], **more: Any) -> Any:
    return getattr(lr_scheduler, name)(optimizer, **settings, **more)


def advance(optimizer: Any, schedule: Any, count: int) -> list[list[float]]:
    found = []
    for _ in range(count):
        optimizer.step()
        schedule.step()
        found.append(numbers(schedule.get_last_lr()))
    return found


def momentum_of(optimizer: Any) -> list[float]:
    return [g["betas"][0] if "betas" in g else g["momentum"] for g in optimizer.param_groups]
