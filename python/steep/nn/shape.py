"""Modules that only change the shape."""

from __future__ import annotations

from collections.abc import Sequence

from steep._core import Tensor
from steep.nn.module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Join the dimensions from `start_dim` to `end_dim` into one.

    Args:
        start_dim: first dimension to join. Default: 1, which keeps the batch.
        end_dim: last dimension to join. Default: -1.

    Example:
        >>> import steep
        >>> tuple(steep.nn.Flatten()(steep.zeros(32, 8, 8)).shape)
        (32, 64)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Reshape; a view where that is possible."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The two dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split dimension `dim` into several: the inverse of `Flatten`.

    Args:
        dim: the dimension to split.
        unflattened_size: its new sizes; one may be -1 and is then inferred.

    Raises:
        TypeError: if `unflattened_size` is not a tuple or list of ints.

    Example:
        >>> import steep
        >>> tuple(steep.nn.Unflatten(1, (8, 8))(steep.zeros(32, 64)).shape)
        (32, 8, 8)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                "unflattened_size must be a tuple of ints, "
                f"but found type {type(unflattened_size).__name__}"
            )
        for position, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, but found element of type "
                    f"{type(size).__name__} at pos {position}"
                )
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """Reshape; a view where that is possible."""
        shape = tuple(input.shape)
        dim = self.dim + len(shape) if self.dim < 0 else self.dim
        if not 0 <= dim < len(shape):
            raise IndexError(
                f"Unflatten: expected dim in [{-len(shape)}, {len(shape) - 1}], got {self.dim}"
            )
        return input.reshape((*shape[:dim], *self._sizes(shape[dim]), *shape[dim + 1 :]))

    def _sizes(self, size: int) -> tuple[int, ...]:
        known = 1
        for part in self.unflattened_size:
            known *= 1 if part == -1 else part
        wild = self.unflattened_size.count(-1)
        fits = known == size if wild == 0 else wild == 1 and known > 0 and size % known == 0
        if not fits:
            raise RuntimeError(
                f"Unflatten: expected sizes whose product is {size}, the size of dimension "
                f"{self.dim}, got {self.unflattened_size}"
            )
        return tuple(size // known if part == -1 else part for part in self.unflattened_size)

    def extra_repr(self) -> str:
        """The dimension and its new sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
