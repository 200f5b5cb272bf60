"""Small modules that the tests of steep.nn share."""

from __future__ import annotations

import numpy as np

import steep
from steep import nn


def mlp() -> nn.Sequential:
    steep.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


class Net(nn.Module):
    """One of each: a nested model, a list, a bare parameter, buffers of both kinds."""

    def __init__(self):
        super().__init__()
        self.body = mlp()
        self.heads = nn.ModuleList([nn.Linear(2, 1), nn.Linear(2, 1)])
        self.gain = nn.Parameter(steep.ones(1))
        self.register_buffer("mean", steep.zeros(4))
        self.register_buffer("scratch", steep.zeros(2), persistent=False)

    def forward(self, x):
        return self.heads[1](self.body(x - self.mean)) * self.gain


def values(module):
    return {name: np.asarray(t.tolist()) for name, t in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)
