"""`Chi2`."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions.gamma import Gamma

__all__ = ["Chi2"]


class Chi2(Gamma):
    """The sum of the squares of `df` standard normal draws: a `Gamma` of ``df / 2`` and 1 / 2.

    Args:
        df: degrees of freedom, above 0, a tensor or a number.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> steep.distributions.Chi2(3.0).variance
        tensor(6.)
    """

    arg_constraints = {"df": constraints.positive}  # noqa: RUF012

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Chi2:
        """The same distribution, repeated to a larger batch."""
        new: Chi2 = super().expand(batch_shape, _instance)
        new.concentration = self.concentration.expand(batch_shape)
        new.rate = self.rate.expand(batch_shape)
        return new

    @property
    def df(self) -> Tensor:
        """Degrees of freedom."""
        return self.concentration * 2
