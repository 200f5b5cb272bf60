"""Activations as modules."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, dtype, empty, prelu, rrelu, softmax
from steep.nn import init
from steep.nn._convert import check_cpu
from steep.nn.module import Module
from steep.nn.parameter import Parameter

__all__ = ["PReLU", "RReLU", "Softmax2d"]


class PReLU(Module):
    """``x`` where it is positive, ``weight * x`` elsewhere, with a learned weight.

    (He et al., ICCV 2015.)

    Args:
        num_parameters: one weight, or one for each channel (dimension 1). Default: 1.
        init: what they begin as. Default: 0.25.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the weight; the default dtype if ``None``.

    Example:
        >>> import steep
        >>> steep.nn.PReLU()(steep.tensor([-1.0, 2.0])).tolist()
        [-0.25, 2.0]
    """

    weight: Parameter

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        check_cpu("PReLU", device)
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty((num_parameters,), dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to what it begins as."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Apply to any shape; with several weights, dimension 1 has as many channels."""
        return prelu(input, self.weight)

    def extra_repr(self) -> str:
        """How many weights there are."""
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """``x`` where it is positive; below 0, ``x`` times a slope drawn from ``[lower, upper)``.

    In evaluation mode the slope is the mean of both. (Xu et al., 2015.)

    Example:
        >>> import steep
        >>> steep.nn.RReLU(0.25, 0.75).eval()(steep.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply to any shape."""
        return rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The bounds, and whether it works in place."""
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" * self.inplace)


class Softmax2d(Module):
    """`Softmax` over the channels of ``(N, C, H, W)`` or ``(C, H, W)``.

    Example:
        >>> import steep
        >>> steep.nn.Softmax2d()(steep.zeros(2, 1, 1)).flatten().tolist()
        [0.5, 0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply `softmax` along the dimension before the last two."""
        if input.dim() not in (3, 4):
            raise ValueError(
                f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead"
            )
        return softmax(input, -3)


# Written by tools/make_stubs.py from here on, from the operations' records.
from steep._core import (
    celu,
    elu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)

__all__ += [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "ReLU",
    "ReLU6",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class CELU(Module):
    """An elu of slope 1 at 0: alpha * (e^(input / alpha) - 1) where input is negative.

    See `steep.nn.functional.celu`.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `celu` with the arguments it was made with."""
        return celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class ELU(Module):
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al., ICLR 2016).

    Args:
        alpha: minus the limit at minus infinity. Default: 1.
        inplace: write the result into the input. Default: ``False``.

    Example:
        >>> import steep
        >>> steep.nn.ELU()(steep.tensor([0.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `elu` with the arguments it was made with."""
        return elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """``x`` times the normal distribution's share below it (Hendrycks and Gimpel, 2016).

    Args:
        approximate: ``'none'`` (default) for the exact function, ``'tanh'`` for the approximation
            by a hyperbolic tangent.

    Example:
        >>> import steep
        >>> steep.nn.GELU()(steep.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Apply `gelu` with the arguments it was made with."""
        return gelu(input, self.approximate)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"approximate={self.approximate!r}"


class GLU(Module):
    """Gated linear unit: the first half along dim times the sigmoid of the second.

    See `steep.nn.functional.glu`.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply `glu` with the arguments it was made with."""
        return glu(input, self.dim)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"dim={self.dim}"


class Hardshrink(Module):
    """0 from -lambd to lambd, the input elsewhere.

    See `steep.nn.functional.hardshrink`.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Apply `hardshrink` with the arguments it was made with."""
        return hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"{self.lambd}"


class Hardsigmoid(Module):
    """A sigmoid in straight lines: min(max(input + 3, 0), 6) / 6.

    See `steep.nn.functional.hardsigmoid`.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `hardsigmoid` with the arguments it was made with."""
        return hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return "inplace=True" if self.inplace else ""


class Hardswish(Module):
    """A silu in straight lines: input * hardsigmoid(input).

    See `steep.nn.functional.hardswish`.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `hardswish` with the arguments it was made with."""
        return hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return "inplace=True" if self.inplace else ""


class Hardtanh(Module):
    """Cuts off at two bounds: min(max(input, min_val), max_val).

    See `steep.nn.functional.hardtanh`.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `hardtanh` with the arguments it was made with."""
        return hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"min_val={self.min_val}, max_val={self.max_val}" + (
            ", inplace=True" if self.inplace else ""
        )


class LeakyReLU(Module):
    """``x`` where it is positive, ``negative_slope * x`` elsewhere (Maas et al., 2013).

    Args:
        negative_slope: slope below zero. Default: 0.01.
        inplace: write the result into the input. Default: ``False``.

    Example:
        >>> import steep
        >>> steep.nn.LeakyReLU(0.5)(steep.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `leaky_relu` with the arguments it was made with."""
        return leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class LogSigmoid(Module):
    """Logarithm of the sigmoid: -log(1 + e^(-input)).

    See `steep.nn.functional.logsigmoid`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply `logsigmoid`."""
        return logsigmoid(input)


class LogSoftmax(Module):
    """``x - logsumexp(x)`` along `dim`: the logarithm of `Softmax`, computed safely.

    Args:
        dim: the dimension along which the probabilities sum to one; see `Softmax`.

    Example:
        >>> import steep
        >>> steep.nn.LogSoftmax(dim=0)(steep.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply `log_softmax` with the arguments it was made with."""
        return log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"dim={self.dim}"


class Mish(Module):
    """input * tanh(softplus(input)).

    See `steep.nn.functional.mish`.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `mish` with the arguments it was made with."""
        return mish(input, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return "inplace=True" if self.inplace else ""


class ReLU(Module):
    """``max(0, x)``, elementwise.

    Args:
        inplace: write the result into the input. Default: ``False``.

    Example:
        >>> import steep
        >>> steep.nn.ReLU()(steep.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `relu` with the arguments it was made with."""
        return relu(input, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return "inplace=True" if self.inplace else ""


class ReLU6(Module):
    """Rectifier cut off at 6: min(max(input, 0), 6).

    See `steep.nn.functional.relu6`.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `relu6` with the arguments it was made with."""
        return relu6(input, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return "inplace=True" if self.inplace else ""


class SELU(Module):
    """Self-normalising elu: 1.0507 * elu(input, 1.6733).

    See `steep.nn.functional.selu`.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `selu` with the arguments it was made with."""
        return selu(input, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return "inplace=True" if self.inplace else ""


class SiLU(Module):
    """``x * sigmoid(x)``, elementwise (Hendrycks and Gimpel, 2016).

    Args:
        inplace: write the result into the input. Default: ``False``.

    Example:
        >>> import steep
        >>> steep.nn.SiLU()(steep.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `silu` with the arguments it was made with."""
        return silu(input, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``, elementwise.

    Example:
        >>> import steep
        >>> steep.nn.Sigmoid()(steep.zeros(2)).tolist()
        [0.5, 0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply `sigmoid`."""
        return sigmoid(input)


class Softmax(Module):
    """``exp(x) / sum(exp(x))`` along `dim`: positive, and summing to one.

    Args:
        dim: the dimension that sums to one. Leaving it out picks 0 or 1 by the number of
            dimensions, with a warning, as PyTorch does.

    Example:
        >>> import steep
        >>> steep.nn.Softmax(dim=1)(steep.zeros(1, 2)).tolist()
        [[0.5, 0.5]]
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply `softmax` with the arguments it was made with."""
        return softmax(input, self.dim)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"dim={self.dim}"


class Softmin(Module):
    """softmax of the negative along one dimension.

    See `steep.nn.functional.softmin`.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply `softmin` with the arguments it was made with."""
        return softmin(input, self.dim)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"dim={self.dim}"


class Softplus(Module):
    """``log(1 + exp(beta * x)) / beta``, a smooth `ReLU`.

    Args:
        beta: how sharp the bend is. Default: 1.
        threshold: where ``beta * x`` exceeds it, `x` itself is returned. Default: 20.

    Example:
        >>> import steep
        >>> round(steep.nn.Softplus()(steep.zeros(1)).item(), 4)
        0.6931
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Apply `softplus` with the arguments it was made with."""
        return softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Softshrink(Module):
    """The input, lambd nearer to 0; 0 from -lambd to lambd.

    See `steep.nn.functional.softshrink`.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Apply `softshrink` with the arguments it was made with."""
        return softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"{self.lambd}"


class Softsign(Module):
    """``x / (1 + |x|)``, elementwise.

    (Turian et al., 2009.)

    Example:
        >>> import steep
        >>> steep.nn.Softsign()(steep.tensor([-1.0, 3.0])).tolist()
        [-0.5, 0.75]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply `softsign`."""
        return softsign(input)


class Tanh(Module):
    """Hyperbolic tangent, elementwise.

    Example:
        >>> import steep
        >>> steep.nn.Tanh()(steep.zeros(2)).tolist()
        [0.0, 0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply `tanh`."""
        return tanh(input)


class Tanhshrink(Module):
    """input - tanh(input).

    See `steep.nn.functional.tanhshrink`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply `tanhshrink`."""
        return tanhshrink(input)


class Threshold(Module):
    """The input where it is above threshold, value elsewhere.

    See `steep.nn.functional.threshold`.
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply `threshold` with the arguments it was made with."""
        return threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"threshold={self.threshold}, value={self.value}" + (
            ", inplace=True" if self.inplace else ""
        )
