"""The NumPy reference: what every operation of steep computes, written from the formulas.

It is slow, short and independent: it imports nothing of the engine, so that the tests can compare
the engine with it.  `OPS` holds the operations by name; `layers`, `optim` and `random` hold
what trains whole networks.

>>> import numpy as np
>>> from steep.reference import OPS
>>> x = np.array([[1.0, 2.0, 3.0]])
>>> OPS["sum"].forward(x, dim=1)
array([6.])
>>> OPS["sum"].gradient(np.array([2.0]), x, dim=1)
(array([[2., 2., 2.]]),)
"""

from steep.reference import (
    activation,
    arrange,
    attention,
    conv,
    ctc,
    draws,
    elementwise,
    embedding,
    fold,
    gamma,
    index,
    layers,
    loss,
    margin,
    matmul,
    norm,
    optim,
    order,
    planes,
    pool,
    quasi_newton,
    random,
    recurrent,
    reduce,
    resample,
    scan,
    scatter,
    shape,
    softmax,
    special,
    transformer,
)
from steep.reference.registry import OPS, Op

__all__ = [
    "OPS",
    "Op",
    "activation",
    "arrange",
    "attention",
    "conv",
    "ctc",
    "draws",
    "elementwise",
    "embedding",
    "fold",
    "gamma",
    "index",
    "layers",
    "loss",
    "margin",
    "matmul",
    "norm",
    "optim",
    "order",
    "planes",
    "pool",
    "quasi_newton",
    "random",
    "recurrent",
    "reduce",
    "resample",
    "scan",
    "scatter",
    "shape",
    "softmax",
    "special",
    "transformer",
]
