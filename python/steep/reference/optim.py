"""Optimisers over lists of arrays, which they change in place.

SGD with momentum: Sutskever et al. 2013, in the form of PyTorch's documentation (the velocity does
not contain the learning rate).  Adam: Kingma & Ba 2015; AMSGrad: Reddi et al. 2018; AdamW:
Loshchilov & Hutter 2019.  Operations follow one another as in PyTorch's algorithm boxes, each
rounded to the parameter's dtype, so that float32 differs from the engine by single roundings only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from steep.reference.registry import Array


class SGD:
    """Stochastic gradient descent.

    Per parameter ``p`` with gradient ``g``::

        g = -g if maximize;  g += weight_decay * p
        v = g at the first step, else momentum * v + (1 - dampening) * g
        g = g + momentum * v if nesterov, else v       (only with momentum)
        p -= lr * g
    """

    def __init__(
        self,
        params: Sequence[Array],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ):
        self.params, self.lr, self.momentum, self.dampening = list(params), lr, momentum, dampening
        self.weight_decay, self.nesterov, self.maximize = weight_decay, nesterov, maximize
        self.momentum_buffers: list[Array | None] = [None] * len(self.params)

    def step(self, grads: Sequence[Array | None]) -> None:
        """Move every parameter that has a gradient."""
        for i, (p, grad) in enumerate(zip(self.params, grads, strict=True)):
            if grad is None:
                continue
            g = -grad if self.maximize else grad
            if self.weight_decay:
                g = g + self.weight_decay * p
            if self.momentum:
                v = self.momentum_buffers[i]
                v = g.copy() if v is None else v * self.momentum + (1 - self.dampening) * g
                self.momentum_buffers[i] = v
                g = g + self.momentum * v if self.nesterov else v
            p -= self.lr * g


class Adam:
    """Adam, and with ``amsgrad`` its variant that never forgets the largest second moment.

    Per parameter ``p`` with gradient ``g``, at step t = 1, 2, ...::

        g = -g if maximize;  g += weight_decay * p
        m += (1 - beta1) * (g - m);  v = beta2 * v + (1 - beta2) * g^2
        v_hat = max(v_hat, v) if amsgrad, else v
        p -= lr / (1 - beta1^t) * m / (sqrt(v_hat) / sqrt(1 - beta2^t) + eps)
    """

    decoupled = False  # whether weight decay shrinks the parameter itself, as in AdamW

    def __init__(
        self,
        params: Sequence[Array],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        self.params, self.lr, self.betas, self.eps = list(params), lr, betas, eps
        self.weight_decay, self.amsgrad, self.maximize = weight_decay, amsgrad, maximize
        self.steps = [0] * len(self.params)
        self.exp_avgs = [np.zeros_like(p) for p in self.params]
        self.exp_avg_sqs = [np.zeros_like(p) for p in self.params]
        self.max_exp_avg_sqs = [np.zeros_like(p) for p in self.params]

    def step(self, grads: Sequence[Array | None]) -> None:
        """Move every parameter that has a gradient."""
        for i, grad in enumerate(grads):
            if grad is not None:
                self._update(i, -grad if self.maximize else grad)

    def _update(self, i: int, g: Array) -> None:
        p, m, v = self.params[i], self.exp_avgs[i], self.exp_avg_sqs[i]
        beta1, beta2 = self.betas
        self.steps[i] += 1
        if self.weight_decay and self.decoupled:
            p *= 1 - self.lr * self.weight_decay
        elif self.weight_decay:
            g = g + self.weight_decay * p
        m += (1 - beta1) * (g - m)
        v[...] = v * beta2 + (1 - beta2) * g * g
        if self.amsgrad:
            np.maximum(self.max_exp_avg_sqs[i], v, out=self.max_exp_avg_sqs[i])
            v = self.max_exp_avg_sqs[i]
        correction1 = 1 - beta1 ** self.steps[i]
        correction2 = 1 - beta2 ** self.steps[i]
        denominator = np.sqrt(v) / math.sqrt(correction2) + self.eps
        p -= (self.lr / correction1) * (m / denominator)


class AdamW(Adam):
    """`Adam` whose weight decay, ``p *= 1 - lr * weight_decay``, stays out of the moments."""

    decoupled = True

    def __init__(
        self,
        params: Sequence[Array],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
