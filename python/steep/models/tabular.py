"""Networks for tables: a multi-layer perceptron, with embeddings for coded columns."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

from steep import nn
from steep._core import Tensor, cat

__all__ = ["TabularNet", "embedding_dimensions", "mlp"]

_LONGEST = 50


class TabularNet(nn.Module):
    """Embeddings of coded columns beside a table's numbers, and a network on top of both.

    (Guo and Berkhahn, Entity Embeddings of Categorical Variables, 2016.)

    Args:
        cardinalities: how many codes each coded column has, [columns]; codes run from 0.
        dimensions: the length of each column's embedding, [columns].
        body: the network, whose input features are the numbers followed by all embeddings.

    Shape:
        numbers: (rows, numeric columns), floating; codes: (rows, coded columns), int64.
        Output: what `body` gives for (rows, numeric columns + sum of `dimensions`).

    Raises:
        ValueError: if `cardinalities` and `dimensions` are not of the same length; in a call, if
            the codes have another number of columns.

    Example:
        >>> import steep
        >>> from steep.models import TabularNet, mlp
        >>> net = TabularNet([3, 2], [2, 1], mlp(4 + 3, [8], 1))
        >>> net(steep.zeros(5, 4), steep.zeros(5, 2, dtype=steep.int64)).shape
        steep.Size([5, 1])
    """

    def __init__(
        self, cardinalities: Sequence[int], dimensions: Sequence[int], body: nn.Module
    ) -> None:
        super().__init__()
        if len(cardinalities) != len(dimensions):
            raise ValueError(
                "TabularNet: expected a cardinality and a dimension for each coded column, got "
                f"{len(cardinalities)} and {len(dimensions)}"
            )
        self.cardinalities = [int(n) for n in cardinalities]
        self.dimensions = [int(n) for n in dimensions]
        self.embeddings = nn.ModuleList(
            [nn.Embedding(n, d) for n, d in zip(self.cardinalities, self.dimensions, strict=True)]
        )
        self.body = body

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """The network's output for rows of numbers and codes."""
        if codes.dim() != 2 or codes.shape[1] != len(self.cardinalities):
            raise ValueError(
                f"TabularNet: expected codes of {len(self.cardinalities)} columns, got shape "
                f"{tuple(codes.shape)}"
            )
        parts = [embed(codes[:, i]) for i, embed in enumerate(self.embeddings)]
        out: Tensor = self.body(cat([numbers, *parts], dim=1))
        return out


def embedding_dimensions(cardinalities: Sequence[int]) -> list[int]:
    """A usual length for each embedding: half the number of codes, at most 50.

    Example:
        >>> embedding_dimensions([3, 8, 1000])
        [2, 4, 50]
    """
    return [min(_LONGEST, (n + 1) // 2) for n in cardinalities]


def mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: nn.Module | Callable[[], nn.Module] = nn.ReLU,
    dropout: float | Sequence[float] = 0.0,
    batch_norm: bool = False,
) -> nn.Sequential:
    """A multi-layer perceptron: (Linear, BatchNorm1d, activation, Dropout) a hidden layer, Linear.

    Args:
        inputs: features that come in.
        hidden: width of each hidden layer; empty for a linear model.
        outputs: features that go out.
        activation: a class of `steep.nn`, or a layer, of which each place gets a copy. Default:
            ReLU.
        dropout: the share of each hidden layer's units that is dropped in training: one number, or
            one a layer. Default: 0, no Dropout layers.
        batch_norm: whether there is a BatchNorm1d before each activation. Default: ``False``.

    Raises:
        ValueError: if `dropout` has another length than `hidden`, or is not within [0, 1].

    Example:
        >>> from steep.models import mlp
        >>> [type(layer).__name__ for layer in mlp(4, [8], 2, dropout=0.1)]
        ['Linear', 'ReLU', 'Dropout', 'Linear']
    """
    rates = [float(dropout)] * len(hidden) if isinstance(dropout, (int, float)) else [*dropout]
    if len(rates) != len(hidden):
        raise ValueError(
            f"mlp: expected one dropout rate, or one for each of the {len(hidden)} hidden layers, "
            f"got {len(rates)}"
        )
    layers: list[nn.Module] = []
    for width, rate in zip(hidden, rates, strict=True):
        layers.append(nn.Linear(inputs, width))
        if batch_norm:
            layers.append(nn.BatchNorm1d(width))
        if isinstance(activation, nn.Module):
            layers.append(copy.deepcopy(activation))
        else:
            layers.append(activation())
        if rate:
            layers.append(nn.Dropout(rate))
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))
