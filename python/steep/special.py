"""Special functions, under the names of ``torch.special``.

Every function is elementwise, takes tensors of any shape, promotes integers to the default dtype,
and has gradients, but for the ones that its docstring says. Many are operations of `steep` under
another name: ``special.gammaln`` is `steep.lgamma`.

Example:
    >>> import steep
    >>> steep.special.gammaln(steep.tensor([3.0, 4.0])).exp()
    tensor([2., 6.])
"""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import (
    Tensor,
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    i0,
    igamma,
    igammac,
    lgamma,
    log1p,
    logit,
    logsumexp,
    mvlgamma,
    polygamma,
    round,
    sigmoid,
    sinc,
    special_erfcx,
    special_i0e,
    special_i1,
    special_i1e,
    special_log_ndtr,
    special_ndtri,
    special_zeta,
    xlogy,
)
from steep._out import takes_out

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
    "zeta",
]

erfcx = special_erfcx
expit = sigmoid
gammainc = igamma
gammaincc = igammac
gammaln = lgamma
i0e = special_i0e
i1 = special_i1
i1e = special_i1e
log_ndtr = special_log_ndtr
multigammaln = mvlgamma
ndtri = special_ndtri
psi = digamma
zeta = special_zeta


def _floating(x: Tensor) -> Tensor:
    return x if x.is_floating_point() else x.to(steep.get_default_dtype())


@takes_out
def entr(input: Tensor) -> Tensor:
    """``-x log(x)``: 0 at 0, minus infinity below.

    Shape: any, kept.

    Example:
        >>> import steep
        >>> steep.special.entr(steep.tensor([0.0, 0.5, -1.0]))
        tensor([0.0000, 0.3466,   -inf])
    """
    x = _floating(input)
    return steep.xlogy(-x, x).masked_fill(x < 0, -math.inf)


@takes_out
def ndtr(input: Tensor) -> Tensor:
    """The probability of normal draws up to `input`: ``erfc(-x / sqrt(2)) / 2``.

    Shape: any, kept.

    Example:
        >>> import steep
        >>> steep.special.ndtr(steep.tensor([0.0, 1.96]))
        tensor([0.5000, 0.9750])
    """
    return steep.erfc(_floating(input) * -math.sqrt(0.5)) / 2


@takes_out
def xlog1py(input: Tensor | float, other: Tensor | float) -> Tensor:
    """``x log(1 + y)``, and 0 where x is 0 and y is a number.

    Args:
        input: x, a tensor or a number.
        other: y, a tensor or a number; one of both is a tensor.

    Shapes broadcast.

    Example:
        >>> import steep
        >>> steep.special.xlog1py(steep.tensor([0.0, 2.0]), steep.tensor([-1.0, 1e-20]))
        tensor([0.0000e+00, 2.0000e-20])
    """
    if isinstance(input, Tensor):
        x, y = input, other if isinstance(other, Tensor) else input.new_tensor(other)
    elif isinstance(other, Tensor):
        x, y = other.new_tensor(input), other
    else:
        raise TypeError(f"xlog1py: expected a tensor among both, got {input!r} and {other!r}")
    none = (x == 0) & (y == y)
    # A number in place of y keeps slopes finite where the product is 0.
    found = x * _floating(y).masked_fill(none & (y <= -1), 0.0).log1p()
    return found.masked_fill(none & (y <= -1), 0.0)


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """`steep.softmax`.

    Example:
        >>> import steep
        >>> steep.special.softmax(steep.zeros(2), 0)
        tensor([0.5000, 0.5000])
    """
    return steep.softmax(input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """`steep.log_softmax`.

    Example:
        >>> import steep
        >>> steep.special.log_softmax(steep.zeros(2), 0)
        tensor([-0.6931, -0.6931])
    """
    return steep.log_softmax(input, dim, dtype=dtype)
