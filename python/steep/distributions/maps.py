"""Maps of draws that have an inverse, and by how much they stretch."""

from __future__ import annotations

import copy
import math
import weakref
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

    A map of one's own is a subclass with `_call`, `_inverse` and `log_abs_det_jacobian`.

    Args:
        cache_size: 1 keeps the last value and its origin, so that the inverse of that very tensor
            is its origin: what was rounded away, such as in tanh(20), is not lost on the way
            back. Default: 0.

    Attributes:
        sign: 1 where it rises, -1 where it falls.
        domain: what it is applied to.
        codomain: where its values lie.

    Raises:
        ValueError: for another `cache_size`.

    Example:
        >>> import steep
        >>> tanh = steep.distributions.TanhTransform(cache_size=1)
        >>> x = steep.tensor(20.0)
        >>> tanh.inv(tanh(x)) is x, tanh.inv(steep.tensor(1.0))
        (True, tensor(inf))
    """

    bijective = True
    sign: Any = 1
    domain: Constraint = constraints.real
    codomain: Constraint = constraints.real
    _event_dim: int | None = None
    _inv: Transform | None = None
    _cache_size = 0
    _cached: tuple[list[Tensor], weakref.ref[Tensor]] | None = None

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ValueError(f"cache_size must be 0 or 1, got {cache_size!r}")
        self._cache_size = cache_size

    @property
    def event_dim(self) -> int:
        """How many of the last dimensions are one event."""
        if self._event_dim is not None:
            return self._event_dim
        return max(self.domain.event_dim, self.codomain.event_dim)

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map, with or without a cache."""
        if self._cache_size == cache_size:
            return self
        new = copy.copy(self)
        Transform.__init__(new, cache_size)
        new._inv = new._cached = None
        return new

    def __call__(self, x: Tensor) -> Tensor:
        """The map's value."""
        if self._cache_size == 0:
            return self._call(x)
        known, value = self._pair()
        if value is None or known is not x:
            value = self._call(x)
            self._keep(x, value)
        return value

    def _undo(self, y: Tensor) -> Tensor:
        """The origin of `y`."""
        if self._cache_size == 0:
            return self._inverse(y)
        x, known = self._pair()
        if x is None or known is not y:
            x = self._inverse(y)
            self._keep(x, y)
        return x

    def _keep(self, x: Tensor, y: Tensor) -> None:
        """Hold the pair for as long as others hold the value: a recorded call leaves nothing."""
        origin = [x]
        self._cached = origin, weakref.ref(y, lambda _: origin.clear())

    def _pair(self) -> tuple[Tensor | None, Tensor | None]:
        if self._cached is None:
            return None, None
        origin, value = self._cached
        return origin[0] if origin else None, value()

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles have: all but the last pair."""
        return {k: v for k, v in vars(self).items() if k not in ("_inv", "_cached")}

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """``log |dy/dx|`` at each element."""
        raise NotImplementedError

    @property
    def inv(self) -> Transform:
        """The inverse."""
        if self._inv is None:
            self._inv = _Inverse(self)
        return self._inv

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        """The shape of what values of this shape are mapped to."""
        return shape

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        """The shape of what is mapped to values of this shape."""
        return self.forward_shape(shape)

    def __eq__(self, other: object) -> bool:
        """Whether the other is a map of the same kind with the same settings."""
        if not isinstance(other, Transform) or type(self) is not type(other):
            return False
        mine, others = self._settings(), other._settings()
        same = self.event_dim == other.event_dim and mine.keys() == others.keys()
        return same and all(_same(value, others[name]) for name, value in mine.items())

    def __hash__(self) -> int:
        return hash(type(self))

    def _settings(self) -> dict[str, Any]:
        left_out = ("_inv", "_cached", "_cache_size", "sign", "domain", "codomain", "_event_dim")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _same(one: Any, other: Any) -> bool:
    """Whether two settings are equal, tensors among them."""
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        both = steep.as_tensor(one), steep.as_tensor(other)
        return both[0].shape == both[1].shape and bool((both[0] == both[1]).all())
    return bool(one == other)


def summed(x: Tensor, dims: int) -> Tensor:
    """Sums over the last `dims` dimensions."""
    return x.sum(tuple(range(-dims, 0))) if dims else x


class _Inverse(Transform):
    """The inverse of another, whose cache it shares."""

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self._of = transform
        self.sign, self.bijective = transform.sign, transform.bijective
        self.domain, self.codomain = transform.codomain, transform.domain
        self._event_dim = transform._event_dim

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self._of.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self._of.forward_shape(shape)

    @property
    def inv(self) -> Transform:
        return self._of

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self._of.with_cache(cache_size).inv

    def __call__(self, x: Tensor) -> Tensor:
        return self._of._undo(x)

    def _undo(self, y: Tensor) -> Tensor:
        return self._of(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._of.log_abs_det_jacobian(y, x)


class ComposeTransform(Transform):
    """Several maps, one after the other.

    Args:
        parts: the maps, in the order in which they are applied.
        cache_size: as for `Transform`; 1 gives each part a cache. Default: 0.
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = [part.with_cache(cache_size) if cache_size else part for part in parts]
        self.sign = math.prod(part.sign for part in self.parts)
        self.bijective = all(part.bijective for part in self.parts)
        if self.parts:
            before, after = self._event_dims()
            self.domain = _of_events(self.parts[0].domain, before)
            self.codomain = _of_events(self.parts[-1].codomain, after)

    def _event_dims(self) -> tuple[int, int]:
        """How many dimensions are one event before the parts, and after them: some add to them."""
        before = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            start, end = part.domain.event_dim, part.codomain.event_dim
            before = max(before + start - end, start)
        after = self.parts[0].domain.event_dim
        for part in self.parts:
            start, end = part.domain.event_dim, part.codomain.event_dim
            after = max(after + end - start, end)
        return before, after

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return ComposeTransform([part.with_cache(cache_size) for part in self.parts], cache_size)

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
        dims = self.domain.event_dim
        total = summed(steep.zeros_like(x), dims)
        for part in self.parts:
            onward = part(x)
            found = part.log_abs_det_jacobian(x, onward)
            total = total + summed(found, dims - part.domain.event_dim)
            dims += part.codomain.event_dim - part.domain.event_dim
            x = onward
        return total


def _of_events(region: Constraint, dims: int) -> Constraint:
    """The region of events of at least `dims` dimensions."""
    further = dims - region.event_dim
    return constraints.independent(region, further) if further > 0 else region


class ExpTransform(Transform):
    """``y = exp(x)``."""

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class AffineTransform(Transform):
    """``y = loc + scale x``.

    Args:
        loc: a tensor or a number.
        scale: a tensor or a number that is not 0.
        event_dim: how many of the last dimensions are one event. Default: 0.
        cache_size: as for `Transform`. Default: 0.
    """

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale = loc, scale
        self.domain = self.codomain = _of_events(constraints.real, event_dim)
        self.sign = scale.sign() if isinstance(scale, Tensor) else (1 if scale > 0 else -1)

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        given = (x.shape for x in (self.loc, self.scale) if isinstance(x, Tensor))
        return steep.broadcast_shapes(shape, *given)

    def _call(self, x: Tensor) -> Tensor:
        found: Tensor = self.loc + self.scale * x
        return found

    def _inverse(self, y: Tensor) -> Tensor:
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

    def _call(self, x: Tensor) -> Tensor:
        small = steep.finfo(x.dtype)
        return steep.sigmoid(x).clamp(small.tiny, 1 - small.eps)

    def _inverse(self, y: Tensor) -> Tensor:
        small = steep.finfo(y.dtype)
        y = y.clamp(small.tiny, 1 - small.eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        softplus = steep.nn.functional.softplus
        return -softplus(-x) - softplus(x)


class SoftplusTransform(Transform):
    """``y = log(1 + exp(x))``."""

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return steep.nn.functional.softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -steep.nn.functional.softplus(-x)


class TanhTransform(Transform):
    """``y = tanh(x)``."""

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # log(1 - tanh(x)**2), without the cancellation.
        return 2.0 * (math.log(2.0) - x - steep.nn.functional.softplus(-2.0 * x))
