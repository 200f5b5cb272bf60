"""Weight and spectral normalisation as older programs have them, with keys of their own.

The weight is computed whenever it is read; what is trained lies beside it.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any, TypeVar

from steep._core import Tensor, mv, no_grad
from steep.nn.module import Module
from steep.nn.parameter import Parameter
from steep.nn.utils._computed import computed, set_computed
from steep.nn.utils.parametrizations import (
    as_matrix,
    check_iterations,
    checked_dim,
    default_dim,
    drawn_vectors,
    norm_except,
    normalized,
    over_sigma,
)

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]

_M = TypeVar("_M", bound=Module)


def _by_weight(name: str, dim: int, module: Module) -> Tensor:
    g, v = getattr(module, f"{name}_g"), getattr(module, f"{name}_v")
    weight: Tensor = v * (g / norm_except(v, dim))
    return weight


def _by_spectrum(name: str, dim: int, module: Module) -> Tensor:
    weight, u, v = (getattr(module, f"{name}_{part}") for part in ("orig", "u", "v"))
    return over_sigma(weight, u, v, dim)


class _PowerMethod:
    """The hook that goes on with the power method before each call in training mode."""

    def __init__(self, name: str, dim: int, count: int, eps: float) -> None:
        self.name, self.dim, self.count, self.eps = name, dim, count, eps

    @no_grad()
    def __call__(self, module: Module, args: Any) -> None:
        if not module.training:
            return
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = as_matrix(weight, self.dim)
        for _ in range(self.count):
            v.copy_(normalized(mv(matrix.T, u), self.eps))
            u.copy_(normalized(mv(matrix, v), self.eps))


def _compute(module: Module, name: str, formula: Any, dim: int) -> None:
    attributes = computed(module)
    attributes[name] = property(functools.partial(formula, name, dim))
    set_computed(module, attributes)


def _weight_of(module: Module, name: str, what: str) -> Parameter:
    """The parameter, unless it is computed already."""
    if name in computed(module):
        raise RuntimeError(f"Cannot register two {what} hooks on the same parameter {name}")
    weight = module._parameters.get(name)
    if weight is None:
        raise ValueError(f"{what}: expected a parameter called '{name}', {module} has none")
    return weight


def _restore(module: Module, name: str, formula: Any, parts: tuple[str, ...], what: str) -> None:
    """Make a computed weight a parameter again."""
    attributes = computed(module)
    if name not in attributes or getattr(attributes[name].fget, "func", None) is not formula:
        raise ValueError(f"{what} of '{name}' not found in {module}")
    weight = Parameter(getattr(module, name).detach())
    del attributes[name]
    set_computed(module, attributes)
    for part in parts:
        delattr(module, f"{name}_{part}")
    module.register_parameter(name, weight)


def weight_norm(module: _M, name: str = "weight", dim: int | None = 0) -> _M:
    """Deprecated form of `parametrizations.weight_norm`, with parameters `weight_g`, `weight_v`.

    Arguments as there.

    Raises:
        RuntimeError: if the weight is normalised already.
        ValueError: if the module has no such parameter.
        IndexError: if `dim` is out of range.
    """
    warnings.warn(
        "`steep.nn.utils.weight_norm` is deprecated in favor of "
        "`steep.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    weight = _weight_of(module, name, "weight_norm")
    kept = -1 if dim is None else dim
    length = norm_except(weight.detach(), kept)
    del module._parameters[name]
    module.register_parameter(f"{name}_g", Parameter(length))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    _compute(module, name, _by_weight, kept)
    return module


def remove_weight_norm(module: _M, name: str = "weight") -> _M:
    """Make a weight under `weight_norm` a parameter again, with its value now.

    Raises:
        ValueError: if it is not under `weight_norm`.
    """
    _restore(module, name, _by_weight, ("g", "v"), "weight_norm")
    return module


def spectral_norm(
    module: _M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> _M:
    """Older form of `parametrizations.spectral_norm`, with the parameter `weight_orig`.

    The power method goes on at each call of the module in training mode. Arguments as there.

    Raises:
        RuntimeError: if the weight is normalised already.
        ValueError: if the module has no such parameter, or there are no steps.

    Example:
        >>> import steep
        >>> layer = steep.nn.utils.spectral_norm(steep.nn.Linear(2, 2))
        >>> list(layer.state_dict())
        ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    check_iterations(n_power_iterations)
    weight = _weight_of(module, name, "spectral_norm")
    kept = checked_dim(weight, default_dim(module, dim))
    u, v = drawn_vectors(weight, kept, eps)
    del module._parameters[name]
    module.register_parameter(f"{name}_orig", weight)
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    _compute(module, name, _by_spectrum, kept)
    module.register_forward_pre_hook(_PowerMethod(name, kept, n_power_iterations, eps))
    return module


def remove_spectral_norm(module: _M, name: str = "weight") -> _M:
    """Make a weight under `spectral_norm` a parameter again, with its value now.

    Raises:
        ValueError: if it is not under `spectral_norm`.
    """
    _restore(module, name, _by_spectrum, ("u", "v", "orig"), "spectral_norm")
    module._drop_forward_pre_hook(lambda hook: isinstance(hook, _PowerMethod) and hook.name == name)
    return module
