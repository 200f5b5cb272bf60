"""The optimisers: one row a class. tests/test_optim.py and its neighbours are loops over them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

Settings = dict[str, Any]


@dataclass(frozen=True)
class Optimizer:
    """One class of steep.optim; its reference is the class of the same name in the reference.

    Attributes:
        settings: Those that it is tried with: against the reference in both dtypes, with
            parameters that wait, resumed from a state dict, and compiled.
        bad: Settings that it refuses, and a part of what it says.
        state: The names of what it keeps of a parameter's shape, each with settings that it is
            kept with.
        bench: The settings of the step that is timed, with torch too.
        training: Those that networks are trained with in tests of replays and threads; empty: the
            first of `settings`.
    """

    settings: tuple[Settings, ...]
    bad: tuple[tuple[Settings, str], ...]
    state: dict[str, Settings] = field(default_factory=dict)
    bench: Settings = field(default_factory=dict)
    training: Settings = field(default_factory=dict)


_rate = ({"lr": -1.0}, "Invalid learning rate: -1.0")
_adam_bad = (
    _rate,
    ({"eps": -1.0}, "Invalid epsilon value: -1.0"),
    ({"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
    ({"betas": (0.9, 1.5)}, "Invalid beta parameter at index 1: 1.5"),
    ({"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
)
_moments: dict[str, Settings] = {
    "exp_avg": {},
    "exp_avg_sq": {},
    "max_exp_avg_sq": {"amsgrad": True},
}

OPTIMIZERS = {
    "SGD": Optimizer(
        settings=(
            {"lr": 0.1},
            {"lr": 0.1, "weight_decay": 0.2},
            {"lr": 0.1, "momentum": 0.9},
            {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1},
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True},
        ),
        bad=(
            _rate,
            ({"lr": math.nan}, "Invalid learning rate: nan"),
            ({"momentum": -1.0}, "Invalid momentum value: -1.0"),
            ({"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
            ({"nesterov": True}, "Nesterov momentum requires a momentum"),
            ({"differentiable": True}, "SGD: expected differentiable=False"),
        ),
        state={"momentum_buffer": {"momentum": 0.9}},
        bench={"lr": 1e-4, "momentum": 0.9, "fused": True},
        training={"lr": 0.1, "momentum": 0.9},
    ),
    "Adam": Optimizer(
        settings=(
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1},
            {"lr": 0.01, "amsgrad": True, "maximize": True},
        ),
        bad=_adam_bad,
        state=_moments,
        bench={"lr": 1e-4, "fused": True},
    ),
    "AdamW": Optimizer(
        settings=(
            {"lr": 0.01, "weight_decay": 0.3},
            {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True},
        ),
        bad=_adam_bad,
        state=_moments,
        bench={"lr": 1e-4, "fused": True},
        training={"lr": 0.01, "amsgrad": True},
    ),
}
