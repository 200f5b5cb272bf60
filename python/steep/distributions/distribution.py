"""`Distribution`, the base of all: shapes, and what follows from the methods of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import steep
from steep._core import Size, Tensor
from steep.distributions import constraints
from steep.distributions._common import require
from steep.distributions.constraints import Constraint

__all__ = ["Distribution"]

_Self = TypeVar("_Self", bound="Distribution")
Shape = Sequence[int]


class Distribution:
    """A family of independent distributions, one for each place of `batch_shape`.

    Args:
        batch_shape: how many distributions there are.
        event_shape: the shape of one draw of one of them.
        validate_args: whether arguments and values are checked; ``None`` is the class's default,
            which `set_default_validate_args` changes. Default: ``True``.

    Attributes:
        has_rsample: whether draws carry gradients to the parameters (`rsample`).

    Example:
        >>> import steep
        >>> normal = steep.distributions.Normal(steep.zeros(3), steep.ones(3))
        >>> normal.batch_shape, normal.sample((2,)).shape
        (steep.Size([3]), steep.Size([2, 3]))
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: ClassVar[Mapping[str, Constraint]] = {}
    _validate = True

    def __init__(
        self,
        batch_shape: Shape = (),
        event_shape: Shape = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        self._validate_args = Distribution._validate if validate_args is None else validate_args
        if self._validate_args:
            for name, holds in self.arg_constraints.items():
                known = name in self.__dict__ or hasattr(type(self), name)
                if known and not constraints.is_dependent(holds):
                    self._check(name, getattr(self, name), holds)

    def _check(self, name: str, value: Tensor, holds: Constraint) -> None:
        text = f"{type(self).__name__}: expected parameter {name} {holds.says}"
        require(holds.check(value), value, text)

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether arguments are checked where nothing else is said."""
        if value not in (True, False):
            raise ValueError(f"expected True or False, got {value!r}")
        Distribution._validate = value

    @property
    def batch_shape(self) -> Size:
        """How many distributions there are."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of a draw of one of them."""
        return self._event_shape

    @property
    def support(self) -> Constraint | None:
        """Where draws lie."""
        raise NotImplementedError(f"{type(self).__name__} does not say where its draws lie")

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def mode(self) -> Tensor:
        """The likeliest value."""
        raise NotImplementedError(f"{type(self).__name__} has no mode")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def expand(self: _Self, batch_shape: Shape, _instance: Any = None) -> _Self:
        """The same distribution, repeated to a larger batch.

        Parameters (`arg_constraints`) become views of the shape, and so do distributions that this
        one is made of.
        """
        new = object.__new__(type(self)) if _instance is None else _instance
        vars(new).update(vars(self))
        for name, value in vars(self).items():
            if isinstance(value, Distribution):
                vars(new)[name] = value.expand(batch_shape)
            elif name in self.arg_constraints and isinstance(value, Tensor):
                cut = value.dim() - self.arg_constraints[name].event_dim
                vars(new)[name] = value.expand((*batch_shape, *value.shape[cut:]))
        new._batch_shape = Size(batch_shape)
        expanded: _Self = new
        return expanded

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws ``(*sample_shape, *batch_shape, *event_shape)`` that carry no gradient."""
        with steep.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws that carry gradients to the parameters (Kingma and Welling 2014)."""
        raise NotImplementedError(
            f"{type(self).__name__}: draws carry no gradients; use sample() and log_prob()"
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, at `value`."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of draws up to `value`."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """The value up to which draws lie with this probability."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values that there are, of a discrete distribution."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """``exp(entropy)``."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Shape = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _validate_sample(self, value: Tensor) -> None:
        """Refuse values of a shape that no draw has, and outside of where draws lie."""
        if not self._validate_args:
            return
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise ValueError(f"{name}.log_prob: expected a Tensor, got {type(value).__name__}")
        length = len(self._event_shape)
        event = tuple(value.shape[value.dim() - length :]) if length else ()
        if event != tuple(self._event_shape):
            raise ValueError(
                f"{name}.log_prob: expected values that end in the event shape "
                f"{tuple(self._event_shape)}, got shape {tuple(value.shape)}"
            )
        try:
            steep.broadcast_shapes(value.shape, self._extended_shape())
        except RuntimeError:
            raise ValueError(
                f"{name}.log_prob: expected values that broadcast with {len(self._batch_shape)} "
                f"batch dimensions {tuple(self._batch_shape)}, got shape {tuple(value.shape)}"
            ) from None
        require(
            self._supports(value),
            value,
            f"{name}.log_prob: expected values within the support (validate_args=False leaves them "
            "unchecked)",
        )

    def _supports(self, value: Tensor) -> Tensor:
        """Where values may lie: wherever they are numbers, if nothing else is said."""
        try:
            support = self.support
        except NotImplementedError:
            support = None
        if support is None or constraints.is_dependent(support):
            return value == value
        return support.check(value)

    def _parameters(self) -> dict[str, Tensor]:
        return {n: self.__dict__[n] for n in self.arg_constraints if n in self.__dict__}

    def __repr__(self) -> str:
        shown = (
            f"{name}: {value if value.numel() == 1 else value.shape}"
            for name, value in self._parameters().items()
        )
        return f"{type(self).__name__}({', '.join(shown)})"
