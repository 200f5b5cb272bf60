"""What programs with distributions of their own import: probabilities, logits, triangles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions._common import as_logits, as_probabilities, broadcast, clamped

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors of one shape; numbers become tensors of the dtype of the others.

    Raises:
        ValueError: for what is neither tensor nor number.

    Example:
        >>> import steep
        >>> steep.distributions.utils.broadcast_all(steep.zeros(2), 1.0)
        (tensor([0., 0.]), tensor([1., 1.]))
    """
    for value in values:
        if not isinstance(value, (Tensor, int, float)):
            raise ValueError(
                "Input arguments must all be instances of Number, torch.Tensor or objects "
                f"implementing __torch_function__, got {type(value).__name__}"
            )
    return broadcast(*values)[0]


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities whose logarithms are finite, on both sides."""
    return clamped(probs)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of log-probabilities along the last dimension, or of log-odds."""
    return as_probabilities(logits, is_binary)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Log-probabilities of probabilities, or their log-odds."""
    return as_logits(probs, is_binary)


class lazy_property:  # noqa: N801  # PyTorch's name
    """A method whose value is computed once, with gradients, when it is first read.

    Example:
        >>> import steep
        >>> class Scaled:
        ...     @steep.distributions.utils.lazy_property
        ...     def value(self):
        ...         return steep.ones(1)
        >>> one = Scaled()
        >>> one.value is one.value
        True
    """

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with steep.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements of a matrix's lower triangle, row by row.

    Args:
        mat: (..., n, n).
        diag: the last diagonal that belongs to it. Default: 0.

    Raises:
        ValueError: for a diagonal outside of the matrix.

    Example:
        >>> import steep
        >>> steep.distributions.utils.tril_matrix_to_vec(steep.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([1., 3., 4.])
    """
    size = mat.shape[-1]
    if not -size <= diag < size:
        raise ValueError(f"diag ({diag}) provided is outside [{-size}, {size - 1}].")
    rows, columns = steep.tril_indices(size, size, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The way back: a matrix that is 0 above the triangle.

    Args:
        vec: (..., count), of a count that fills the triangle of some matrix.
        diag: the last diagonal that belongs to it. Default: 0.

    Raises:
        ValueError: for another count.

    Example:
        >>> import steep
        >>> steep.distributions.utils.vec_to_tril_matrix(steep.tensor([5.0]), -1)
        tensor([[0., 0.],
                [5., 0.]])
    """
    # The n for which n (n + 1) / 2 + diag n, less what lies outside of the matrix, is the count.
    first, count = 1 + 2 * diag, vec.shape[-1]
    side = ((first**2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5 - first) / 2
    size = round(side)
    if abs(side - size) > 1e-6:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower "
            "triangular part of a square D x D matrix."
        )
    inside = steep.ones(size, size).tril(diag).bool()
    place = (inside.flatten().cumsum(0) - 1).clamp(min=0).view(size, size)
    return vec[..., place].masked_fill(~inside, 0.0)
