"""The optimisers, and fused steps as operations.

Each call of a step works on copies and returns everything that it changes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cases.bench import of_optimizer
from cases.optimizer import Optimizer, Settings
from cases.row import Array, Bad, Call, Row, arr, bad, call
from steep import _core
from steep.reference.optim import SGD, Adam, AdamW

IN_PLACE = "it changes parameters, outside of any graph"
_SHAPES = ((2, 3), (4,), (), (0, 2))


def _list(domain: str = "real") -> list[Any]:
    return [arr(*shape, domain=domain) for shape in _SHAPES]


def _copies(tensors: list[Any]) -> list[Any]:
    return [x.clone() for x in tensors]


def _sgd_step(
    params: list[Any], grads: list[Any], buffers: list[Any], hyper: Any, *flags: bool
) -> list[Any]:
    params, buffers = _copies(params), _copies(buffers)
    _core.sgd_step(params, grads, buffers, hyper.contiguous(), *flags)
    return [*params, *buffers]


def _sgd(
    params: list[Array],
    grads: list[Array],
    buffers: list[Array],
    hyper: Array,
    nesterov: bool,
    maximize: bool,
    first: bool,
) -> list[Array]:
    lr, momentum, dampening, decay = map(float, hyper)
    params = [p.copy() for p in params]
    stepper = SGD(params, lr, momentum, dampening, decay, nesterov, maximize=maximize)
    if buffers and not first:
        stepper.momentum_buffers = [b.copy() for b in buffers]
    stepper.step(grads)
    return [*params, *(b for b in stepper.momentum_buffers if b is not None)]


def _adam_step(params: list[Any], grads: list[Any], *rest: Any) -> list[Any]:
    lists = [_copies(tensors) for tensors in (params, *rest[:4])]
    _core.adam_step(lists[0], grads, *lists[1:], rest[4].contiguous(), *rest[5:])
    return [x for tensors in lists for x in tensors]


def _adam(params: list[Array], grads: list[Array], *rest: Any) -> list[Array]:
    exp_avgs, exp_avg_sqs, most, steps, hyper, maximize, decoupled = rest
    amsgrad = bool(most)
    lr, beta1, beta2, eps, decay = map(float, hyper)
    params = [p.copy() for p in params]
    kind = AdamW if decoupled else Adam
    stepper = kind(params, lr, (beta1, beta2), eps, decay, amsgrad, maximize=maximize)
    stepper.steps = [int(s) for s in steps]
    stepper.exp_avgs = [m.copy() for m in exp_avgs]
    stepper.exp_avg_sqs = [v.copy() for v in exp_avg_sqs]
    stepper.max_exp_avg_sqs = [v.copy() for v in most] if most else stepper.max_exp_avg_sqs
    stepper.step(grads)
    after = [*params, *stepper.exp_avgs, *stepper.exp_avg_sqs]
    after += stepper.max_exp_avg_sqs if most else []
    return [*after, *(np.array(s, np.float32) for s in stepper.steps)]


def _plain(momentum: float = 0.0, dampening: float = 0.0, decay: float = 0.0) -> Array:
    return np.array([0.1, momentum, dampening, decay])


def _moments(lr: float = 0.1, decay: float = 0.0) -> Array:
    return np.array([lr, 0.9, 0.99, 1e-8, decay])


def _adam_call(steps: int, hyper: Array, amsgrad: bool, maximize: bool, decoupled: bool) -> Call:
    count = [np.array(steps, np.float32) for _ in _SHAPES]
    most = _list("positive") if amsgrad else []
    lists = (_list(), _list(), _list(), _list("positive"), most, count)
    return call(*lists, hyper, maximize, decoupled)


def _mismatched(name: str, *rest: Any) -> tuple[Bad, ...]:
    """Refused calls of a step, given its lists, hyper and the number of its switches."""
    *lists, hyper, switches = rest
    flags = (False,) * switches
    return (
        bad(
            ValueError,
            f"{name}: expected as many grads as params",
            [arr(2)],
            [],
            *lists,
            hyper,
            *flags,
        ),
        bad(
            RuntimeError,
            "of the parameter's shape",
            [arr(2)],
            [arr(3)],
            *lists,
            hyper,
            *flags,
        ),
        bad(
            RuntimeError, f"{name}: expected hyper", [arr(2)], [arr(2)], *lists, np.zeros(2), *flags
        ),
    )


_one = [np.array(0.0, np.float32)]
STEPS = {
    "sgd_step": Row(
        (
            call(_list(), _list(), [], _plain(), False, False, False),
            call(_list(), _list(), [], _plain(decay=0.3), False, True, False),
            call(_list(), _list(), _list(), _plain(0.9), False, False, True),
            call(_list(), _list(), _list(), _plain(0.9, 0.2, 0.1), False, False, False),
            call(_list(), _list(), _list(), _plain(0.9), True, False, False),
        ),
        _sgd,
        gradient=IN_PLACE,
        function=_sgd_step,
        bench=of_optimizer("SGD", {"lr": 1e-4, "momentum": 0.9, "fused": True}),
        kernels=("sgd_step",),
        bad=_mismatched("sgd_step", [], _plain(), 3),
        large=call(
            [arr(260_003), arr(7)],
            [arr(260_003), arr(7)],
            [arr(260_003), arr(7)],
            _plain(0.9),
            False,
            False,
            False,
        ),
    ),
    "adam_step": Row(
        (
            _adam_call(0, _moments(), False, False, False),
            _adam_call(7, _moments(decay=0.2), False, True, False),
            _adam_call(7, _moments(decay=0.2), True, False, True),
            _adam_call(1000, _moments(), True, False, False),
        ),
        _adam,
        gradient=IN_PLACE,
        function=_adam_step,
        bench=of_optimizer("Adam", {"lr": 1e-4, "fused": True}),
        kernels=("adam_step",),
        bad=_mismatched("adam_step", [arr(2)], [arr(2)], [], _one, _moments(), 2),
        large=call(
            [arr(260_003)],
            [arr(260_003)],
            [arr(260_003)],
            [arr(260_003, domain="positive")],
            [],
            _one,
            _moments(),
            False,
            False,
        ),
    ),
}


# ---- the classes ----

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
