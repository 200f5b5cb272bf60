"""Gradient clipping over all parameters of a model."""

from __future__ import annotations

import math
from collections.abc import Iterable

from steep._core import Tensor, no_grad, stack, tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in listed if p.grad is not None]


def _norm(x: Tensor, norm_type: float) -> Tensor:
    size = x.detach().abs()
    if math.isinf(norm_type):
        return size.max() if size.numel() else size.sum()
    if norm_type == 2.0:
        return (size * size).sum().sqrt()
    return (size**norm_type).sum() ** (1.0 / norm_type)


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
    grads = _grads(parameters)
    if not grads:
        return tensor(0.0)
    order = float(norm_type)
    with no_grad():
        total = _norm(stack([_norm(grad, order) for grad in grads]), order)
        if error_if_nonfinite and not math.isfinite(float(total.item())):
            raise RuntimeError(
                f"The total norm of order {order} for gradients from `parameters` is non-finite, "
                "so it cannot be clipped. To disable this error and scale the gradients by the "
                "non-finite norm anyway, set `error_if_nonfinite=False`"
            )
        factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(factor.to(grad.dtype))
    return total


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
