"""`steep.train`: penalties, noise, mixed samples, early stopping, groups."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from runner import numpy
from steep import nn, optim, train
from tolerances import same_bits

F = nn.functional


def network() -> Any:
    steep.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 3))


def test_steep_does_not_import_it() -> None:
    program = "import sys, steep; print('steep.train' in sys.modules, steep.train.mixup)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.startswith("False <function mixup"), done.stderr


# ---- penalties and noise ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [steep.float32, steep.float64])
def test_penalties(dtype: Any) -> None:
    net = network().to(dtype)
    arrays = [p.detach().numpy() for p in net.parameters()]
    one, two = train.l1_penalty(net, 0.1), train.l2_penalty(net.parameters(), 0.1)
    assert one.dtype == two.dtype == dtype
    rtol = 1e-5 if dtype == steep.float32 else 1e-12
    np.testing.assert_allclose(one.item(), 0.1 * sum(abs(a).sum() for a in arrays), rtol=rtol)
    np.testing.assert_allclose(two.item(), 0.1 * sum((a**2).sum() for a in arrays), rtol=rtol)
    (one + two).backward()
    for p, a in zip(net.parameters(), arrays, strict=True):
        expected = 0.1 * np.sign(a) + 0.2 * a
        np.testing.assert_allclose(p.grad.numpy(), expected, rtol=rtol, atol=1e-7)
    assert train.l1_penalty([]).item() == 0.0
    assert train.l2_penalty(steep.tensor([3.0, 4.0])).item() == 25.0
    with pytest.raises(TypeError, match="l1_penalty: expected a module or tensors, got float"):
        train.l1_penalty([1.0])


def test_the_l2_penalty_is_weight_decay() -> None:
    found = []
    for decay in (0.0, 0.2):
        net, x = network(), steep.ones(2, 4)
        sgd = optim.SGD(net.parameters(), lr=0.1, weight_decay=decay)
        for _ in range(3):
            sgd.zero_grad()
            loss = net(x).square().sum()
            (loss if decay else loss + train.l2_penalty(net, 0.1)).backward()
            sgd.step()
        found.append(numpy(list(net.parameters())))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_noise_has_the_variance_of_its_step() -> None:
    w = steep.zeros(40_000, requires_grad=True)
    frozen = steep.zeros(2, requires_grad=True)
    noise = train.GradientNoise([w, frozen], eta=0.3, gamma=0.55)
    for t in range(4):
        w.grad = steep.ones_like(w)
        noise.add()
        drawn = w.grad - 1
        assert abs(drawn.mean().item()) < 0.01
        assert drawn.square().mean().item() == pytest.approx(0.3 / (1 + t) ** 0.55, rel=0.03)
    assert frozen.grad is None
    other = train.GradientNoise(w)
    other.load_state_dict(noise.state_dict())
    assert other.count.item() == 4.0
    for settings in ({"eta": -1.0}, {"gamma": math.nan}):
        with pytest.raises(ValueError, match="to be at least 0"):
            train.GradientNoise(w, **settings)


# ---- mixing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 4.0])
def test_the_distribution_is_beta(alpha: float) -> None:
    generator = steep.Generator().manual_seed(3)
    draws = np.array([train.sample_beta(alpha, generator).item() for _ in range(6000)])
    assert ((draws >= 0) & (draws <= 1)).all()
    assert draws.mean() == pytest.approx(0.5, abs=0.02)
    assert draws.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)
    fourth = 3 / (16 * (2 * alpha + 1) * (2 * alpha + 3))  # central moment
    assert ((draws - 0.5) ** 4).mean() == pytest.approx(fourth, rel=0.08)
    for bad in (0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="expected alpha to be above 0"):
            train.sample_beta(bad)


def test_mixup_mixes_both_alike() -> None:
    steep.manual_seed(0)
    x = steep.eye(5, dtype=steep.float64).requires_grad_()
    y = steep.arange(5)
    for _ in range(20):
        mixed, target = train.mixup(x, y, 1.0, num_classes=5)
        same_bits(mixed.detach().numpy(), target.numpy())
        np.testing.assert_allclose(target.sum(1).numpy(), 1.0, rtol=1e-12)
    mixed.sum().backward()
    assert x.grad is not None
    _, values = train.mixup(x.detach().float(), steep.rand(5, 2))
    assert tuple(values.shape) == (5, 2)
    loss = F.cross_entropy(mixed.detach(), target)
    assert loss.item() > 0


@pytest.mark.parametrize("shape", [(7,), (6, 9), (3, 4, 5)])
def test_cutmix_pastes_a_box(shape: tuple[int, ...]) -> None:
    steep.manual_seed(0)
    x = steep.arange(6).double().reshape([6] + [1] * (len(shape) + 1)).expand(6, 2, *shape)
    y = steep.arange(6)
    for _ in range(30):
        mixed, target = train.cutmix(x, y, num_classes=6)
        changed = mixed.numpy() != x.numpy()
        for sample in range(6):
            own = target[sample, sample].item()
            assert (changed[sample] == changed[sample][:1]).all()
            if changed[sample].any():
                box = np.argwhere(changed[sample][0])
                sides = box.max(0) - box.min(0) + 1
                assert sides.prod() == len(box)
                assert own == pytest.approx(1 - len(box) / math.prod(shape))
                assert len(set(mixed.numpy()[sample][changed[sample]])) == 1
        np.testing.assert_allclose(target.sum(1).numpy(), 1.0, rtol=1e-12)


def test_wrong_batches_are_refused() -> None:
    x, y = steep.rand(4, 3, 5), steep.tensor([0, 1, 2, 1])
    for mix in (train.mixup, train.cutmix):
        with pytest.raises(ValueError, match="expected num_classes"):
            mix(x, y)
        with pytest.raises(ValueError, match="as many targets as inputs"):
            mix(x, y[:3], num_classes=3)
        with pytest.raises(ValueError, match="inputs of floating dtype"):
            mix(x.long(), y, num_classes=3)
        with pytest.raises(ValueError, match=r"classes of shape \(N,\)"):
            mix(x, y.reshape(4, 1), num_classes=3)
        with pytest.raises(ValueError, match="alpha to be above 0"):
            mix(x, y, 0.0, num_classes=3)
    with pytest.raises(ValueError, match=r"expected an input \(N, C, \*\)"):
        train.cutmix(x[:, :, 0], y, num_classes=3)


# ---- compiled ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mix", [None, train.mixup, train.cutmix])
def test_compiled_steps_have_the_same_bits(mix: Any) -> None:
    found = []
    for compiled in (False, True):
        steep.manual_seed(4)
        net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3))
        adamw = optim.AdamW(train.decay_groups(net, 0.1), lr=0.01)
        noise = train.GradientNoise(net, eta=0.1)

        def step(x: Any, y: Any, net: Any = net, opt: Any = adamw, noise: Any = noise) -> Any:
            opt.zero_grad()
            if mix is not None:
                x, y = mix(x, y, num_classes=3)
            loss = F.cross_entropy(net(x), y) + train.l1_penalty(net, 1e-3)
            (loss + train.l2_penalty(net, 1e-3)).backward()
            noise.add()
            opt.step()
            return loss

        function = steep.compile(step) if compiled else step
        steep.manual_seed(5)
        losses = [
            function(steep.rand(6, 2, 6), steep.randint(0, 3, (6,))).item() for _ in range(10)
        ]
        found.append((losses, numpy([*net.parameters(), noise.count])))
        assert not compiled or replays(function) > 4, function.explain()
    assert found[0][0] == found[1][0]
    for plain, other in zip(found[0][1], found[1][1], strict=True):
        same_bits(plain, other)


# ---- early stopping ---------------------------------------------------------------------------


def stops(values: list[float], **settings: Any) -> int | None:
    """Which measure says stop."""
    stopping = train.EarlyStopping(**settings)
    return next((i for i, value in enumerate(values) if stopping.step(value)), None)


def test_when_to_stop() -> None:
    falling = [5.0, 4.0, 3.0, 3.0, 2.9, 3.5, 3.4, 3.3, 1.0]
    assert stops(falling, patience=3) == 7
    assert stops(falling, patience=4) is None
    assert stops(falling, patience=1) == stops(falling, patience=0) == 3
    assert stops(falling, patience=2, min_delta=0.5) == 4
    assert stops([-v for v in falling], patience=3, mode="max") == 7
    assert stops([math.nan] * 3, patience=2) == 1
    assert stops([1.0, math.nan, 0.5, math.nan, math.nan], patience=2) == 4
    assert stops([math.inf, 1.0, math.inf], patience=1) == 2
    assert stops([steep.tensor(2.0), steep.tensor(3.0)], patience=1) == 1
    for settings, text in (
        ({"patience": -1}, "patience to be at least 0"),
        ({"min_delta": math.nan}, "min_delta to be at least 0"),
        ({"mode": "least"}, "'min' or 'max', got 'least'"),
    ):
        with pytest.raises(ValueError, match=text):
            train.EarlyStopping(**settings)
    with pytest.raises(TypeError, match="expected a number, got Tensor"):
        train.EarlyStopping().step(steep.ones(2))


def test_the_best_weights_come_back() -> None:
    net = nn.Linear(2, 1)
    stopping = train.EarlyStopping(net, patience=2)
    with pytest.raises(RuntimeError, match="expected weights of a best measure"):
        stopping.restore()
    for value in (3.0, 1.0, 2.0, 2.5):
        with steep.no_grad():
            net.weight.fill_(value)
        stopped = stopping.step(value)
    weight = net.weight
    stopping.restore()
    assert stopped
    assert net.weight is weight
    assert net.weight.tolist() == [[1.0, 1.0]]
    assert (stopping.best, stopping.best_step, stopping.waited, stopping.steps) == (1.0, 1, 2, 4)
    with pytest.raises(RuntimeError, match="make it with a model"):
        train.EarlyStopping().restore()


def test_it_goes_into_checkpoints(tmp_path: Path) -> None:
    net = nn.Linear(2, 1)
    stopping = train.EarlyStopping(net, patience=3)
    for value in (2.0, 1.0, 1.5):
        stopping.step(value)
    steep.save_checkpoint(tmp_path / "f", stopping=stopping)
    other_net = copy.deepcopy(net)
    other = train.EarlyStopping(other_net, patience=3)
    steep.load_checkpoint(tmp_path / "f", stopping=other)
    nn.init.zeros_(other_net.weight)
    assert [other.step(v) for v in (1.2, 1.1)] == [stopping.step(v) for v in (1.2, 1.1)]
    assert (other.best, other.steps) == (1.0, 5)
    other.restore()
    assert other_net.weight.tolist() == net.weight.tolist()


# ---- groups -----------------------------------------------------------------------------------


def names(model: Any, groups: list[dict[str, Any]]) -> list[list[str]]:
    found = {id(p): name for name, p in model.named_parameters()}
    return [[found[id(p)] for p in group["params"]] for group in groups]


def test_biases_and_norms_do_not_decay() -> None:
    class Scaled(nn.LayerNorm):
        """A norm of two dimensions, under another name."""

    net = nn.Sequential(
        nn.Linear(4, 8), nn.LayerNorm(8), nn.PReLU(), Scaled((3, 8)), nn.Linear(8, 2)
    )
    net[4].weight.requires_grad_(False)
    net.tied = net[0].weight
    groups = train.decay_groups(net, 0.3)
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    decaying, others = names(net, groups)
    assert decaying == ["tied"]
    assert others == [
        *("0.bias", "1.weight", "1.bias", "2.weight", "3.weight", "3.bias", "4.bias"),
    ]
    optimizer = optim.AdamW(groups, lr=0.1)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.0]


def test_more_can_be_spared() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2)))
    spared = train.decay_groups(net, 0.1, ["1.0", "0.weight"])
    assert names(net, spared)[0] == ["1.1.weight"]
    assert len(train.decay_groups(net, 0.1, "0")) == 2
    (only,) = train.decay_groups(nn.Linear(2, 2, bias=False), 0.1)
    assert only["weight_decay"] == 0.1
    with pytest.raises(ValueError, match="path of a module or parameter in no_decay, got '2'"):
        train.decay_groups(net, 0.1, ["2"])
    with pytest.raises(ValueError, match="weight_decay to be at least 0"):
        train.decay_groups(net, -0.1)
