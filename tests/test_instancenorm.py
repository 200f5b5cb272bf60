"""Instance and group normalisation: running statistics, samples without a batch, replays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from compiling import Run, Twins, replays
from runner import tensor
from steep import nn
from steep.nn import functional as F
from steep.optim import swa_utils
from tolerances import same_bits


def normal(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype) * 3 + 1


SHAPES = [(nn.InstanceNorm1d, (2, 3, 5)), (nn.InstanceNorm2d, (4, 3, 4, 5))]


@pytest.mark.parametrize(("kind", "shape"), SHAPES)
def test_running_statistics_follow_the_mean_over_the_batch(kind: Any, shape: Any) -> None:
    layer = kind(3, momentum=0.3, track_running_stats=True, dtype=steep.float64)
    mean, var = np.zeros(3), np.ones(3)
    axes = tuple(range(2, len(shape)))
    for seed in range(4):
        x = normal(*shape, seed=seed)
        layer(tensor(x))
        mean = 0.7 * mean + 0.3 * x.mean(axes).mean(0)
        var = 0.7 * var + 0.3 * x.var(axes, ddof=1).mean(0)
        np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-13)
        np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-13)
    layer.eval()
    each = (3, *(1 for _ in axes))
    expected = (x - mean.reshape(each)) / np.sqrt(var.reshape(each) + layer.eps)
    np.testing.assert_allclose(layer(tensor(x)).numpy(), expected, rtol=1e-10)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-13)
    assert layer.num_batches_tracked.item() == 0  # as PyTorch has it: nothing counts


def test_a_sample_without_a_batch_is_a_batch_of_one() -> None:
    x = normal(3, 4, 5)
    for settings in ({}, {"affine": True}, {"track_running_stats": True}):
        layer = nn.InstanceNorm2d(3, dtype=steep.float64, **settings)
        same_bits(layer(tensor(x)).detach().numpy(), layer(tensor(x[None])).detach().numpy()[0])


def test_other_channels_than_it_has_are_told_where_they_do_not_matter() -> None:
    with pytest.warns(UserWarning, match="dim=1 does not match num_features"):
        assert nn.InstanceNorm1d(5)(steep.ones(2, 4, 3)).shape == (2, 4, 3)


def test_a_refused_call_changes_nothing() -> None:
    layer = nn.InstanceNorm1d(3, track_running_stats=True)
    for wrong in (steep.ones(2, 3, 1), steep.ones(2, 3, 4, dtype=steep.float64)):
        with pytest.raises((RuntimeError, ValueError)):
            layer(wrong)
    assert layer.running_mean.tolist() == [0.0] * 3
    running = steep.zeros(3)
    with pytest.raises(RuntimeError, match="more than one element"):
        F.instance_norm(steep.ones(2, 3, 4), running, steep.ones(1).expand(3))
    assert running.tolist() == [0.0] * 3


def test_averaged_weights_leave_their_statistics() -> None:
    """They are not those of a batch: PyTorch brings batch normalisation alone up to date."""
    model = nn.InstanceNorm1d(2, track_running_stats=True)
    model(tensor(normal(2, 2, 5, dtype=np.float32)))
    before = model.running_mean.tolist()
    swa_utils.update_bn([steep.ones(3, 2, 4)], model)
    assert model.running_mean.tolist() == before


def convolutional() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        nn.LocalResponseNorm(3),
        nn.Conv2d(4, 6, 3),
        nn.GroupNorm(3, 6),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 16, 8),
        nn.RMSNorm(8),
        nn.Linear(8, 5),
    )


class Kept(Run):
    def state(self) -> list[Any]:
        return [*super().state(), *(b.numpy().copy() for b in self.model.buffers())]


def test_training_replays_with_the_same_bits() -> None:
    twins = Twins(lambda: Kept(convolutional(), lr=0.01))
    for step in range(10):
        x = tensor(normal(6, 1, 8, 8, seed=step, dtype=np.float32))
        y = steep.tensor([0, 1, 2, 3, 4, step % 5])
        same_bits(twins.compiled(x, y).detach().numpy(), twins.plain.step(x, y).detach().numpy())
        twins.compare()
    assert replays(twins.compiled) > 5, twins.compiled.explain()
