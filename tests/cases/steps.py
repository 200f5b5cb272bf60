"""Calls of fused steps, and what the reference makes of them.

Each call of a step works on copies and returns everything that it changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.optimizer import Settings
from cases.row import Array, Bad, Call, arr, bad, call
from steep import _core
from steep.reference.optim import SGD, Adam, AdamW

IN_PLACE = "it changes parameters, outside of any graph"
SHAPES = ((2, 3), (4,), (), (0, 2))


ONE = [np.array(0.0, np.float32)]


def list_of(domain: str = "real") -> list[Any]:
    return [arr(*shape, domain=domain) for shape in SHAPES]


def copies(tensors: list[Any]) -> list[Any]:
    return [x.clone() for x in tensors]


def stepping(name: str, lists: int) -> Any:
    """The step `name`, whose state is so many lists, on copies."""

    def function(params: list[Any], grads: list[Any], *rest: Any) -> list[Any]:
        kept = [copies(tensors) for tensors in (params, *rest[:lists])]
        hyper, switches = rest[lists].contiguous(), rest[lists + 1 :]
        getattr(_core, name)(kept[0], grads, *kept[1:], hyper, *switches)
        return [x for tensors in kept for x in tensors]

    return function


def by_rule(kind: Any, numbers: str, kept: str, switches: str, more: Any = lambda lists: {}) -> Any:
    """The same by the reference: names of its numbers, of its lists and of its switches.

    `more` makes further settings of the lists that are given.
    """
    names = kept.split()

    def function(params: list[Array], grads: list[Array], *rest: Any) -> list[Array]:
        lists, (steps, hyper, *flags) = rest[: len(names)], rest[len(names) :]
        settings: Settings = dict(zip(numbers.split(), map(float, hyper), strict=True))
        if "beta1" in settings:
            settings["betas"] = (settings.pop("beta1"), settings.pop("beta2"))
        settings |= dict(zip(switches.split(), flags, strict=True)) | more(lists)
        params = [p.copy() for p in params]
        stepper = kind(params, **settings)
        stepper.steps = [int(s) for s in steps]
        present = {name: list_ for name, list_ in zip(names, lists, strict=True) if list_}
        stepper.states = [
            {name: list_[i].copy() for name, list_ in present.items()} for i in range(len(params))
        ]
        stepper.step(grads)
        after = [np.asarray(state[name]) for name in present for state in stepper.states]
        return [*params, *after, *(np.array(s, np.float32) for s in stepper.steps)]

    return function


def sgd(
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


def adam(params: list[Array], grads: list[Array], *rest: Any) -> list[Array]:
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


def sgd_numbers(momentum: float = 0.0, dampening: float = 0.0, decay: float = 0.0) -> Array:
    return np.array([0.1, momentum, dampening, decay])


def adam_numbers(lr: float = 0.1, decay: float = 0.0) -> Array:
    return np.array([lr, 0.9, 0.99, 1e-8, decay])


def adam_call(steps: int, hyper: Array, amsgrad: bool, maximize: bool, decoupled: bool) -> Call:
    count = [np.array(steps, np.float32) for _ in SHAPES]
    most = list_of("positive") if amsgrad else []
    lists = (list_of(), list_of(), list_of(), list_of("positive"), most, count)
    return call(*lists, hyper, maximize, decoupled)


def counted_call(steps: int, kept: list[Any], hyper: list[float], *switches: bool) -> Call:
    count = [np.array(steps, np.float32) for _ in SHAPES]
    return call(list_of(), list_of(), *kept, count, np.array(hyper), *switches)


def large_call(kept: tuple[str, ...], hyper: list[float], *switches: bool) -> Call:
    """A call of several threads; lists of the domains `kept`, and without those that are ""."""
    lists = [[arr(260_003, domain=domain)] if domain else [] for domain in kept]
    return call([arr(260_003)], [arr(260_003)], *lists, ONE, np.array(hyper), *switches)


def mismatched(name: str, *rest: Any) -> tuple[Bad, ...]:
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


NADAM = (0.9, 0.999, 1e-8, 0.1, 4e-3)


def products(value: float) -> list[Array]:
    return [np.array(value, np.float32) for _ in SHAPES]
