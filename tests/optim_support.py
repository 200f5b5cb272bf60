"""The optimisers' formulas in NumPy, and runs of both."""

from __future__ import annotations

import math

import numpy as np

import steep
from steep import optim

SHAPES = [(3, 4), (5,), ()]


def make_params(dtype=steep.float64):
    rng = np.random.default_rng(0)
    return [
        steep.tensor(rng.standard_normal(s).tolist(), dtype=dtype, requires_grad=True)
        for s in SHAPES
    ]


def gradients(step):
    rng = np.random.default_rng(100 + step)
    return [np.asarray(rng.standard_normal(s)) for s in SHAPES]


def array(t):
    return np.asarray(t.tolist())


def run(optimizer, params, steps, skip=lambda step, i: False):
    for step in range(steps):
        for i, (p, g) in enumerate(zip(params, gradients(step), strict=True)):
            p.grad = None if skip(step, i) else steep.tensor(g.tolist(), dtype=p.dtype)
        optimizer.step()


class Reference:
    """The update formulas of the optimisers' docstrings, one parameter at a time."""

    def __init__(self, params):
        self.params = [array(p) for p in params]
        self.state = [{} for _ in params]

    def run(self, update, steps, skip=lambda step, i: False):
        for step in range(steps):
            for i, g in enumerate(gradients(step)):
                if not skip(step, i):
                    self.params[i] = update(self.params[i], g, self.state[i])
        return self.params


def sgd(lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    def update(p, g, state):
        g = (-g if maximize else g) + weight_decay * p
        if momentum:
            b = state.get("b")
            state["b"] = b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        return p - lr * g

    return update


def adam(
    lr,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    amsgrad=False,
    maximize=False,
    decoupled=False,
):
    def update(p, g, state):
        g = -g if maximize else g
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
        v = state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g**2
        if amsgrad:
            v = state["top"] = np.maximum(state.get("top", 0), v)
        denominator = np.sqrt(v) / math.sqrt(1 - betas[1] ** t) + eps
        return p - lr / (1 - betas[0] ** t) * m / denominator

    return update


CASES = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "weight_decay": 0.2}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    (optim.Adam, adam, {"lr": 0.01}),
    (optim.Adam, adam, {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    (optim.Adam, adam, {"lr": 0.01, "amsgrad": True, "maximize": True}),
    (optim.AdamW, adam, {"lr": 0.01, "weight_decay": 0.3}),
    (optim.AdamW, adam, {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True}),
]


def formula(kind, rule, settings):
    return rule(**settings, **({"decoupled": True} if kind is optim.AdamW else {}))
