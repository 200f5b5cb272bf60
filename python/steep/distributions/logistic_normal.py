"""`LogisticNormal`."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions.normal import Normal
from steep.distributions.regions import StickBreakingTransform
from steep.distributions.transformed import TransformedDistribution

__all__ = ["LogisticNormal"]


class LogisticNormal(TransformedDistribution):
    """Shares made of normal draws by `StickBreakingTransform`: one share more than draws.

    Args:
        loc: means of the draws, of at least one dimension.
        scale: their standard deviations, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> shares = steep.distributions.LogisticNormal(steep.zeros(3), steep.ones(3))
        >>> shares.sample().shape
        steep.Size([4])
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real_vector,
        "scale": constraints.independent(constraints.positive, 1),
    }
    support = constraints.simplex

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args)

    @property
    def loc(self) -> Tensor:
        """Means of the draws."""
        return self.base_dist.base_dist.loc  # type: ignore[attr-defined, no-any-return]

    @property
    def scale(self) -> Tensor:
        """Their standard deviations."""
        return self.base_dist.base_dist.scale  # type: ignore[attr-defined, no-any-return]
