"""From numbers to a region: `biject_to` and `transform_to` give a map for a `Constraint`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep.distributions import constraints
from steep.distributions.constraints import Constraint
from steep.distributions.correlations import CorrCholeskyTransform
from steep.distributions.joined import CatTransform, StackTransform
from steep.distributions.maps import (
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    SigmoidTransform,
    Transform,
)
from steep.distributions.regions import (
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    SoftmaxTransform,
    StickBreakingTransform,
    identity_transform,
)

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]

_Factory = Callable[[Any], Transform]


class ConstraintRegistry:
    """Maps of numbers onto regions, by the region's class.

    Example:
        >>> import steep
        >>> d = steep.distributions
        >>> onto = d.transform_to(d.Normal.arg_constraints["scale"])
        >>> onto(steep.tensor([-1.0, 0.0]))
        tensor([0.3679, 1.0000])
    """

    def __init__(self) -> None:
        self._registry: dict[type, _Factory] = {}

    def register(self, constraint: Constraint | type, factory: _Factory | None = None) -> Any:
        """Enter a function that makes the map of a region; without it, a decorator for one.

        Raises:
            TypeError: for what is no constraint.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = type(constraint) if isinstance(constraint, Constraint) else constraint
        if not isinstance(kind, type) or not issubclass(kind, Constraint):
            raise TypeError(
                "Expected constraint to be either a Constraint subclass or instance, but got "
                f"{constraint}"
            )
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Constraint) -> Transform:
        """The map.

        Raises:
            NotImplementedError: for a region that no map is known of.
        """
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(
                f"Cannot transform {type(constraint).__name__} constraints; enter a map with "
                "register()"
            )
        return factory(constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _above(constraint: Any) -> Transform:
    if isinstance(constraint.lower_bound, int | float) and constraint.lower_bound == 0:
        return ExpTransform()
    return ComposeTransform([ExpTransform(), AffineTransform(constraint.lower_bound, 1)])


def _between(constraint: Any) -> Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    plain = isinstance(low, int | float) and isinstance(high, int | float)
    if plain and (low, high) == (0, 1):
        return SigmoidTransform()
    return ComposeTransform([SigmoidTransform(), AffineTransform(low, high - low)])


def _enter_regions() -> None:
    for registry in (biject_to, transform_to):
        registry.register(constraints.real, lambda _: identity_transform)
        for above in (constraints.greater_than, constraints.greater_than_eq):
            registry.register(above, _above)
        for between in (constraints.interval, constraints.half_open_interval):
            registry.register(between, _between)
        registry.register(
            constraints.less_than,
            lambda c: ComposeTransform([ExpTransform(), AffineTransform(c.upper_bound, -1)]),
        )
        registry.register(constraints.lower_cholesky, lambda _: LowerCholeskyTransform())
        registry.register(constraints.corr_cholesky, lambda _: CorrCholeskyTransform())
        for definite in (constraints.positive_definite, constraints.positive_semidefinite):
            registry.register(definite, lambda _: PositiveDefiniteTransform())

        def of_events(c: Any, registry: ConstraintRegistry = registry) -> Transform:
            return IndependentTransform(registry(c.base_constraint), c.reinterpreted_batch_ndims)

        def of_joined(c: Any, registry: ConstraintRegistry = registry) -> Transform:
            return CatTransform([registry(part) for part in c.cseq], c.dim, c.lengths)

        def of_stacked(c: Any, registry: ConstraintRegistry = registry) -> Transform:
            return StackTransform([registry(part) for part in c.cseq], c.dim)

        registry.register(constraints.independent, of_events)
        registry.register(constraints.cat, of_joined)
        registry.register(constraints.stack, of_stacked)
    biject_to.register(constraints.simplex, lambda _: StickBreakingTransform())
    transform_to.register(constraints.simplex, lambda _: SoftmaxTransform())


_enter_regions()
