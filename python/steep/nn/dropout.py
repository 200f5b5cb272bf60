"""Dropout: of elements, and of whole channels."""

from __future__ import annotations

from steep._core import Tensor, dropout
from steep.nn.functional import (
    alpha_dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from steep.nn.module import Module

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class _DropoutNd(Module):
    """What all share: the probability, and whether they work in place."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """The probability, and whether it works in place."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
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

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        if not self.training:
            return input
        return dropout(input, self.p, True, self.inplace)


class Dropout1d(_DropoutNd):
    """In training, zero each channel with probability `p` and scale the rest by ``1 / (1 - p)``.

    In evaluation mode the input comes back as it is. (Tompson et al., Efficient Object Localization
    Using Convolutional Networks, 2015.) Masks are drawn as `Dropout` draws them.

    Shapes: input ``(N, C, L)`` or ``(C, L)``, kept.

    Args:
        p: probability of zeroing a channel, in [0, 1]. Default: 0.5.
        inplace: write the result into the input. Default: ``False``.

    Raises:
        ValueError: if `p` lies outside [0, 1].
        RuntimeError: when called with an input of other dimensions.

    Example:
        >>> import steep
        >>> steep.nn.Dropout1d(0.0)(steep.ones(2, 3)).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply to channels of signals."""
        return dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """In training, zero each channel with probability `p` and scale the rest by ``1 / (1 - p)``.

    In evaluation mode the input comes back as it is. (Tompson et al., Efficient Object Localization
    Using Convolutional Networks, 2015.) Masks are drawn as `Dropout` draws them.

    Shapes: input ``(N, C, H, W)``, kept; as in PyTorch, 3 dimensions are taken as ``(N, C, L)``,
    with a warning.

    Args:
        p: probability of zeroing a channel, in [0, 1]. Default: 0.5.
        inplace: write the result into the input. Default: ``False``.

    Raises:
        ValueError: if `p` lies outside [0, 1].

    Example:
        >>> import steep
        >>> steep.nn.Dropout2d(0.2)
        Dropout2d(p=0.2, inplace=False)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply to channels of images."""
        return dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """In training, zero each channel with probability `p` and scale the rest by ``1 / (1 - p)``.

    In evaluation mode the input comes back as it is. (Tompson et al., Efficient Object Localization
    Using Convolutional Networks, 2015.) Masks are drawn as `Dropout` draws them.

    Shapes: input ``(N, C, D, H, W)`` or ``(C, D, H, W)``, kept.

    Args:
        p: probability of zeroing a channel, in [0, 1]. Default: 0.5.
        inplace: write the result into the input. Default: ``False``.

    Raises:
        ValueError: if `p` lies outside [0, 1].

    Example:
        >>> import steep
        >>> steep.nn.Dropout3d(0.2)
        Dropout3d(p=0.2, inplace=False)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply to channels of volumes."""
        return dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """In training, set each element to SELU's lower limit with probability `p`; scale and shift.

    An input of mean 0 and variance 1 keeps them. In evaluation mode the input comes back as it is.
    (Klambauer et al., Self-Normalizing Neural Networks, 2017.) Masks are drawn as `Dropout` draws
    them.

    Args:
        p: probability of dropping an element, in [0, 1]. Default: 0.5.
        inplace: kept and shown; as in PyTorch, the input is never written to.

    Raises:
        ValueError: if `p` lies outside [0, 1].

    Example:
        >>> import steep
        >>> steep.nn.AlphaDropout(0.2).eval()(steep.ones(3)).tolist()
        [1.0, 1.0, 1.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """`AlphaDropout` of whole channels: a channel is dropped, or kept, as one.

    (Klambauer et al., Self-Normalizing Neural Networks, 2017.) Masks are drawn as `Dropout` draws
    them.

    Shapes: input ``(N, C, *)``, kept.

    Args:
        p: probability of dropping a channel, in [0, 1]. Default: 0.5.
        inplace: kept and shown; as in PyTorch, the input is never written to.

    Raises:
        ValueError: if `p` lies outside [0, 1].

    Example:
        >>> import steep
        >>> steep.nn.FeatureAlphaDropout(0.2)
        FeatureAlphaDropout(p=0.2, inplace=False)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply to channels."""
        return feature_alpha_dropout(input, self.p, self.training)
