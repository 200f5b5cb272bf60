"""Training on all samples at once, by SciPy's L-BFGS."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import steep
from steep import nn
from steep._core import Tensor
from steep.sklearn._data import Samples
from steep.sklearn._losses import Loss

__all__ = ["minimize"]


def minimize(network: nn.Module, loss: Loss, samples: Samples, params: Any) -> tuple[float, int]:
    """Train a float64 network by L-BFGS-B; the final loss with its penalty, and the iterations.

    Args:
        network: what is trained.
        loss: what is minimised.
        samples: what is learned.
        params: the estimator, for `alpha`, `max_iter`, `max_fun`, `tol` and `verbose`.
    """
    from scipy.optimize import minimize as scipy_minimize
    from sklearn.exceptions import ConvergenceWarning

    parameters = list(network.parameters())
    linear = [layer.weight for layer in network.modules() if isinstance(layer, nn.Linear)]
    rows = len(samples) if samples.weight is None else samples.weight.sum().item()
    penalty = 0.5 * float(params.alpha) / rows
    network.train()

    @steep.compile
    def evaluate(target: Tensor, weight: Tensor | None, *inputs: Tensor) -> Tensor:
        network.zero_grad()
        value = loss.of(network(*inputs), target, weight)
        for matrix in linear:
            value = value + matrix.square().sum() * penalty
        value.backward()
        return value.detach()

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        _unflatten(flat, parameters)
        value = evaluate(samples.target, samples.weight, *samples.inputs).item()
        gradients = [p.grad if p.grad is not None else steep.zeros_like(p) for p in parameters]
        return value, np.concatenate([g.numpy().ravel() for g in gradients])

    start = np.concatenate([p.detach().numpy().ravel() for p in parameters])
    options = {"maxfun": params.max_fun, "maxiter": params.max_iter, "gtol": params.tol}
    found = scipy_minimize(value_and_gradient, start, method="L-BFGS-B", jac=True, options=options)
    _unflatten(found.x, parameters)
    network.zero_grad()
    if params.verbose:
        print(f"L-BFGS: {found.nit} iterations, loss = {found.fun:.8f}")
    if found.status == 1:
        warnings.warn(
            f"lbfgs did not converge within {params.max_iter} iterations and {params.max_fun} "
            "evaluations (max_iter, max_fun); raise them, or scale the data",
            ConvergenceWarning,
            stacklevel=2,
        )
    return float(found.fun), min(int(found.nit), params.max_iter)


def _unflatten(flat: np.ndarray, parameters: list[nn.Parameter]) -> None:
    begin = 0
    with steep.no_grad():
        for p in parameters:
            end = begin + p.numel()
            p.copy_(steep.from_numpy(flat[begin:end].copy()).reshape(p.shape))
            begin = end
