"""Dropout."""

from __future__ import annotations

from steep._core import Tensor, dropout
from steep.nn.module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, zero each element with probability `p` and scale the rest by ``1 / (1 - p)``.

    In evaluation mode the input comes back as it is. (Srivastava et al., JMLR 15, 2014.) Masks are
    counter-based: they depend on the seed and the number of masks drawn before, not on threads.

    Args:
        p: probability of zeroing an element, in [0, 1]. Default: 0.5.
        inplace: write the result into the input. Default: ``False``.

    Raises:
        ValueError: if `p` lies outside [0, 1].

    Example:
        >>> import steep
        >>> steep.nn.Dropout(0.5).eval()(steep.ones(3)).tolist()
        [1.0, 1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        if not self.training:
            return input
        return dropout(input, self.p, True, self.inplace)

    def extra_repr(self) -> str:
        """The probability, and whether it works in place."""
        return f"p={self.p}, inplace={self.inplace}"
