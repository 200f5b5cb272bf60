"""What parameters and values must be: `Constraint.check` says where a tensor holds to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from steep._core import Tensor

__all__ = [
    "Constraint",
    "boolean",
    "cat",
    "corr_cholesky",
    "dependent",
    "dependent_property",
    "greater_than",
    "greater_than_eq",
    "half_open_interval",
    "independent",
    "integer_interval",
    "interval",
    "is_dependent",
    "less_than",
    "lower_cholesky",
    "lower_triangular",
    "multinomial",
    "nonnegative",
    "nonnegative_integer",
    "one_hot",
    "positive",
    "positive_definite",
    "positive_integer",
    "positive_semidefinite",
    "real",
    "real_vector",
    "simplex",
    "square",
    "stack",
    "symmetric",
    "unit_interval",
]


class Constraint:
    """A region of values.

    Attributes:
        event_dim: how many of the last dimensions are checked as one. Default: 0.
        is_discrete: whether it is a set of whole numbers.
        says: what it asks for, in an error: "expected parameter scale to be above 0".

    Example:
        >>> import steep
        >>> steep.distributions.constraints.positive.check(steep.tensor([1.0, -1.0]))
        tensor([ True, False])
    """

    event_dim = 0
    is_discrete = False
    says = "to lie in its region"

    def check(self, value: Tensor) -> Tensor:
        """Where the value lies in it: bools without the last `event_dim` dimensions."""
        raise NotImplementedError

    def __repr__(self) -> str:
        bounds = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__.lstrip('_')}({bounds})"


class _Dependent(Constraint):
    """A region that depends on other values, and is not checked."""

    def __init__(self, is_discrete: bool = False, event_dim: int = 0) -> None:
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, *, is_discrete: bool = False, event_dim: int = 0) -> _Dependent:
        return _Dependent(is_discrete, event_dim)

    def check(self, value: Tensor) -> Tensor:
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint: object) -> bool:
    """Whether it is a region that depends on other values, unknown as yet."""
    return isinstance(constraint, _Dependent)


class dependent_property(property, _Dependent):  # noqa: N801  # PyTorch's name
    """A property of a distribution that is a region; in the class, it depends on the object."""

    def __init__(
        self, fn: Callable[..., Any] | None = None, *, is_discrete: bool = False, event_dim: int = 0
    ) -> None:
        super().__init__(fn)
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, fn: Callable[..., Any]) -> dependent_property:  # type: ignore[override]
        return dependent_property(fn, is_discrete=self.is_discrete, event_dim=self.event_dim)


class _Independent(Constraint):
    """A region whose last dimensions are taken as one."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims
        self.says = base_constraint.says

    def check(self, value: Tensor) -> Tensor:
        found = self.base_constraint.check(value)
        for _ in range(self.reinterpreted_batch_ndims):
            found = found.all(-1)
        return found


class _Boolean(Constraint):
    is_discrete = True
    says = "to be 0 or 1"

    def check(self, value: Tensor) -> Tensor:
        return (value == 0) | (value == 1)


class _OneHot(Constraint):
    is_discrete, event_dim = True, 1
    says = "to be vectors of one 1 and zeros"

    def check(self, value: Tensor) -> Tensor:
        return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


class greater_than(Constraint):  # noqa: N801
    """Above a bound."""

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound

    @property
    def says(self) -> str:  # type: ignore[override]
        return f"to be above {self.lower_bound:g}" if _plain(self.lower_bound) else "to be above it"

    def check(self, value: Tensor) -> Tensor:
        found: Tensor = value > self.lower_bound
        return found


class greater_than_eq(greater_than):  # noqa: N801
    """At a bound or above."""

    @property
    def says(self) -> str:  # type: ignore[override]
        bound = self.lower_bound
        return f"to be {bound:g} or above" if _plain(bound) else "to be at its bound or above"

    def check(self, value: Tensor) -> Tensor:
        found: Tensor = value >= self.lower_bound
        return found


class less_than(Constraint):  # noqa: N801
    """Below a bound."""

    says = "to be below its bound"

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        found: Tensor = value < self.upper_bound
        return found


class interval(Constraint):  # noqa: N801
    """Between two bounds, them included."""

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    @property
    def says(self) -> str:  # type: ignore[override]
        low, high = self.lower_bound, self.upper_bound
        plain = _plain(low) and _plain(high)
        return f"to lie between {low:g} and {high:g}" if plain else "to lie between its bounds"

    def check(self, value: Tensor) -> Tensor:
        found: Tensor = (value >= self.lower_bound) & (value <= self.upper_bound)
        return found


class half_open_interval(interval):  # noqa: N801
    """From a bound up to, not including, another."""

    def check(self, value: Tensor) -> Tensor:
        found: Tensor = (value >= self.lower_bound) & (value < self.upper_bound)
        return found


class integer_interval(interval):  # noqa: N801
    """Whole numbers between two bounds, them included."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return super().check(value) & (value % 1 == 0)


class _IntegerFrom(greater_than_eq):
    is_discrete = True

    @property
    def says(self) -> str:  # type: ignore[override]
        return f"to be whole numbers from {self.lower_bound}"

    def check(self, value: Tensor) -> Tensor:
        return super().check(value) & (value % 1 == 0)


class _Real(Constraint):
    says = "to be numbers"

    def check(self, value: Tensor) -> Tensor:
        return value == value


class _Simplex(Constraint):
    event_dim = 1
    says = "to be probabilities that add up to 1 along the last dimension"

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _Multinomial(Constraint):
    is_discrete, event_dim = True, 1
    says = "to be counts"

    def __init__(self, upper_bound: int) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)


class _Square(Constraint):
    event_dim = 2
    says = "to be square matrices"

    def check(self, value: Tensor) -> Tensor:
        found = value.new_ones(value.shape[:-2]).bool()
        return found if value.shape[-1] == value.shape[-2] else ~found


class _LowerTriangular(_Square):
    says = "to be lower triangular matrices"

    def check(self, value: Tensor) -> Tensor:
        return super().check(value) & (value.tril() == value).all(-1).all(-1)


class _LowerCholesky(_LowerTriangular):
    says = "to be lower triangular matrices with a diagonal above 0"

    def check(self, value: Tensor) -> Tensor:
        return super().check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _Symmetric(_Square):
    says = "to be symmetric matrices"

    def check(self, value: Tensor) -> Tensor:
        square = super().check(value)
        if value.shape[-1] != value.shape[-2]:
            return square
        return square & ((value - value.mT).abs() <= 1e-6 + 1e-5 * value.abs()).all(-1).all(-1)


class _PositiveDefinite(_Symmetric):
    says = "to be positive definite matrices"

    def check(self, value: Tensor) -> Tensor:
        found = super().check(value)
        if value.shape[-1] != value.shape[-2]:
            return found
        from steep import eye, linalg, where

        # Matrices that are not symmetric, and NaN, may have no eigenvalues.
        unit = eye(value.shape[-1], dtype=value.dtype)
        safe = where(found[..., None, None], value.detach(), unit)
        return found & self._holds(linalg.eigvalsh(safe)[..., 0])

    def _holds(self, least: Tensor) -> Tensor:
        return least > 0


class _PositiveSemidefinite(_PositiveDefinite):
    says = "to be positive semidefinite matrices"

    def _holds(self, least: Tensor) -> Tensor:
        return least >= 0


class _CorrelationFactor(_LowerCholesky):
    says = "to be lower triangular matrices with a diagonal above 0 and rows of length 1"

    def check(self, value: Tensor) -> Tensor:
        from steep import finfo

        rounding = 10 * finfo(value.dtype).eps * value.shape[-1]
        lengths = value.detach().norm(dim=-1)
        return super().check(value) & ((lengths - 1).abs() <= rounding).all(-1)


class _Parts(Constraint):
    """Regions of parts along a dimension."""

    says = "to lie in the regions of its parts"

    def __init__(self, cseq: Sequence[Constraint], dim: int) -> None:
        if not all(isinstance(region, Constraint) for region in cseq):
            raise ValueError(f"expected a list of constraints, got {cseq}")
        self.cseq, self.dim = list(cseq), dim
        self.is_discrete = any(region.is_discrete for region in self.cseq)
        self.event_dim = max((region.event_dim for region in self.cseq), default=0)


class _Cat(_Parts):
    """Parts that are joined as by `steep.cat`, each of a region of its own."""

    def __init__(
        self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None
    ) -> None:
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise ValueError(f"expected {len(self.cseq)} lengths, got {self.lengths}")

    def check(self, value: Tensor) -> Tensor:
        from steep import cat

        parts = zip(self.cseq, value.split(self.lengths, self.dim), strict=True)
        return cat([region.check(part) for region, part in parts], self.dim)


class _Stack(_Parts):
    """Parts that are joined as by `steep.stack`, each of a region of its own."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        super().__init__(cseq, dim)

    def check(self, value: Tensor) -> Tensor:
        from steep import stack

        parts = zip(self.cseq, value.unbind(self.dim), strict=True)
        return stack([region.check(part) for region, part in parts], self.dim)


def _plain(bound: object) -> bool:
    return isinstance(bound, int | float)


boolean = _Boolean()
cat = _Cat
corr_cholesky = _CorrelationFactor()
dependent = _Dependent()
independent = _Independent
lower_cholesky = _LowerCholesky()
lower_triangular = _LowerTriangular()
multinomial = _Multinomial
nonnegative = greater_than_eq(0.0)
nonnegative_integer = _IntegerFrom(0)
one_hot = _OneHot()
positive = greater_than(0.0)
positive_definite = _PositiveDefinite()
positive_integer = _IntegerFrom(1)
positive_semidefinite = _PositiveSemidefinite()
real = _Real()
real_vector = independent(real, 1)
real_vector.says = "to be vectors of numbers"
simplex = _Simplex()
square = _Square()
stack = _Stack
symmetric = _Symmetric()
unit_interval = interval(0.0, 1.0)
