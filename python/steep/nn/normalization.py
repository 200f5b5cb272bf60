"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

from steep._core import Tensor, dtype, empty, layer_norm
from steep.nn import init
from steep.nn._convert import check_cpu
from steep.nn.module import Module
from steep.nn.parameter import Parameter

__all__ = ["LayerNorm"]


class LayerNorm(Module):
    """Normalise over the last dimensions: ``(x - mean) / sqrt(var + eps) * weight + bias``.

    Each sample by itself, in training as in evaluation. `var` is the biased variance. (Ba, Kiros
    and Hinton, Layer Normalization, 2016.)

    Shapes: input ``(*, *normalized_shape)``, kept; weight and bias ``normalized_shape``. They begin
    as ones and zeros.

    Args:
        normalized_shape: the sizes of the dimensions to normalise over; an int is one size.
        eps: added to the variance. Default: 1e-5.
        elementwise_affine: whether there are parameters. Default: ``True``.
        bias: whether there is a bias among them. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        RuntimeError: when called with an input whose last sizes are others.

    Example:
        >>> import steep
        >>> layer = steep.nn.LayerNorm(2)
        >>> layer(steep.tensor([[1.0, 3.0], [0.0, 400.0]])).detach()
        tensor([[-1.0000,  1.0000],
                [-1.0000,  1.0000]])
        >>> layer
        LayerNorm((2,), eps=1e-05, elementwise_affine=True, bias=True)
    """

    normalized_shape: tuple[int, ...]
    eps: float
    elementwise_affine: bool
    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        check_cpu("LayerNorm", device)
        self.normalized_shape = (
            (int(normalized_shape),)
            if isinstance(normalized_shape, SupportsIndex)
            else tuple(normalized_shape)
        )
        if any(size < 0 for size in self.normalized_shape):
            raise RuntimeError(
                "LayerNorm: expected sizes of at least 0 as normalized_shape, "
                f"got {self.normalized_shape}"
            )
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            value = Parameter(empty(self.normalized_shape, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise; the shape stays."""
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The shape, eps, and which parameters there are."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )
