"""`Variable`, which has meant a tensor since PyTorch 0.4."""

from __future__ import annotations

from steep._core import Tensor

__all__ = ["Variable"]


class _OfTensors(type):
    """Every tensor is a `Variable`."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_OfTensors):
    """``Variable(x, requires_grad)`` is `x`, as a leaf of its own if it is to require a gradient.

    Example:
        >>> import steep
        >>> x = steep.autograd.Variable(steep.ones(2), requires_grad=True)
        >>> x.requires_grad, isinstance(x, steep.autograd.Variable), type(x) is steep.Tensor
        (True, True, True)
    """

    def __new__(cls, data: Tensor, requires_grad: bool = False, volatile: bool = False) -> Tensor:  # type: ignore[misc]
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable: expected a Tensor, got {type(data).__name__}")
        return data.detach().requires_grad_() if requires_grad else data
