"""`LayerTrace` and `dead_units`: the numbers are those of the training, which they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from diagnose_support import adam, blobs, images, mlp, sgd
from steep import nn
from steep.diagnose import LayerTrace, dead_units


def train(net: nn.Module, optimizer: Any, batches: Any) -> list[dict[str, float]]:
    """The norms of all gradients, by step."""
    norms = []
    for x, y in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        norms.append(
            {n: p.grad.norm().item() for n, p in net.named_parameters() if p.grad is not None}
        )
        optimizer.step()
    return norms


def test_norms_and_updates_are_those_of_the_training() -> None:
    steep.manual_seed(0)
    net = mlp(6, 16, 3)
    with LayerTrace(net) as trace:
        norms = train(net, sgd(net, 0.1), blobs(5))
    assert list(trace.gradient_norms) == [name for name, _ in net.named_parameters()]
    for name, values in trace.gradient_norms.items():
        assert values == pytest.approx([norm[name] for norm in norms], rel=1e-5)
    last = 0.1 * norms[-1]["0.weight"] / net[0].weight.norm().item()
    assert trace.update_ratios["0.weight"][-1] == pytest.approx(last, rel=1e-3)
    assert all(module._hooks is None for module in net.modules())


def test_activations_are_those_of_the_layers() -> None:
    steep.manual_seed(0)
    net, x = mlp(6, 16, 3), steep.randn(32, 6)
    with LayerTrace(net) as trace:
        net(x)
        with steep.no_grad():
            net(x)  # a validation is not counted
    h = net[0](x).relu().detach()
    assert trace.activations["1"]["mean"] == pytest.approx([h.mean().item()], rel=1e-5)
    assert trace.activations["1"]["std"] == pytest.approx([h.numpy().std().item()], rel=1e-5)
    assert trace.activations["1"]["zeros"] == pytest.approx([(h == 0).float().mean().item()])


def test_dead_units_are_counted_and_named() -> None:
    steep.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    with steep.no_grad():
        net[0].bias[2] = -100.0
    assert dead_units(net, steep.rand(20, 1, 8, 8))["1"] == [2]
    with LayerTrace(net) as trace:
        train(net, adam(net), images(12))
    assert 0.25 <= trace.dead_units()["1"] < 1.0  # another may have died meanwhile
    assert trace.dead_units()["0"] == trace.dead_units()["3"] == 0.0


def test_dead_units_change_nothing() -> None:
    steep.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
    x = steep.randn(9, 6)
    before = [t.numpy().tobytes() for t in net.state_dict().values()]
    stream = steep.get_rng_state().numpy().tobytes()
    dead_units(net, x)
    assert [t.numpy().tobytes() for t in net.state_dict().values()] == before
    assert steep.get_rng_state().numpy().tobytes() == stream
    assert all(module._hooks is None for module in net.modules())


def test_a_traced_training_gives_the_same_bits() -> None:
    def bits(traced: bool) -> list[bytes]:
        steep.manual_seed(0)
        net = mlp(6, 16, 16, 3)
        trace = LayerTrace(net) if traced else None
        train(net, adam(net), blobs(5))
        if trace is not None:
            trace.close()
        return [t.numpy().tobytes() for t in net.state_dict().values()]

    assert bits(True) == bits(False)


@pytest.mark.parametrize("what", ["gradient_norms", "update_ratios", "mean", "std", "zeros"])
def test_figures_have_a_line_for_each(what: str) -> None:
    pytest.importorskip("matplotlib")
    net = mlp(6, 16, 3)
    with LayerTrace(net) as trace:
        train(net, adam(net), blobs(3))
    (axes,) = trace.figure(what).axes
    assert len(axes.lines) == (4 if what in ("gradient_norms", "update_ratios") else 3)


def test_arguments_are_checked() -> None:
    with pytest.raises(TypeError, match="expected a Module as model, got int"):
        LayerTrace(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a Module as model, got int"):
        dead_units(3, steep.ones(1))  # type: ignore[arg-type]
    with LayerTrace(mlp(2, 2)) as trace, pytest.raises(ValueError, match="got 'colours'"):
        trace.figure("colours")
