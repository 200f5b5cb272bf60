"""Gradient clipping over all parameters of a model."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

from steep._core import Tensor, no_grad, stack, tensor

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_"]
__all__ += ["clip_grads_with_norm_", "get_total_norm"]


def _listed(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def _norm(x: Tensor, norm_type: float) -> Tensor:
    size = x.detach().abs()
    if math.isinf(norm_type):
        return size.max() if size.numel() else size.sum()
    if norm_type == 2.0:
        return (size * size).sum().sqrt()
    return (size**norm_type).sum() ** (1.0 / norm_type)


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors as if they were one vector, a 0-d tensor; 0 of none.

    Arguments and errors as in `clip_grad_norm_`.

    Example:
        >>> import steep
        >>> steep.nn.utils.get_total_norm([steep.tensor([3.0]), steep.tensor([4.0])]).item()
        5.0
    """
    order = float(norm_type)
    norms = [_norm(x, order) for x in _listed(tensors)]
    if not norms:
        return tensor(0.0)
    total = _norm(stack(norms), order)
    if error_if_nonfinite and not math.isfinite(float(total.item())):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale all gradients by ``min(1, max_norm / (total_norm + 1e-6))``, in place.

    `total_norm` is what `get_total_norm` gives of them.

    Example:
        >>> import steep
        >>> w = steep.zeros(2, requires_grad=True)
        >>> w.grad = steep.tensor([3.0, 4.0])
        >>> steep.nn.utils.clip_grads_with_norm_(w, 2.5, steep.tensor(5.0))
        >>> round(w.grad.sum().item(), 4)
        3.5
    """
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for grad in _grads(parameters):
        grad.mul_(factor.to(grad.dtype))


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients together, in place, so that their joint norm is at most `max_norm`.

    ``grad *= min(1, max_norm / (total_norm + 1e-6))`` (Pascanu et al., ICML 2013).

    Args:
        parameters: tensors whose ``.grad`` is scaled; those without one are passed over.
        max_norm: greatest norm allowed.
        norm_type: order of the norm, ``inf`` included. Default: 2.
        error_if_nonfinite: raise if the norm is nan or infinite. Default: ``False``.
        foreach: accepted for PyTorch's sake; changes nothing.

    Returns:
        The joint norm before scaling, a 0-d tensor.

    Raises:
        RuntimeError: if the norm is not finite and `error_if_nonfinite` is set.

    Example:
        >>> import steep
        >>> w = steep.zeros(2, requires_grad=True)
        >>> w.grad = steep.tensor([3.0, 4.0])
        >>> steep.nn.utils.clip_grad_norm_(w, max_norm=1.0).item()
        5.0
    """
    listed = _listed(parameters)
    if not listed and isinstance(parameters, GeneratorType):
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
        )
    grads = _grads(listed)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    if grads:
        clip_grads_with_norm_(listed, max_norm, total)
    return total


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """Another name of `clip_grad_norm_`, which warns that it is deprecated."""
    warnings.warn(
        "`steep.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`steep.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(*args, **kwargs)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Clamp every element of every gradient to [-clip_value, clip_value], in place.

    Args:
        parameters: tensors whose ``.grad`` is clamped; those without one are passed over.
        clip_value: greatest absolute value allowed.
        foreach: accepted for PyTorch's sake; changes nothing.

    Example:
        >>> import steep
        >>> w = steep.zeros(2, requires_grad=True)
        >>> w.grad = steep.tensor([3.0, -4.0])
        >>> steep.nn.utils.clip_grad_value_(w, 0.5)
        >>> w.grad.tolist()
        [0.5, -0.5]
    """
    bound = float(clip_value)
    with no_grad():
        for grad in _grads(parameters):
            grad.copy_(grad.clamp(-bound, bound))
