"""Nodes of the graph have PyTorch's names, also where an operation is made of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import steep
from steep import linalg
from steep.nn import functional as F

Called = Callable[[Any], Any]

CLASSES = steep.tensor([1, 0, 2])
FURTHER = steep.zeros(3, 3, dtype=steep.int64)
ROWS = steep.tensor([[0], [1], [2]])


def images(x: Any) -> Any:
    """(1, 3, 3, 3): channels of images."""
    return x.expand(1, 3, 3, 3) * 1


def written(x: Any) -> Any:
    out = steep.zeros(2, 3, 3)
    out[0] = x
    return out


LOSSES: dict[str, Called] = {
    "BinaryCrossEntropyBackward0": lambda x: F.binary_cross_entropy(x, x.detach()),
    "BinaryCrossEntropyWithLogitsBackward0": lambda x: F.binary_cross_entropy_with_logits(
        x, x.detach()
    ),
    "HuberLossBackward0": lambda x: F.huber_loss(x, x * 2, reduction="sum"),
    "MeanBackward0 of kl_div": lambda x: F.kl_div(x, x.detach()),
    "MseLossBackward0": lambda x: F.mse_loss(x, x * 2, reduction="none"),
    "MultiMarginLossBackward0": lambda x: F.multi_margin_loss(x, CLASSES),
    "MultilabelMarginLossBackward0": lambda x: F.multilabel_margin_loss(x, FURTHER),
    "NllLossBackward0": lambda x: F.nll_loss(x, CLASSES),
    "NllLossBackward0 of weights": lambda x: F.cross_entropy(x, CLASSES, x[0].detach()),
    "NllLoss2DBackward0": lambda x: F.nll_loss(images(x), FURTHER[None]),
    "NllLoss2DBackward0 of scores": lambda x: F.cross_entropy(images(x), FURTHER[None]),
    "SmoothL1LossBackward0": lambda x: F.smooth_l1_loss(x, x * 2),
    "SoftMarginLossBackward0": lambda x: F.soft_margin_loss(x, x.detach().sign()),
}
ACTIVATIONS: dict[str, Called] = {
    "EluBackward0": F.selu,
    "GluBackward0": lambda x: F.glu(x.expand(4, 3, 3)[..., :2]),
    "HardshrinkBackward0": F.hardshrink,
    "LogSigmoidBackward0": F.logsigmoid,
    "PreluKernelBackward0": lambda x: F.prelu(x, x.detach()[0, :1]),
    "SoftshrinkBackward0": F.softshrink,
    "ThresholdBackward0": lambda x: F.threshold(x, 0.1, 0.0),
}
IMAGES: dict[str, Called] = {
    "AdaptiveAvgPool2DBackward0": lambda x: F.adaptive_avg_pool2d(images(x), 2),
    "AdaptiveMaxPool2DBackward0": lambda x: F.adaptive_max_pool2d(images(x), 2),
    "AvgPool3DBackward0": lambda x: F.avg_pool3d(images(x), 2),
    "PixelShuffleBackward0": lambda x: F.pixel_shuffle(x.expand(4, 3, 3) * 1, 2),
    "ReflectionPad2DBackward0": lambda x: F.pad(images(x), (1, 1, 1, 1), mode="reflect"),
    "ReplicationPad1DBackward0": lambda x: F.pad(x[None], (1, 1), mode="replicate"),
    "UpsampleBicubic2DBackward0": lambda x: F.interpolate(images(x), size=5, mode="bicubic"),
    "UpsampleBilinear2DBackward0": lambda x: F.interpolate(images(x), size=5, mode="bilinear"),
    "UpsampleNearest2DBackward0": lambda x: F.interpolate(images(x), scale_factor=2),
}
TENSORS: dict[str, Called] = {
    "AddcmulBackward0": lambda x: steep.addcmul(x, x, x),
    "AddmmBackward0": lambda x: steep.addmm(x, x, x),
    "BmmBackward0": lambda x: steep.bmm(x[None], x[None]),
    "CdistBackward0": lambda x: steep.cdist(x, x * 2),
    "ClampMinBackward0": lambda x: x.clamp_min(0.5),
    "CloneBackward0": lambda x: x.t().contiguous(),
    "CopySlices": lambda x: written(x),
    "CumprodBackward0": lambda x: x.cumprod(0),
    "DotBackward0": lambda x: x[0] @ x[1],
    "FlipBackward0": lambda x: x.flip(0),
    "GatherBackward0": lambda x: x.gather(1, ROWS),
    "IndexAddBackward0": lambda x: x.index_add(0, CLASSES, x),
    "IndexSelectBackward0": lambda x: x.index_select(0, CLASSES),
    "MaskedFillBackward0": lambda x: x.masked_fill(x > 0.5, 0.0),
    "MaskedSelectBackward0": lambda x: x.masked_select(x > 0.5),
    "MedianBackward0": lambda x: x.median(),
    "MvBackward0": lambda x: x @ x[0],
    "NormBackward1": lambda x: F.pairwise_distance(x, x * 2),
    "PermuteBackward0": lambda x: x.T,
    "RepeatBackward0": lambda x: x.repeat(2, 1),
    "RollBackward0": lambda x: x.roll(1),
    "ScatterBackward0": lambda x: x.scatter(1, ROWS, x),
    "StackBackward0": lambda x: steep.stack([x, x]),
    "TBackward0": lambda x: x.t(),
    "TakeBackward0": lambda x: x.take(CLASSES),
    "ToCopyBackward0": lambda x: x.double(),
    "TraceBackward0": lambda x: x.trace(),
    "UnsafeViewBackward0": lambda x: x[None] @ x[None],
    "VarMeanBackward0": lambda x: steep.var_mean(x)[1],
    "ZeroBackward0": lambda x: (x * 1).zero_(),
}
FACTORISATIONS: dict[str, Called] = {
    "LinalgCholeskyExBackward0": lambda x: linalg.cholesky(x @ x.t() + steep.eye(3)),
    "LinalgDetBackward0": linalg.det,
    "LinalgEighBackward0": lambda x: linalg.eigh(x + x.t())[0],
    "LinalgInvExBackward0": linalg.inv,
    "LinalgQrBackward0": lambda x: linalg.qr(x)[0],
    "LinalgSlogdetBackward0": lambda x: linalg.slogdet(x)[1],
    "LinalgSolveExBackward0": lambda x: linalg.solve(x, x * 2),
    "LinalgSvdBackward0": linalg.svdvals,
}
NAMES = {**LOSSES, **ACTIVATIONS, **IMAGES, **TENSORS, **FACTORISATIONS}


def leaf() -> Any:
    steep.manual_seed(0)
    return steep.rand(3, 3).requires_grad_()


@pytest.mark.parametrize("shown", NAMES)
def test_names(shown: str) -> None:
    name = shown.split(" ")[0]
    y = NAMES[shown](leaf())
    assert y.grad_fn.name() == name
    assert type(y.grad_fn).__name__ == name


def test_what_gives_back_its_argument_renames_nothing() -> None:
    y = leaf().exp()
    for call in (lambda: y.flip(()), lambda: y.repeat(1, 1), lambda: y.roll(0), y.contiguous):
        call()
        assert y.grad_fn.name() == "ExpBackward0"


def test_the_operation_is_the_one_that_has_the_rule() -> None:
    x = leaf()
    loss = F.binary_cross_entropy(x, x.detach())
    assert (loss.grad_fn.name(), loss.grad_fn.operation) == (
        "BinaryCrossEntropyBackward0",
        "mean",
    )


def test_names_of_functions_are_kept() -> None:
    class _Double(steep.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * 2

    assert _Double.apply(leaf()).grad_fn.name() == "_DoubleBackward"
