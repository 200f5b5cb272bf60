"""Maps of parts of a value, of another shape, and by a distribution's probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import steep
from steep._core import Size, Tensor
from steep.distributions import constraints
from steep.distributions.constraints import Constraint
from steep.distributions.distribution import Distribution
from steep.distributions.maps import Transform, summed

__all__ = [
    "CatTransform",
    "CumulativeDistributionTransform",
    "ReshapeTransform",
    "StackTransform",
]


def _checked(name: str, transforms: Sequence[Transform], cache_size: int) -> list[Transform]:
    given = list(transforms)
    if not given or not all(isinstance(transform, Transform) for transform in given):
        raise ValueError(f"{name}: expected a list of Transform, got {transforms}")
    return [part.with_cache(cache_size) for part in given] if cache_size else given


class _Parts(Transform):
    """Each map for its own part along a dimension."""

    transforms: list[Transform]
    dim: int

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether each part is."""
        return all(part.bijective for part in self.transforms)

    def _split(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def _join(self, parts: list[Tensor]) -> Tensor:
        raise NotImplementedError

    def _each(self, x: Tensor, apply: Callable[[Transform, Tensor], Tensor]) -> Tensor:
        pairs = zip(self.transforms, self._split(x), strict=True)
        return self._join([apply(part, values) for part, values in pairs])

    def _call(self, x: Tensor) -> Tensor:
        return self._each(x, lambda part, values: part(values))

    def _inverse(self, y: Tensor) -> Tensor:
        return self._each(y, lambda part, values: part._undo(values))

    def _stretches(self, x: Tensor, y: Tensor) -> list[Tensor]:
        given = zip(self.transforms, self._split(x), self._split(y), strict=True)
        found = [(part, part.log_abs_det_jacobian(a, b)) for part, a, b in given]
        return [summed(stretch, self.event_dim - part.event_dim) for part, stretch in found]

    def _require(self, name: str, x: Tensor, length: int) -> None:
        if not -x.dim() <= self.dim < x.dim() or x.shape[self.dim] != length:
            raise ValueError(
                f"{name}: expected {length} along dimension {self.dim}, got shape {tuple(x.shape)}"
            )


class CatTransform(_Parts):
    """Maps of parts that are joined as by `steep.cat`.

    Args:
        tseq: the maps.
        dim: along which dimension of a value they follow each other. Default: 0.
        lengths: the sizes of the parts along it. Default: 1 each.
        cache_size: as for `Transform`; 1 gives each part a cache. Default: 0.

    Raises:
        ValueError: for what are no maps, another number of lengths, and values of another size.

    Example:
        >>> import steep
        >>> d = steep.distributions
        >>> both = d.CatTransform([d.ExpTransform(), d.AffineTransform(0.0, 10.0)], lengths=[1, 2])
        >>> both(steep.tensor([0.0, 1.0, 2.0]))
        tensor([ 1., 10., 20.])
    """

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:
        super().__init__(cache_size)
        self.transforms = _checked("CatTransform", tseq, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise ValueError(
                f"CatTransform: expected {len(self.transforms)} lengths, got {self.lengths}"
            )
        self.dim = dim
        self._event_dim = max(part.event_dim for part in self.transforms)
        regions = [[p.domain, p.codomain] for p in self.transforms]
        self.domain, self.codomain = (
            constraints.cat([pair[end] for pair in regions], dim, self.lengths) for end in (0, 1)
        )

    @property
    def length(self) -> int:
        """The size of a value along the dimension."""
        return sum(self.lengths)

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        parts = [part.with_cache(cache_size) for part in self.transforms]
        return CatTransform(parts, self.dim, self.lengths, cache_size)

    def _split(self, x: Tensor) -> list[Tensor]:
        self._require("CatTransform", x, self.length)
        return list(x.split(self.lengths, self.dim))

    def _join(self, parts: list[Tensor]) -> Tensor:
        return steep.cat(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        stretches = self._stretches(x, y)
        dim = self.dim if self.dim < 0 else self.dim - x.dim()
        dim += self.event_dim
        return steep.cat(stretches, dim) if dim < 0 else _total(stretches)


class StackTransform(_Parts):
    """Maps of parts that are joined as by `steep.stack`.

    Args:
        tseq: the maps.
        dim: along which dimension of a value they lie. Default: 0.
        cache_size: as for `Transform`; 1 gives each part a cache. Default: 0.

    Raises:
        ValueError: for what are no maps, and values of another size.

    Example:
        >>> import steep
        >>> d = steep.distributions
        >>> both = d.StackTransform([d.ExpTransform(), d.identity_transform], dim=1)
        >>> both(steep.zeros(2, 2))
        tensor([[1., 0.],
                [1., 0.]])
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.transforms, self.dim = _checked("StackTransform", tseq, cache_size), dim
        self._event_dim = max(part.event_dim for part in self.transforms)
        self.domain = constraints.stack([part.domain for part in self.transforms], dim)
        self.codomain = constraints.stack([part.codomain for part in self.transforms], dim)

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        parts = [part.with_cache(cache_size) for part in self.transforms]
        return StackTransform(parts, self.dim, cache_size)

    def _split(self, x: Tensor) -> list[Tensor]:
        self._require("StackTransform", x, len(self.transforms))
        return list(x.unbind(self.dim))

    def _join(self, parts: list[Tensor]) -> Tensor:
        return steep.stack(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        dim = self.dim if self.dim < 0 else self.dim - x.dim()
        dim += self.event_dim
        stretches = self._stretches(x, y)
        return steep.stack(stretches, dim) if dim < 0 else _total(stretches)


def _total(stretches: list[Tensor]) -> Tensor:
    found = stretches[0]
    for stretch in stretches[1:]:
        found = found + stretch
    return found


class ReshapeTransform(Transform):
    """The same elements in another shape, of the last dimensions.

    Args:
        in_shape: the shape of the dimensions that are reshaped.
        out_shape: the shape that they get.
        cache_size: as for `Transform`. Default: 0.

    Raises:
        ValueError: for shapes of different numbers of elements, and values of another shape.

    Example:
        >>> import steep
        >>> matrix = steep.distributions.ReshapeTransform((4,), (2, 2))
        >>> matrix(steep.zeros(3, 4)).shape, matrix.inv(steep.zeros(3, 2, 2)).shape
        (steep.Size([3, 2, 2]), steep.Size([3, 4]))
    """

    def __init__(
        self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0
    ) -> None:
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if math.prod(self.in_shape) != math.prod(self.out_shape):
            raise ValueError(
                f"in_shape, out_shape have different numbers of elements: {tuple(in_shape)}, "
                f"{tuple(out_shape)}"
            )
        super().__init__(cache_size)
        self.domain = constraints.independent(constraints.real, len(self.in_shape))
        self.codomain = constraints.independent(constraints.real, len(self.out_shape))

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self._changed(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self._changed(shape, self.out_shape, self.in_shape)

    def _changed(self, shape: Sequence[int], old: Size, new: Size) -> tuple[int, ...]:
        cut = len(shape) - len(old)
        if cut < 0 or tuple(shape[cut:]) != tuple(old):
            raise ValueError(
                f"ReshapeTransform: expected a shape that ends in {tuple(old)}, got {tuple(shape)}"
            )
        return (*shape[:cut], *new)

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(self.forward_shape(x.shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(self.inverse_shape(y.shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.dim() - len(self.in_shape)])


class CumulativeDistributionTransform(Transform):
    """A distribution's probabilities of draws up to a value: the probability integral transform.

    Args:
        distribution: of numbers, with `cdf`, `icdf` and `log_prob`.
        cache_size: as for `Transform`. Default: 0.

    Example:
        >>> import steep
        >>> d = steep.distributions
        >>> d.CumulativeDistributionTransform(d.Normal(0.0, 1.0))(steep.tensor([0.0]))
        tensor([0.5000])
    """

    codomain = constraints.unit_interval

    def __init__(self, distribution: Distribution, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Constraint | None:  # type: ignore[override]
        """Where the distribution's draws lie."""
        return self.distribution.support

    @property
    def event_dim(self) -> int:
        """0."""
        return 0

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)
