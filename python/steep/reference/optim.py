"""Optimisers over lists of arrays, which they change in place.

SGD with momentum: Sutskever et al. 2013, in the form of PyTorch's documentation (the velocity does
not contain the learning rate).  Adam: Kingma & Ba 2015; AMSGrad: Reddi et al. 2018; AdamW:
Loshchilov & Hutter 2019; the others name their papers.  Operations follow one another as in
PyTorch's algorithm boxes, each rounded to the parameter's dtype, so that float32 differs from the
engine by single roundings only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from steep.reference.quasi_newton import LBFGS as LBFGS
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


class _Rule:
    """A rule with state of its own for each parameter, written as PyTorch's algorithm boxes are.

    A subclass gives `defaults`, and `update(p, g, state, t)`, which changes `p` and `state` in
    place at step t = 1, 2, ...; the settings are attributes. ``g`` has its sign already and, unless
    `decoupled_weight_decay` is set, the weight decay.
    """

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    weight_decay = 0.0
    decoupled_weight_decay = False

    def __init__(
        self,
        params: Sequence[Array],
        *,
        maximize: bool = False,
        weight_decay: float = 0.0,
        **settings: Any,
    ):
        self.params, self.maximize, self.weight_decay = list(params), maximize, weight_decay
        self.__dict__.update({**self.defaults, **settings})
        self.steps = [0] * len(self.params)
        self.states: list[dict[str, Any]] = [{} for _ in self.params]

    def __getattr__(self, name: str) -> Any:  # the settings
        raise AttributeError(name)

    def step(self, grads: Sequence[Array | None]) -> None:
        """Move every parameter that has a gradient."""
        for i, (p, grad) in enumerate(zip(self.params, grads, strict=True)):
            if grad is None:
                continue
            g = -grad if self.maximize else grad
            if self.weight_decay and self.decoupled_weight_decay:
                p *= 1 - self.lr * self.weight_decay
            elif self.weight_decay:
                g = g + self.weight_decay * p
            self.steps[i] += 1
            self.update(p, np.asarray(g), self.states[i], self.steps[i])

    def update(self, p: Array, g: Array, state: dict[str, Any], t: int) -> None:
        raise NotImplementedError


class Adagrad(_Rule):
    """Duchi, Hazan & Singer 2011: the rate falls with the root of the sum of squares."""

    defaults: ClassVar = {
        "lr": 1e-2,
        "lr_decay": 0.0,
        "initial_accumulator_value": 0.0,
        "eps": 1e-10,
    }

    def update(self, p: Array, g: Array, state: dict[str, Any], t: int) -> None:
        total = state.get("sum", np.full_like(p, self.initial_accumulator_value)) + g**2
        state["sum"] = total
        p -= self.lr / (1 + (t - 1) * self.lr_decay) * g / (np.sqrt(total) + self.eps)


class RMSprop(_Rule):
    """Tieleman & Hinton 2012; centred, Graves 2013, equations 38 to 45."""

    defaults: ClassVar = {
        "lr": 1e-2,
        "alpha": 0.99,
        "eps": 1e-8,
        "momentum": 0.0,
        "centered": False,
    }

    def update(self, p: Array, g: Array, state: dict[str, Any], t: int) -> None:
        zeros = np.zeros_like(p)
        square = self.alpha * state.get("square_avg", zeros) + (1 - self.alpha) * g**2
        state["square_avg"] = square
        if self.centered:
            mean = self.alpha * state.get("grad_avg", zeros) + (1 - self.alpha) * g
            state["grad_avg"] = mean
            square = square - mean**2
        step = g / (np.sqrt(square) + self.eps)
        if self.momentum:
            step = self.momentum * state.get("momentum_buffer", zeros) + step
            state["momentum_buffer"] = step
        p -= self.lr * step


class _Moments(_Rule):
    """Rules made of Adam's two moments."""

    defaults: ClassVar = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8}

    def moments(self, g: Array, state: dict[str, Any]) -> tuple[Array, Array]:
        """Means of the gradient and of its square, which have taken in ``g``."""
        zeros = np.zeros_like(g)
        for name, beta, x in zip(("exp_avg", "exp_avg_sq"), self.betas, (g, g**2), strict=True):
            state[name] = beta * state.get(name, zeros) + (1 - beta) * x
        return state["exp_avg"], state["exp_avg_sq"]


class NAdam(_Moments):
    """Dozat 2016, algorithm 8, with the schedule of the momentum from its section 2."""

    defaults: ClassVar = {**_Moments.defaults, "lr": 2e-3, "momentum_decay": 4e-3}

    def momentum(self, t: int) -> float:
        return float(self.betas[0] * (1 - 0.5 * 0.96 ** (t * self.momentum_decay)))

    def update(self, p: Array, g: Array, state: dict[str, Any], t: int) -> None:
        m, v = self.moments(g, state)
        now, after = self.momentum(t), self.momentum(t + 1)
        # PyTorch keeps the product as a float32 number.
        product = np.float32(state.get("mu_product", 1.0)) * np.float32(now)
        state["mu_product"] = product
        ahead = float(product) * after
        m_hat = after * m / (1 - ahead) + (1 - now) * g / (1 - float(product))
        p -= self.lr * m_hat / (np.sqrt(v / (1 - self.betas[1] ** t)) + self.eps)


class RAdam(_Moments):
    """Liu et al. 2020, algorithm 2, whose eps is added before the correction of the bias."""

    def update(self, p: Array, g: Array, state: dict[str, Any], t: int) -> None:
        m, v = self.moments(g, state)
        beta1, beta2 = self.betas
        limit = 2 / (1 - beta2) - 1
        length = limit - 2 * t * beta2**t / (1 - beta2**t)
        m_hat = m / (1 - beta1**t)
        if length <= 5:
            p -= self.lr * m_hat
            return
        rectified = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
        adaptive = math.sqrt(1 - beta2**t) / (np.sqrt(v) + self.eps)
        p -= self.lr * m_hat * math.sqrt(rectified) * adaptive


class Adamax(_Rule):
    """Kingma & Ba 2015, algorithm 2; eps is added to the gradient's size, as PyTorch does."""

    defaults: ClassVar = {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8}

    def update(self, p: Array, g: Array, state: dict[str, Any], t: int) -> None:
        beta1, beta2 = self.betas
        zeros = np.zeros_like(p)
        state["exp_avg"] = beta1 * state.get("exp_avg", zeros) + (1 - beta1) * g
        state["exp_inf"] = np.maximum(beta2 * state.get("exp_inf", zeros), np.abs(g) + self.eps)
        p -= self.lr / (1 - beta1**t) * state["exp_avg"] / state["exp_inf"]


class Adadelta(_Rule):
    """Zeiler 2012, algorithm 1, with a factor of the step."""

    defaults: ClassVar = {"lr": 1.0, "rho": 0.9, "eps": 1e-6}

    def update(self, p: Array, g: Array, state: dict[str, Any], t: int) -> None:
        zeros = np.zeros_like(p)
        before = state.get("acc_delta", zeros)
        state["square_avg"] = self.rho * state.get("square_avg", zeros) + (1 - self.rho) * g**2
        change = np.sqrt(before + self.eps) / np.sqrt(state["square_avg"] + self.eps) * g
        state["acc_delta"] = self.rho * before + (1 - self.rho) * change**2
        p -= self.lr * change


class Rprop(_Rule):
    """Riedmiller & Braun 1993, without their backtracking, as Igel & Huesken's iRprop- (2000)."""

    defaults: ClassVar = {"lr": 1e-2, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50)}

    def update(self, p: Array, g: Array, state: dict[str, Any], t: int) -> None:
        turn = np.sign(g * state.get("prev", np.zeros_like(p)))
        size = state.get("step_size", np.full_like(p, self.lr))
        factor = np.choose((turn + 1).astype(int), [self.etas[0], 1.0, self.etas[1]])
        state["step_size"] = np.clip(size * factor, *self.step_sizes)
        state["prev"] = np.where(turn < 0, 0, g)
        p -= np.sign(state["prev"]) * state["step_size"]


class ASGD(_Rule):
    """Polyak & Juditsky 1992, with the rates of Bottou 2010, section 5; both are float32."""

    defaults: ClassVar = {"lr": 1e-2, "lambd": 1e-4, "alpha": 0.75, "t0": 1e6}

    def update(self, p: Array, g: Array, state: dict[str, Any], t: int) -> None:
        eta, mu = float(state.get("eta", np.float32(self.lr))), float(state.get("mu", 1.0))
        p *= 1 - self.lambd * eta
        p -= eta * g
        average = state.get("ax", np.zeros_like(p))
        state["ax"] = p.copy() if mu == 1 else average + mu * (p - average)
        state["eta"] = np.float32(self.lr / (1 + self.lambd * self.lr * t) ** self.alpha)
        state["mu"] = np.float32(1 / max(1, t - self.t0))


class Adafactor(_Rule):
    """Shazeer & Stern 2018, algorithms 4 and 5, with PyTorch's places of the two eps."""

    defaults: ClassVar = {"lr": 1e-2, "beta2_decay": -0.8, "eps": (None, 1e-3), "d": 1.0}
    decoupled_weight_decay = True

    def step(self, grads: Sequence[Array | None]) -> None:
        # The size of a parameter counts as it is before the decay.
        self.sizes = [_rms(p) for p in self.params]
        super().step(grads)

    def update(self, p: Array, g: Array, state: dict[str, Any], t: int) -> None:
        least, smallest = self.eps
        least = np.finfo(p.dtype).eps if least is None else least
        size = next(s for s, q in zip(self.sizes, self.params, strict=True) if q is p)
        rate = max(smallest, size) * min(self.lr, 1 / math.sqrt(t))
        decay = 1 - t**self.beta2_decay
        means = {"variance": g**2}
        if p.ndim > 1:
            means = {
                "row_var": (g**2).mean(-1, keepdims=True),
                "col_var": (g**2).mean(-2, keepdims=True),
            }
        for name, x in means.items():
            state[name] = decay * state.get(name, 0) + (1 - decay) * x
        if p.ndim < 2:
            v = state["variance"]
        else:
            rows, columns = state["row_var"], state["col_var"]
            v = rows * columns / np.maximum(rows.mean(-2, keepdims=True), least)
        update = g / np.sqrt(np.maximum(v, least**2))
        p -= rate * update / max(1.0, _rms(update) / self.d)


class Muon(_Rule):
    """Jordan et al. 2024: momentum whose singular values are all brought near 1."""

    defaults: ClassVar = {
        "lr": 1e-3,
        "momentum": 0.95,
        "nesterov": True,
        "ns_coefficients": (3.4445, -4.7750, 2.0315),
        "eps": 1e-7,
        "ns_steps": 5,
        "adjust_lr_fn": None,
    }
    decoupled_weight_decay = True

    def __init__(self, params: Sequence[Array], *, weight_decay: float = 0.1, **settings: Any):
        super().__init__(params, weight_decay=weight_decay, **settings)

    def update(self, p: Array, g: Array, state: dict[str, Any], t: int) -> None:
        share = 1 - self.momentum
        average = self.momentum * state.get("momentum_buffer", np.zeros_like(p)) + share * g
        state["momentum_buffer"] = average
        u = self.momentum * average + share * g if self.nesterov else average
        a, b, c = self.ns_coefficients
        x = u / max(float(np.linalg.norm(u)), self.eps)
        for _ in range(self.ns_steps):  # an odd polynomial of the singular values
            x = a * x + b * x @ x.T @ x + c * x @ x.T @ x @ x.T @ x
        like_adamw = self.adjust_lr_fn == "match_rms_adamw"
        rate = 0.2 * max(p.shape) ** 0.5 if like_adamw else max(1.0, p.shape[0] / p.shape[1]) ** 0.5
        p -= self.lr * rate * x


def _rms(x: Array) -> float:
    return math.sqrt(float((x.astype(np.float64) ** 2).mean())) if x.size else 0.0
