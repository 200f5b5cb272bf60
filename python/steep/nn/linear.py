"""Linear layers."""

from __future__ import annotations

import math
from typing import Any

from steep._core import Tensor, bilinear, dtype, empty, linear
from steep.nn import init
from steep.nn._convert import check_cpu
from steep.nn.lazy import LazyModuleMixin, materialize_all
from steep.nn.module import Module
from steep.nn.parameter import Parameter, UninitializedParameter

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear"]


def _check_size(name: str, size: Any) -> None:
    """Raise unless a size of a linear layer is a whole number of at least 0."""
    if not hasattr(size, "__index__"):
        raise TypeError(f"Linear: expected {name} to be an int, got {size!r}")
    if size < 0:
        raise ValueError(f"Linear: expected {name} to be at least 0, got {size}")


class Identity(Module):
    """Returns its input; a placeholder. Arguments are accepted and ignored.

    Example:
        >>> import steep
        >>> steep.nn.Identity()(steep.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return `input`."""
        return input


class Linear(Module):
    """Affine map of the last dimension: ``out = input @ weight.T + bias``.

    Shapes: input ``(*, in_features)``, out ``(*, out_features)``, weight
    ``(out_features, in_features)``, bias ``(out_features,)``.

    Both are drawn from U(-k, k) with ``k = 1 / sqrt(in_features)``, the weight first: after the
    same `manual_seed` they are PyTorch's. (LeCun et al., Efficient BackProp, 1998, is the origin
    of the scale; the constant is PyTorch's ``kaiming_uniform_(a=sqrt(5))``.)

    Args:
        in_features: size of the last dimension of the input.
        out_features: size of the last dimension of the output.
        bias: whether a bias is added. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        ValueError: if a size is negative.
        TypeError: if a size is not an int.

    Example:
        >>> import steep
        >>> layer = steep.nn.Linear(20, 30)
        >>> tuple(layer(steep.zeros(128, 20)).shape)
        (128, 30)
        >>> layer
        Linear(in_features=20, out_features=30, bias=True)
    """

    in_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        check_cpu("Linear", device)
        _check_size("in_features", in_features)
        _check_size("out_features", out_features)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), dtype=dtype))
        if bias:
            self.bias = Parameter(empty((out_features,), dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the map: ``(*, in_features)`` to ``(*, out_features)``."""
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes and whether there is a bias."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """Bilinear map of two inputs' last dimensions: ``out[o] = x1 @ weight[o] @ x2 + bias[o]``.

    Shapes: inputs ``(*, in1_features)`` and ``(*, in2_features)``, out ``(*, out_features)``,
    weight ``(out_features, in1_features, in2_features)``, bias ``(out_features,)``. Both are drawn
    from U(-k, k) with ``k = 1 / sqrt(in1_features)``.

    Args:
        in1_features: size of the last dimension of the first input.
        in2_features: size of the last dimension of the second input.
        out_features: size of the last dimension of the output.
        bias: whether a bias is added. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        ValueError: if `in1_features` is not positive.
        RuntimeError: when called with inputs that do not fit.

    Example:
        >>> import steep
        >>> layer = steep.nn.Bilinear(20, 30, 40)
        >>> tuple(layer(steep.zeros(128, 20), steep.zeros(128, 30)).shape)
        (128, 40)
        >>> layer
        Bilinear(in1_features=20, in2_features=30, out_features=40, bias=True)
    """

    in1_features: int
    in2_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        check_cpu("Bilinear", device)
        if in1_features <= 0:
            raise ValueError(f"Bilinear: in1_features must be > 0, but got {in1_features}")
        self.in1_features, self.in2_features = in1_features, in2_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in1_features, in2_features), dtype=dtype))
        if bias:
            self.bias = Parameter(empty((out_features,), dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Apply the map of two inputs: ``(*, out_features)``."""
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes and whether there is a bias."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` that takes `in_features` from the first input; see `LazyModuleMixin`.

    The other arguments, and the values that are drawn, are those of `Linear`, which it becomes.

    Example:
        >>> import steep
        >>> layer = steep.nn.LazyLinear(30)
        >>> layer
        LazyLinear(in_features=0, out_features=30, bias=True)
        >>> tuple(layer(steep.zeros(128, 20)).shape)
        (128, 30)
        >>> layer
        Linear(in_features=20, out_features=30, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: dtype | None = None
    ) -> None:
        super().__init__(0, 0, False, device, dtype)
        _check_size("out_features", out_features)
        self.out_features = out_features
        self.weight = UninitializedParameter(dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, if they have a shape yet."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take the last size of the input, and draw weight and bias."""
        if input.dim() == 0:
            raise RuntimeError(
                "LazyLinear: expected an input of at least one dimension, got a number"
            )
        if not self.has_uninitialized_params():  # they were loaded
            self.in_features = int(self.weight.shape[-1])
            return
        self.in_features = int(input.shape[-1])
        weight = (self.out_features, self.in_features)
        materialize_all(self, weight=weight, bias=(self.out_features,))
