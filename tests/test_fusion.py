"""Batch normalisation folded into the convolution or the linear layer before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from runner import tensor
from steep import nn
from steep.nn import utils


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def norm(kind: Any, channels: int, **settings: Any) -> Any:
    """One with statistics and parameters of its own, in evaluation mode."""
    bn = kind(channels, dtype=steep.float64, **settings)
    rng = np.random.default_rng(3)
    with steep.no_grad():
        for x in (*bn.parameters(), bn.running_mean, bn.running_var):
            x.copy_(steep.tensor(rng.random(tuple(x.shape)) + 0.5))
    return bn.eval()


CONVOLUTIONS = [
    (nn.Conv1d, nn.BatchNorm1d, (2, 4, 9)),
    (nn.Conv2d, nn.BatchNorm2d, (2, 4, 6, 7)),
    (nn.Conv3d, nn.BatchNorm3d, (2, 4, 4, 5, 3)),
    (nn.ConvTranspose1d, nn.BatchNorm1d, (2, 4, 5)),
    (nn.ConvTranspose2d, nn.BatchNorm2d, (2, 4, 3, 4)),
]


@pytest.mark.parametrize("settings", [{}, {"bias": False}, {"groups": 2, "stride": 2}])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("kind", "of", "shape"), CONVOLUTIONS)
def test_a_convolution(kind: Any, of: Any, shape: Any, affine: bool, settings: Any) -> None:
    conv = kind(4, 6, 3, dtype=steep.float64, **settings).eval()
    bn = norm(of, 6, affine=affine)
    before = [x.tolist() for module in (conv, bn) for x in module.state_dict().values()]
    fused = utils.fuse_conv_bn_eval(conv, bn, conv.transposed)
    x = tensor(normal(*shape))
    np.testing.assert_allclose(
        fused(x).detach().numpy(), bn(conv(x)).detach().numpy(), rtol=1e-12, atol=1e-12
    )
    assert type(fused) is kind
    assert isinstance(fused.weight, nn.Parameter)
    assert isinstance(fused.bias, nn.Parameter)
    assert fused.weight.is_leaf
    assert fused.weight.requires_grad
    assert fused.bias.requires_grad is ("bias" not in settings)
    assert before == [x.tolist() for module in (conv, bn) for x in module.state_dict().values()]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("features", [5, 1])
def test_a_linear_layer(features: int, bias: bool) -> None:
    linear = nn.Linear(3, 5, bias=bias, dtype=steep.float64).eval()
    bn = norm(nn.BatchNorm1d, features)
    fused = utils.fuse_linear_bn_eval(linear, bn)
    x = tensor(normal(4, 3))
    y = linear(x)
    expected = bn(y) if features > 1 else bn(y.unsqueeze(1)).squeeze(1)
    np.testing.assert_allclose(fused(x).detach().numpy(), expected.detach().numpy(), rtol=1e-12)
    assert fused.weight.requires_grad
    assert not linear.weight.equal(fused.weight)


def test_dtypes_are_those_of_the_layer() -> None:
    linear = nn.Linear(3, 5).eval()
    fused = utils.fuse_linear_bn_eval(linear, norm(nn.BatchNorm1d, 5))
    assert (fused.weight.dtype, fused.bias.dtype) == (steep.float32, steep.float32)


def test_a_frozen_layer_stays_frozen() -> None:
    conv = nn.Conv2d(4, 6, 3, dtype=steep.float64).eval().requires_grad_(False)
    fused = utils.fuse_conv_bn_eval(conv, norm(nn.BatchNorm2d, 6))
    assert not any(p.requires_grad for p in fused.parameters())


def test_refusals() -> None:
    conv, linear = nn.Conv2d(4, 6, 3).eval(), nn.Linear(4, 6).eval()
    bare = nn.BatchNorm2d(6, track_running_stats=False).eval()
    with pytest.raises(AssertionError, match="only for eval"):
        utils.fuse_conv_bn_eval(conv, nn.BatchNorm2d(6))
    with pytest.raises(AssertionError, match="only for eval"):
        utils.fuse_linear_bn_eval(nn.Linear(4, 6), nn.BatchNorm1d(6).eval())
    with pytest.raises(AssertionError, match="running_var must not be None"):
        utils.fuse_conv_bn_eval(conv, bare)
    with pytest.raises(ValueError, match="expected transpose=False for Conv2d"):
        utils.fuse_conv_bn_eval(conv, nn.BatchNorm2d(6).eval(), transpose=True)
    with pytest.raises(AssertionError, match=r"linear.out_features=6 and bn.num_features=5"):
        utils.fuse_linear_bn_eval(linear, nn.BatchNorm1d(5).eval())


def test_under_the_names_that_pytorch_has() -> None:
    assert steep.nn.utils.fusion.fuse_conv_bn_eval is utils.fuse_conv_bn_eval
    assert set(steep.nn.utils.fusion.__all__) <= set(utils.__all__)


def test_layers_that_do_not_fit_are_named() -> None:
    conv = steep.nn.Conv2d(3, 4, 3).eval()
    with pytest.raises(ValueError, match=r"normalisation of the 4 channels .* got BatchNorm2d"):
        steep.nn.utils.fuse_conv_bn_eval(conv, steep.nn.BatchNorm2d(5).eval())
    normed = steep.nn.utils.parametrizations.weight_norm(steep.nn.Linear(3, 4)).eval()
    with pytest.raises(ValueError, match="remove its parametrisation"):
        steep.nn.utils.fuse_linear_bn_eval(normed, steep.nn.BatchNorm1d(4).eval())
