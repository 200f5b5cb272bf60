"""Histograms over time, decision regions, and the loss around the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steep
from steep import nn
from steep.viz import LayerRecorder, decision_regions, loss_surface


def network() -> nn.Sequential:
    steep.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))


# ---- layers over time ----


def test_snapshots_hold_what_there_was() -> None:
    model, x = network(), steep.randn(32, 4)
    recorder = LayerRecorder(model, x)
    recorder.record()
    assert recorder.snapshots["gradients"] == {}
    model(x).sum().backward()
    recorder.record(5)
    weights = recorder.snapshots["weights"]["0.weight"]
    assert [snapshot.time for snapshot in weights] == [0, 5]
    values = model[0].weight.detach().numpy()
    assert weights[1].quantiles[0] == values.min()
    assert weights[1].quantiles[-1] == values.max()
    assert weights[1].mean == pytest.approx(values.mean(), abs=1e-7)
    assert weights[1].norm == pytest.approx(np.linalg.norm(values), rel=1e-6)
    assert weights[1].count == 32
    (gradient,) = recorder.snapshots["gradients"]["3.bias"]
    assert (gradient.mean, gradient.std) == (32, 0)
    hidden = recorder.snapshots["activations"]["1"][0]
    share = (model[1](model[0](x)) == 0).float().mean().item()
    assert hidden.zeros == pytest.approx(share)
    assert list(recorder.snapshots["activations"]) == ["0", "1", "2", "3"]
    assert recorder.snapshots["activations"]["2"][0].zeros == hidden.zeros  # nothing is dropped


def test_recording_changes_nothing() -> None:
    model, x = network(), steep.randn(8, 4)
    model[2].eval()
    state = steep.get_rng_state()
    before = {name: p.numpy().copy() for name, p in model.state_dict().items()}
    LayerRecorder(model, (x,)).record()
    assert (steep.get_rng_state() == state).all()
    assert [m.training for m in model.modules()] == [True, True, True, False, True]
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._hooks for m in model.modules())
    for name, p in model.state_dict().items():
        np.testing.assert_array_equal(p.numpy(), before[name])


def test_as_a_callback(tmp_path: Path) -> None:
    model, x = network(), steep.randn(32, 4)
    recorder = LayerRecorder(model, x, every=2)
    adam, loss = steep.optim.Adam(model.parameters()), nn.CrossEntropyLoss()
    y = steep.randint(0, 3, (32,))
    steep.train.fit(model, loss, adam, (x, y), epochs=5, callbacks=[recorder])
    for kind, found in recorder.snapshots.items():
        assert found, kind
        assert all([s.time for s in one] == [2, 4] for one in found.values())
        figure = recorder.figure(kind, save=tmp_path / f"{kind}.png")
        assert len(figure.axes) == 4
    titles = [axes.get_title(loc="left") for axes in recorder.figure("weights").axes]
    assert titles == ["0.weight", "3.weight", "0.bias", "3.bias"]
    assert len(recorder.figure("weights", layers=["3.bias"]).axes) == 1
    assert len(recorder.figure("weights", most=2).axes) == 2


def test_values_that_are_not_finite_are_marked() -> None:
    model = nn.Linear(2, 2)
    recorder = LayerRecorder(model)
    recorder.record()
    with steep.no_grad():
        model.weight[0, 0] = float("nan")
        model.bias.fill_(float("inf"))
    recorder.record()
    assert [s.not_finite for s in recorder.snapshots["weights"]["weight"]] == [0, 1]
    assert recorder.snapshots["weights"]["bias"][1].quantiles == []
    figure = recorder.figure("weights")
    assert figure.axes[0].lines[0].get_xdata() == [1]


def test_what_cannot_be_recorded_or_shown() -> None:
    with pytest.raises(TypeError, match="expected a model"):
        LayerRecorder(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 or more"):
        LayerRecorder(network(), every=0)
    with pytest.raises(TypeError, match="as an example, got a str"):
        LayerRecorder(network(), "abc")
    recorder = LayerRecorder(network())
    with pytest.raises(ValueError, match=r"got none; call record\(\)"):
        recorder.figure("weights")
    recorder.record()
    with pytest.raises(ValueError, match="after backward"):
        recorder.figure("gradients")
    with pytest.raises(ValueError, match="give it an example"):
        recorder.figure("activations")
    with pytest.raises(ValueError, match="expected a kind among"):
        recorder.figure("biases")
    with pytest.raises(ValueError, match="expected layers among"):
        recorder.figure("weights", layers=["9.weight"])


# ---- decision regions ----


def test_regions_are_what_the_model_says() -> None:
    x = steep.tensor([[0.0, 0.0], [2.0, 2.0]])

    def quadrant(points: Any) -> Any:  # class 2 where both are above 1, else 0 or 1
        a, b = points[:, 0] - 1, points[:, 1] - 1
        return steep.stack([-a, a - 3 * (a > 0) * (b > 0), 4.0 * (a > 0) * (b > 0)], dim=1)

    figure = decision_regions(quadrant, x, [0, 2], resolution=41, margin=0.0)
    image = figure.axes[0].images[0].get_array()
    # Blue, orange and green: the channel that is least, or greatest, tells them apart.
    assert image[5, 5].argmax() == 2
    assert image[5, 35].argmax() == 0
    assert image[35, 35].argmax() == 1
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == ["0", "2"]


def test_one_score_has_a_threshold() -> None:
    x = [[0.0, 0.0], [1.0, 1.0]]
    for threshold, model in ((0.0, lambda p: p[:, :1] - 0.5), (0.5, lambda p: p[:, 0])):
        figure = decision_regions(
            model, x, [0, 1], threshold=threshold, resolution=21, classes=["no", "yes"], margin=0.0
        )
        image = figure.axes[0].images[0].get_array()
        assert image[3, 8].argmax() == 2
        assert image[3, 12].argmax() == 0


def test_the_models_own_dtype() -> None:
    decision_regions(nn.Linear(2, 2).double(), [[0.0, 1.0]], resolution=3)


def test_modes_are_as_before() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    decision_regions(model, steep.randn(5, 2), resolution=5)
    assert all(m.training for m in model.modules())


def test_what_has_no_regions() -> None:
    model = nn.Linear(3, 2)
    with pytest.raises(ValueError, match=r"two features, \[n, 2\], got \[4, 3\]"):
        decision_regions(model, steep.randn(4, 3))
    with pytest.raises(ValueError, match="finite x"):
        decision_regions(model, [[0.0, float("inf")]])
    with pytest.raises(ValueError, match="finite scores from the model, got 72 of 72"):
        decision_regions(lambda p: p * float("nan"), [[0.0, 1.0]], resolution=6)
    with pytest.raises(ValueError, match=r"returns scores \[n, classes\]"):
        decision_regions(lambda p: p[:3], [[0.0, 1.0]], resolution=6)
    with pytest.raises(ValueError, match="names of 2 classes"):
        decision_regions(lambda p: p, [[0.0, 1.0]], classes=["a"])
    with pytest.raises(ValueError, match="resolution of 2"):
        decision_regions(lambda p: p, [[0.0, 1.0]], resolution=1)
    with pytest.raises(TypeError, match="of an estimator of two classes give lambda x"):
        decision_regions("model", [[0.0, 1.0]])


# ---- the loss around the weights ----


def test_surface_of_a_known_loss() -> None:
    """With directions given, a linear model without bias has a quadratic loss."""
    model = nn.Linear(2, 1, bias=False)
    with steep.no_grad():
        model.weight.copy_(steep.tensor([[1.0, -2.0]]))
    x, y = steep.eye(2), steep.tensor([[1.0], [-2.0]])
    ways = [steep.tensor([[1.0, 0.0]])], [steep.tensor([[0.0, 2.0]])]
    found = loss_surface(model, nn.MSELoss(), (x, y), span=1, steps=5, directions=ways)
    a = np.linspace(-1, 1, 5)
    np.testing.assert_allclose(found.values, (a[None] ** 2 + 4 * a[:, None] ** 2) / 2, atol=1e-6)
    assert found.loss == 0


def test_a_surface_takes_arrays_as_fit_does() -> None:
    model = nn.Linear(2, 3)
    x, y = np.random.default_rng(0).normal(size=(8, 2)), np.arange(8, dtype=np.int32) % 3
    tensors = steep.tensor(x, dtype=steep.float32), steep.tensor(y, dtype=steep.int64)
    one, other = (loss_surface(model, nn.CrossEntropyLoss(), d, steps=3) for d in ((x, y), tensors))
    np.testing.assert_array_equal(one.values, other.values)


def test_directions_are_as_long_as_the_filters() -> None:
    from steep.viz.landscape import _directions

    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2))
    one, two = _directions(list(model.parameters()), None, 0, "loss_surface")
    for way in (one, two):
        for weight, drawn in zip(model.parameters(), way, strict=True):
            if weight.dim() < 2:
                assert (drawn == 0).all()
                continue
            expected = weight.detach().reshape(len(weight), -1).norm(dim=1)
            lengths = drawn.reshape(len(weight), -1).norm(dim=1)
            np.testing.assert_allclose(lengths.numpy(), expected.numpy(), rtol=1e-5)
    assert not (one[0] == two[0]).all()


def test_surface_leaves_everything_as_it_was(tmp_path: Path) -> None:
    model, data = network(), (steep.randn(16, 4), steep.randint(0, 3, (16,)))
    before = {name: p.numpy().copy() for name, p in model.state_dict().items()}
    state = steep.get_rng_state()
    found = loss_surface(model, nn.CrossEntropyLoss(), data, steps=5)
    again = loss_surface(model, nn.CrossEntropyLoss(), data, steps=5)
    other = loss_surface(model, nn.CrossEntropyLoss(), data, steps=5, seed=1)
    np.testing.assert_array_equal(found.values, again.values)
    assert (found.values != other.values).any()
    assert found.loss == other.loss
    model.eval()
    assert found.loss == nn.CrossEntropyLoss()(model(data[0]), data[1]).item()
    assert (steep.get_rng_state() == state).all()
    for name, p in model.state_dict().items():
        np.testing.assert_array_equal(p.numpy(), before[name])
    for kind, panels in (("contour", 2), ("3d", 1), ("both", 3)):
        figure = found.figure(kind, save=tmp_path / f"{kind}.png")
        assert len(figure.axes) == panels  # the colours' scale is one


def test_weights_come_back_after_an_error() -> None:
    model, data = network(), (steep.randn(16, 4), steep.randint(0, 3, (16,)))
    before = model[0].weight.detach().numpy().copy()
    calls = []

    def loss(prediction: Any, target: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return nn.functional.cross_entropy(prediction, target)

    with pytest.raises(KeyboardInterrupt):
        loss_surface(model, loss, data, steps=5)
    np.testing.assert_array_equal(model[0].weight.detach().numpy(), before)
    assert model.training


def test_losses_that_are_not_finite_are_left_out() -> None:
    model, data = network(), (steep.randn(16, 4), steep.randint(0, 3, (16,)))
    calls = []

    def loss(prediction: Any, target: Any) -> Any:
        calls.append(1)
        value = nn.functional.cross_entropy(prediction, target)
        return value * float("inf") if len(calls) == 3 else value

    figure = loss_surface(model, loss, data, steps=5).figure("both")
    assert figure.axes[0].get_xlabel() == "first direction (1 losses are not finite: white)"
    with pytest.raises(ValueError, match="finite loss, got nan"):
        loss_surface(model, lambda p, t: float("nan"), data)


def test_what_has_no_surface() -> None:
    model, data = network(), (steep.randn(16, 4), steep.randint(0, 3, (16,)))
    loss = nn.CrossEntropyLoss()
    with pytest.raises(TypeError, match="expected a model"):
        loss_surface(len, loss, data)  # type: ignore[arg-type]
    for settings, said in (
        ({"span": 0.0}, "span above 0"),
        ({"steps": 4}, "odd number of steps"),
        ({"steps": 1}, "odd number of steps"),
        ({"steps": 3.0}, "odd number of steps"),
        ({"directions": ([], [])}, "two directions"),
    ):
        with pytest.raises(ValueError, match=said):
            loss_surface(model, loss, data, **settings)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a pair \(inputs, targets\), got a Tensor"):
        loss_surface(model, loss, data[0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weight of two dimensions"):
        loss_surface(nn.BatchNorm1d(4), loss, data)
    with pytest.raises(ValueError, match="'contour', '3d' or 'both'"):
        loss_surface(model, loss, data, steps=3).figure("4d")
