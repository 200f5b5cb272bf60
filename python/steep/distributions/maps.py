"""Maps of draws that have an inverse, and by how much they stretch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions.constraints import Constraint

__all__ = [
    "AffineTransform",
    "ComposeTransform",
    "ExpTransform",
    "SigmoidTransform",
    "SoftplusTransform",
    "TanhTransform",
    "Transform",
]


class Transform:
    """A map with an inverse; applied to each element by itself.

    Attributes:
        sign: 1 where it rises, -1 where it falls.
        domain: what it is applied to.
        codomain: where its values lie.

    Example:
        >>> import steep
        >>> tanh = steep.distributions.TanhTransform()
        >>> y = tanh(steep.tensor(0.5))
        >>> steep.allclose(tanh.inv(y), steep.tensor(0.5))
        True
    """

    bijective = True
    sign: Any = 1
    domain: Constraint = constraints.real
    codomain: Constraint = constraints.real

    event_dim = 0  # how many of the last dimensions are one event

    def __init__(self, cache_size: int = 0) -> None:
        self._inverse: Transform | None = None

    def __call__(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _undo(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """``log |dy/dx|`` at each element."""
        raise NotImplementedError

    @property
    def inv(self) -> Transform:
        """The inverse."""
        if self._inverse is None:
            self._inverse = _Inverse(self)
        return self._inverse

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        """The shape of what values of this shape are mapped to."""
        return shape

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        """The shape of what is mapped to values of this shape."""
        return self.forward_shape(shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def summed(x: Tensor, dims: int) -> Tensor:
    """Sums over the last `dims` dimensions."""
    return x.sum(tuple(range(-dims, 0))) if dims else x


class _Inverse(Transform):
    """The inverse of another."""

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self._inverse = transform
        self.sign, self.event_dim = transform.sign, transform.event_dim

        self.domain, self.codomain = transform.codomain, transform.domain

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self.inv.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self.inv.forward_shape(shape)

    def __call__(self, x: Tensor) -> Tensor:
        return self.inv._undo(x)

    def _undo(self, y: Tensor) -> Tensor:
        return self.inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self.inv.log_abs_det_jacobian(y, x)


class ComposeTransform(Transform):
    """Several maps, one after the other."""

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__()
        self.parts = list(parts)
        self.sign = math.prod(part.sign for part in self.parts)
        self.event_dim = max((part.event_dim for part in self.parts), default=0)
        if self.parts:
            self.domain, self.codomain = self.parts[0].domain, self.parts[-1].codomain
        self.bijective = all(part.bijective for part in self.parts)

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __call__(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _undo(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part._undo(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        total = summed(steep.zeros_like(x), self.event_dim)
        for part in self.parts:
            onward = part(x)
            found = part.log_abs_det_jacobian(x, onward)
            total = total + summed(found, self.event_dim - part.event_dim)
            x = onward
        return total


class ExpTransform(Transform):
    """``y = exp(x)``."""

    codomain = constraints.positive

    def __call__(self, x: Tensor) -> Tensor:
        return x.exp()

    def _undo(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class AffineTransform(Transform):
    """``y = loc + scale x``.

    Args:
        loc: a tensor or a number.
        scale: a tensor or a number that is not 0.
        event_dim: how many of the last dimensions are one event. Default: 0.
    """

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__()
        self.loc, self.scale, self.event_dim = loc, scale, event_dim
        self.sign = scale.sign() if isinstance(scale, Tensor) else (1 if scale > 0 else -1)

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        given = (x.shape for x in (self.loc, self.scale) if isinstance(x, Tensor))
        return steep.broadcast_shapes(shape, *given)

    def __call__(self, x: Tensor) -> Tensor:
        found: Tensor = self.loc + self.scale * x
        return found

    def _undo(self, y: Tensor) -> Tensor:
        found: Tensor = (y - self.loc) / self.scale
        return found

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        scale = self.scale
        stretch = scale.abs().log() if isinstance(scale, Tensor) else math.log(abs(scale))
        found = steep.zeros_like(y) + stretch
        return found.flatten(-self.event_dim).sum(-1) if self.event_dim else found


class SigmoidTransform(Transform):
    """``y = 1 / (1 + exp(-x))``."""

    codomain = constraints.unit_interval

    def __call__(self, x: Tensor) -> Tensor:
        small = steep.finfo(x.dtype)
        return steep.sigmoid(x).clamp(small.tiny, 1 - small.eps)

    def _undo(self, y: Tensor) -> Tensor:
        small = steep.finfo(y.dtype)
        y = y.clamp(small.tiny, 1 - small.eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        softplus = steep.nn.functional.softplus
        return -softplus(-x) - softplus(x)


class SoftplusTransform(Transform):
    """``y = log(1 + exp(x))``."""

    codomain = constraints.positive

    def __call__(self, x: Tensor) -> Tensor:
        return steep.nn.functional.softplus(x)

    def _undo(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -steep.nn.functional.softplus(-x)


class TanhTransform(Transform):
    """``y = tanh(x)``."""

    codomain = constraints.interval(-1.0, 1.0)

    def __call__(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _undo(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # log(1 - tanh(x)**2), without the cancellation.
        return 2.0 * (math.log(2.0) - x - steep.nn.functional.softplus(-2.0 * x))
