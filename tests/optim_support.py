"""Runs of the optimisers, and of their references."""

from __future__ import annotations

import numpy as np
import pytest

import steep
import steep.reference
from cases import OPTIMIZERS
from steep import optim


def make_params(dtype=steep.float64, kind=optim.SGD):
    """Parameters such as the optimiser of that kind takes."""
    rng = np.random.default_rng(0)
    return [
        steep.tensor(rng.standard_normal(s).tolist(), dtype=dtype, requires_grad=True)
        for s in OPTIMIZERS[kind.__name__].shapes
    ]


def gradients(step, params):
    rng = np.random.default_rng(100 + step)
    return [np.asarray(rng.standard_normal(tuple(p.shape))) for p in params]


def array(t):
    return np.asarray(t.tolist())


def run(optimizer, params, steps, skip=lambda step, i: False):
    for step in range(steps):
        for i, (p, g) in enumerate(zip(params, gradients(step, params), strict=True)):
            p.grad = None if skip(step, i) else steep.tensor(g.tolist(), dtype=p.dtype)
        optimizer.step()


class Reference:
    """The class of the same name in the reference, with copies of the same parameters."""

    def __init__(self, params, kind, settings):
        self.params = [array(p) for p in params]
        self.stepper = getattr(steep.reference.optim, kind.__name__)(self.params, **settings)

    def run(self, steps, skip=lambda step, i: False):
        for step in range(steps):
            grads = gradients(step, self.params)
            self.stepper.step([None if skip(step, i) else g for i, g in enumerate(grads)])
        return self.params


CASES = [
    pytest.param(getattr(optim, name), settings, id=f"{name}-{i}")
    for name, row in OPTIMIZERS.items()
    for i, settings in enumerate(row.settings)
]
