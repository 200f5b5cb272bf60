"""Layers that score classes and compare the scores with targets, in one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from steep._core import Tensor, arange, cat, dtype, empty_like, log_softmax, zeros_like
from steep.nn._functions import linear_cross_entropy
from steep.nn._loss import _Loss
from steep.nn.container import ModuleList, Sequential
from steep.nn.linear import Linear
from steep.nn.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss"]


class _Output(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of many classes, most of which are seldom (Grave et al. 2017,
    https://arxiv.org/abs/1609.04309).

    Classes are numbered from frequent to rare. The head scores the first ``cutoffs[0]`` of them and
    each cluster of the others; cluster i scores its own classes, on ``in_features / div_value**(i +
    1)`` numbers. The log-probability of a class in a cluster is the cluster's plus its own within
    it. Only clusters that targets lie in are computed, so a compiled step runs it eagerly.

    Args:
        in_features: numbers of each sample.
        n_classes: how many classes there are.
        cutoffs: where clusters begin: increasing, each from 1 to ``n_classes - 1``.
        div_value: by what each cluster's width is divided once more. Default: 4.0.
        head_bias: whether the head has a bias. Default: ``False``.
        device: ``None`` or ``'cpu'``.
        dtype: of the weights; the default dtype if ``None``.

    Shapes: input ``(N, in_features)`` or ``(in_features,)``; target ``(N,)`` or ``()``; of the
    result, `output`, the log-probability of each target, as the target; `loss`, minus their mean,
    ``()``.

    Raises:
        ValueError: for cutoffs that are none, not whole, not increasing or out of range.
        RuntimeError: for shapes that do not fit, and targets out of range.

    Example:
        >>> import steep
        >>> softmax = steep.nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs=[4, 10])
        >>> found = softmax(steep.ones(3, 16), steep.tensor([0, 7, 19]))
        >>> found.output.shape, softmax.log_prob(steep.ones(3, 16)).shape
        (steep.Size([3]), steep.Size([3, 20]))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        rising = all(a < b for a, b in zip([0, *cutoffs], [*cutoffs, n_classes], strict=True))
        if not cutoffs or not rising or any(int(c) != c for c in cutoffs):
            raise ValueError(
                "AdaptiveLogSoftmaxWithLoss: cutoffs should be a sequence of unique, positive "
                "integers sorted in an increasing order, where each value is between 1 and "
                f"n_classes-1, got {cutoffs} for {n_classes} classes"
            )
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size = cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width = int(in_features // div_value ** (i + 1))
            classes = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, **made),
                    Linear(width, classes, bias=False, **made),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        for part in (self.head, *(linear for pair in self.tail for linear in pair)):
            part.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _Output:
        """The targets' log-probabilities, and minus their mean."""
        self._check(input_, target_)
        input, target = (input_, target_) if target_.dim() else (input_[None], target_[None])
        cluster = zeros_like(target)
        for cutoff in self.cutoffs[:-1]:
            cluster = cluster + (target >= cutoff)
        in_head = target.where(cluster == 0, cluster + (self.shortlist_size - 1))
        output = _picked(log_softmax(self.head(input), 1), in_head) + self._within(
            input, target, cluster
        )
        return _Output(output if target_.dim() else output[0], -output.mean())

    def _within(self, input: Tensor, target: Tensor, cluster: Tensor) -> Tensor:
        """The targets' log-probabilities within their clusters: 0 where they are frequent."""
        rows = [(cluster == 0).nonzero()[:, 0]]
        found = [input.new_zeros(len(rows[0]))]
        for i, (first, tail) in enumerate(zip(self.cutoffs[:-1], self.tail, strict=True)):
            mine = (cluster == i + 1).nonzero()[:, 0]
            if mine.numel():
                rows.append(mine)
                found.append(_picked(log_softmax(tail(input[mine]), 1), target[mine] - first))
        place = empty_like(target)
        place[cat(rows)] = arange(len(target))
        return cat(found)[place]

    def _check(self, input: Tensor, target: Tensor) -> None:
        name = "AdaptiveLogSoftmaxWithLoss"
        if target.dim() > 1:
            raise RuntimeError(
                f"{name}: 0D or 1D target tensor expected, multi-target not supported, got shape "
                f"{list(target.shape)}"
            )
        if input.dim() != target.dim() + 1:
            raise RuntimeError(
                f"{name}: {target.dim()}D target tensor expects {target.dim() + 1}D input tensors, "
                f"but found inputs with size {list(input.shape)}"
            )
        if target.dim() and len(input) != len(target):
            raise RuntimeError(
                f"{name}: Input and target should have the same size in the batch dimension, got "
                f"{len(input)} and {len(target)}"
            )
        if target.numel() and not 0 <= target.min().item() <= target.max().item() < self.n_classes:
            raise RuntimeError(
                f"{name}: Target values should be in [0, {self.n_classes - 1}], but values in "
                f"range [{target.min().item()}, {target.max().item()}] were found"
            )

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: ``(N, in_features)`` to ``(N, n_classes)``."""
        head = log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            place = self.shortlist_size + i
            parts.append(log_softmax(tail(input), 1) + head[:, place : place + 1])
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each sample: ``(N, in_features)`` to ``(N,)``.

        As PyTorch: clusters are looked into where one is more probable than all frequent classes.
        """
        best: Tensor = self.head(input).argmax(1)
        rare = (best >= self.shortlist_size).nonzero()[:, 0]
        if rare.numel():
            best[rare] = self.log_prob(input[rare]).argmax(1)
        return best


def _picked(rows: Tensor, columns: Tensor) -> Tensor:
    """One number of each row."""
    return rows.gather(1, columns[:, None])[:, 0]


class LinearCrossEntropyLoss(_Loss):
    """A linear layer without activation and the cross-entropy of its scores, in one module.

    Args:
        in_features: numbers of each sample.
        num_classes: how many classes there are, C.
        out_features: further sizes of the scores, ``(C, *out_features)``. Default: ``()``.
        bias: whether the linear layer has a bias. Default: ``False``.
        device: ``None`` or ``'cpu'``.
        dtype: of the weights; the default dtype if ``None``.
        reduction: ``'mean'`` (default; weighted by `weight`), ``'sum'`` or ``'none'``.
        weight: weight of each class, ``(C,)``; all one by default.
        ignore_index: class that contributes nothing; ``None`` (default) is -100.
        label_smoothing: in [0, 1]; share of the target spread over all classes. Default: 0.
        options: ``None``; the scores are not cut into pieces.

    Shapes: input ``(N, in_features)`` or ``(in_features,)``; target ``(N, *out_features)`` or
    ``out_features`` (int64 classes), or with C after N (probabilities).

    Raises:
        RuntimeError: for a `weight` of another shape, and a `label_smoothing` out of range.
        ValueError: for an unknown reduction.
        NotImplementedError: for `options`.

    Example:
        >>> import steep
        >>> loss = steep.nn.LinearCrossEntropyLoss(3, 4)
        >>> loss(steep.zeros(2, 3), steep.tensor([0, 3]))
        tensor(1.3863, grad_fn=...)
    """

    weight: Tensor | None

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(
                f"LinearCrossEntropyLoss: expected weight shape to be {(num_classes,)}, got "
                f"{tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(
                "LinearCrossEntropyLoss: expected label_smoothing to be in range [0, 1], got "
                f"{label_smoothing}"
            )
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.num_classes, self.out_features = num_classes, tuple(out_features)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        scores = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, scores, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Samples and targets; a scalar unless reduction is ``'none'``."""
        sizes = (self.num_classes, *self.out_features)
        weight, bias = self.linear.weight, self.linear.bias
        return linear_cross_entropy(
            input,
            weight.reshape(*sizes, weight.shape[1]),
            target,
            linear_bias=None if bias is None else bias.reshape(sizes),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        """Its settings."""
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
