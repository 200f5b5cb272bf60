"""All parameters of a model as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from steep._core import Tensor, cat, no_grad

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters end to end in one 1-d tensor, differentiable.

    Example:
        >>> import steep
        >>> layer = steep.nn.Linear(3, 2)
        >>> tuple(steep.nn.utils.parameters_to_vector(layer.parameters()).shape)
        (8,)
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy a vector made by `parameters_to_vector` back into the parameters, in their order.

    Raises:
        TypeError: if `vec` is not a tensor.
        ValueError: if its length is not the number of elements of all parameters; nothing has
            been copied then.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: expected a Tensor, got: {type(vec).__name__}")
    listed = list(parameters)
    total = sum(p.numel() for p in listed)
    if tuple(vec.shape) != (total,):
        raise ValueError(
            f"vector_to_parameters: expected a vector of shape {(total,)}, got {tuple(vec.shape)}"
        )
    start = 0
    with no_grad():
        for p in listed:
            p.copy_(vec[start : start + p.numel()].reshape(p.shape))
            start += p.numel()
