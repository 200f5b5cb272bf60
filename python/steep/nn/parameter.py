"""`Parameter`: a tensor that a module trains."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, empty

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A tensor that, assigned to an attribute of a `Module`, becomes one of its parameters.

    Args:
        data: tensor whose values (and storage) the parameter takes; ``None`` gives an empty one.
        requires_grad: whether a gradient is recorded for it. Default: ``True``.

    Raises:
        TypeError: if `data` is not a tensor.

    Example:
        >>> import steep
        >>> weight = steep.nn.Parameter(steep.zeros(2, 3))
        >>> weight.requires_grad, weight.is_leaf
        (True, True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = empty(0)
        elif not isinstance(data, Tensor):
            raise TypeError(
                f"Parameter: expected a Tensor, got {type(data).__name__}; "
                "make one first with steep.tensor(data)"
            )
        parameter: Parameter = Tensor._make_subclass(cls, data, requires_grad)
        return parameter

    # The base class may have an initialiser of its own; the arguments were used up in __new__.
    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        pass

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            copied = self.detach().clone()
            memo[id(self)] = type(self)(copied, self.requires_grad)
        result: Parameter = memo[id(self)]
        return result

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.detach(), self.requires_grad)
