"""Batch normalisation: running statistics, modes, state dicts, and training that is replayed."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import steep
from compiling import Run, Twins, replays
from runner import tensor
from steep import nn
from steep.nn import functional as F
from steep.optim import swa_utils
from steep.reference import OPS
from steep.reference.planes import running_statistics
from tolerances import same_bits


def normal(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype) * 3 + 1


def buffers(layer: Any) -> list[Any]:
    return [layer.running_mean.numpy(), layer.running_var.numpy()]


SHAPES = [(7, 3), (2, 3, 5), (40, 3, 6), (2, 3, 4, 5), (2, 3, 2, 600), (2, 3, 2, 3, 4)]


def kind(shape: tuple[int, ...]) -> Any:
    return {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[len(shape)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("momentum", [0.1, 1.0, None])
def test_running_statistics_follow_the_batches(shape: Any, momentum: float | None) -> None:
    layer = kind(shape)(3, momentum=momentum, dtype=steep.float64)
    mean, var = np.zeros(3), np.ones(3)
    for step in range(1, 5):
        x = normal(*shape, seed=step)
        layer(tensor(x))
        mean, var = running_statistics(x, mean, var, 1 / step if momentum is None else momentum)
        np.testing.assert_allclose(buffers(layer), [mean, var], rtol=1e-13)
        assert layer.num_batches_tracked.item() == step


@pytest.mark.parametrize("shape", SHAPES)
def test_evaluation_uses_them_and_leaves_them(shape: Any) -> None:
    layer = kind(shape)(3, dtype=steep.float64)
    x = normal(*shape)
    layer(tensor(x))
    layer.eval()
    before = [x.copy() for x in buffers(layer)]
    params = (layer.weight.detach().numpy(), layer.bias.detach().numpy())
    np.testing.assert_allclose(
        layer(tensor(x)).detach().numpy(),
        OPS["batch_norm"].forward(x, *before, *params, False, 0.1, layer.eps),
        atol=1e-13,
    )
    for got, expected in zip(buffers(layer), before, strict=True):
        same_bits(got, expected)
    assert layer.num_batches_tracked.item() == 1


def test_evaluation_takes_a_single_value() -> None:
    assert nn.BatchNorm1d(3).eval()(steep.ones(1, 3)).shape == (1, 3)


def test_without_a_counter_the_momentum_is_as_it_is() -> None:
    """As PyTorch has it where someone takes the buffer away."""
    layer = nn.BatchNorm1d(3, momentum=None)
    layer.num_batches_tracked = None
    layer(steep.ones(2, 3))
    assert layer.running_mean.tolist() == [0.0] * 3


def test_running_statistics_of_other_strides() -> None:
    x = normal(5, 3)
    mean, var = steep.zeros(3, 2, dtype=steep.float64)[:, 1], steep.ones(3, dtype=steep.float64)
    F.batch_norm(tensor(x), mean, var, training=True, momentum=1.0)
    np.testing.assert_allclose(mean.numpy(), x.mean(0), rtol=1e-13)
    np.testing.assert_allclose(var.numpy(), x.var(0, ddof=1), rtol=1e-13)


def test_a_refused_call_changes_nothing() -> None:
    layer = nn.BatchNorm1d(3)
    for wrong in (steep.ones(2, 4), steep.ones(1, 3), steep.ones(2, 3, dtype=steep.float64)):
        with pytest.raises((RuntimeError, ValueError)):
            layer(wrong)
    assert layer.num_batches_tracked.item() == 0
    assert layer.running_mean.tolist() == [0.0] * 3
    with pytest.raises(RuntimeError, match="more than one element"):
        F.batch_norm(steep.ones(2, 3), steep.zeros(1).expand(3), steep.ones(3), training=True)


def test_statistics_changed_after_an_evaluation_are_noticed_in_backward() -> None:
    layer = nn.BatchNorm1d(3).eval()
    out = layer(steep.ones(2, 3, requires_grad=True))
    layer.train()(steep.ones(2, 3))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


# ---- state dicts ----


def test_keys_and_version() -> None:
    state = nn.BatchNorm2d(3).state_dict()
    names = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(state) == names
    assert state._metadata[""] == {"version": 2}
    assert state["num_batches_tracked"].dtype == steep.int64
    assert list(nn.BatchNorm2d(3, affine=False, track_running_stats=False).state_dict()) == []


@pytest.mark.parametrize("assign", [False, True])
def test_a_state_dict_from_before_the_counter(assign: bool) -> None:
    layer = nn.Sequential(nn.BatchNorm2d(3))
    old = OrderedDict(nn.Sequential(nn.BatchNorm2d(3)).state_dict())
    del old["0.num_batches_tracked"]
    assert not layer.load_state_dict(old, assign=assign).missing_keys
    assert layer[0].num_batches_tracked.item() == 0
    new = nn.Sequential(nn.BatchNorm2d(3)).state_dict()
    del new["0.num_batches_tracked"]
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        layer.load_state_dict(new)


def test_reset() -> None:
    layer = nn.BatchNorm1d(3)
    layer(tensor(normal(4, 3, dtype=np.float32)))
    nn.init.constant_(layer.weight, 2.0)
    layer.reset_running_stats()
    assert [b.tolist() for b in layer.buffers()] == [[0.0] * 3, [1.0] * 3, 0]
    assert layer.weight.tolist() == [2.0] * 3
    layer.reset_parameters()
    assert layer.weight.tolist() == [1.0] * 3


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_keep_their_own_statistics(clone: Any) -> None:
    layer = nn.BatchNorm1d(3)
    layer(tensor(normal(4, 3, dtype=np.float32)))
    other = clone(layer)
    other(tensor(normal(4, 3, seed=1, dtype=np.float32)))
    assert (layer.num_batches_tracked.item(), other.num_batches_tracked.item()) == (1, 2)


def test_conversion_leaves_the_counter_an_integer() -> None:
    layer = nn.BatchNorm1d(3).double()
    assert layer.running_mean.dtype == steep.float64
    assert layer.num_batches_tracked.dtype == steep.int64


def test_statistics_of_a_whole_set_for_averaged_weights() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2))
    swa_utils.update_bn([steep.full((3, 2), value) for value in (1.0, 2.0, 6.0)], model)
    assert model[0].running_mean.tolist() == pytest.approx([3.0, 3.0])
    assert model[0].momentum == 0.1


# ---- replays ----


def convolutional(momentum: float | None = 0.1) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4, momentum=momentum),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 36, 8),
        nn.BatchNorm1d(8, momentum=momentum),
        nn.Linear(8, 5),
    )


class Kept(Run):
    def state(self) -> list[Any]:
        return [*super().state(), *(b.numpy().copy() for b in self.model.buffers())]


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
def test_training_replays_with_the_same_bits(optimizer: str, momentum: float | None) -> None:
    """Every replay brings the buffers up to date as a call does; evaluation in between sees it."""
    twins = Twins(lambda: Kept(convolutional(momentum), optimizer, lr=0.01))
    scored = steep.compile(lambda x: twins.other.model(x))
    for step in range(12):
        x = tensor(normal(6, 1, 8, 8, seed=step, dtype=np.float32))
        y = steep.tensor([0, 1, 2, 3, 4, step % 5])
        same_bits(twins.compiled(x, y).detach().numpy(), twins.plain.step(x, y).detach().numpy())
        twins.compare()
        if step % 4 == 3:
            with steep.no_grad():
                got = scored_in_evaluation(scored, twins.other.model, x)
                expected = scored_in_evaluation(twins.plain.model, twins.plain.model, x)
            same_bits(got, expected)
    assert replays(twins.compiled) > 5, twins.compiled.explain()
    assert twins.other.model[1].num_batches_tracked.item() == 12


def scored_in_evaluation(function: Any, model: Any, x: Any) -> Any:
    model.eval()
    try:
        return function(x).numpy().copy()
    finally:
        model.train()


def test_a_replay_counts_as_a_change_of_the_buffers() -> None:
    layer = nn.BatchNorm1d(3)
    compiled = steep.compile(lambda x: layer(x).detach())
    versions = []
    for step in range(8):
        compiled(tensor(normal(4, 3, seed=step, dtype=np.float32)))
        versions.append((layer.running_mean._version, layer.num_batches_tracked._version))
    assert replays(compiled) > 0, compiled.explain()
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(versions))
