"""The way of a training in the plane of its principal directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from steep import nn
from steep.viz import Trajectory, loss_path

LOSS = nn.MSELoss()


def fitted(every: int = 1) -> tuple[Any, Any, Any]:
    steep.manual_seed(0)
    data = steep.randn(40, 4), steep.randn(40, 1)
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.2), nn.Linear(6, 1))
    trajectory = Trajectory(model, every=every)
    sgd = steep.optim.SGD(model.parameters(), lr=0.05)
    steep.train.fit(model, LOSS, sgd, data, epochs=6, callbacks=[trajectory])
    return model, data, trajectory


def test_points_are_projections_and_values_losses_of_the_plane() -> None:
    model, data, trajectory = fitted()
    state, drawn = {k: v.clone() for k, v in model.state_dict().items()}, steep.get_rng_state()
    path = loss_path(model, LOSS, data, trajectory, steps=4, margin=0.5)
    for name, value in model.state_dict().items():
        assert steep.equal(value, state[name])
    assert model.training
    assert steep.equal(steep.get_rng_state(), drawn)
    assert [len(trajectory), path.points.shape, path.values.shape] == [7, (7, 2), (4, 4)]
    assert np.array_equal(path.points[-1], [0, 0])
    # By the eigenvectors of the covariance, which the factorisation of the ways has to agree with.
    ways = np.stack(trajectory.weights) - trajectory.weights[-1]
    squares, vectors = np.linalg.eigh(np.cov(ways.T, bias=True))
    first, second = vectors[:, -1], vectors[:, -2]
    shares = squares[::-1][:2] / squares.sum()
    np.testing.assert_allclose(path.explained, shares, rtol=1e-9)
    for k, direction in enumerate((first, second)):
        np.testing.assert_allclose(np.abs(path.points[:, k]), np.abs(ways @ direction), atol=1e-9)
    low, high = path.points[:, 0].min(), path.points[:, 0].max()
    wide = 0.5 * (high - low)
    np.testing.assert_allclose(path.along[[0, -1]], [low - wide, high + wide])
    # A loss of the plane by hand: the sign of each direction is that in which the way begins.
    signs = [np.sign(ways[0] @ v) for v in (first, second)]
    there = trajectory.weights[-1] + path.along[1] * signs[0] * first
    there = there + path.across[2] * signs[1] * second
    nn.utils.vector_to_parameters(steep.tensor(there, dtype=steep.float32), model.parameters())
    assert float(LOSS(model.eval()(data[0]), data[1])) == pytest.approx(path.values[2, 1], rel=1e-5)


def test_moments_of_a_loop_of_ones_own() -> None:
    assert len(fitted(every=4)[2]) == 2
    model = nn.Linear(1, 1, bias=False)
    trajectory = Trajectory(model)
    for value in (3.0, 2.0, 1.5):
        with steep.no_grad():
            model.weight.fill_(value)
        trajectory.record()
    data = steep.ones(1, 1), steep.zeros(1, 1)
    path = loss_path(model, LOSS, data, trajectory, steps=3, margin=0.0)
    np.testing.assert_allclose(path.points[:, 0], [1.5, 0.5, 0.0])
    np.testing.assert_allclose(path.explained, [1.0, 0.0])
    assert path.values.max() > 2
    assert path.figure() is not None


def test_the_figure_shows_the_way() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    model, data, trajectory = fitted()
    path = loss_path(model, LOSS, data, trajectory.weights, steps=5)
    axes = path.figure().axes[0]
    assert np.array_equal(axes.lines[0].get_xydata(), path.points)
    assert f"{100 * path.explained[0]:.0f}% of the variance" in axes.get_xlabel()


def test_what_has_no_way_is_refused() -> None:
    model, data, trajectory = fitted()
    same = [trajectory.weights[0]] * 3
    bad: list[tuple[type[Exception], str, Any]] = [
        (TypeError, "expected a model", lambda: Trajectory(len)),  # type: ignore[arg-type]
        (TypeError, "expected a model", lambda: loss_path(len, LOSS, data, same)),  # type: ignore[arg-type]
        (TypeError, "a pair", lambda: loss_path(model, LOSS, data[0], same)),
        (ValueError, "at least 1", lambda: Trajectory(model, every=0)),
        (ValueError, "with parameters", lambda: Trajectory(nn.ReLU())),
        (
            ValueError,
            "three moments or more, got 2",
            lambda: loss_path(model, LOSS, data, same[:2]),
        ),
        (ValueError, "that change", lambda: loss_path(model, LOSS, data, same)),
        (ValueError, "another model", lambda: loss_path(nn.Linear(4, 1), LOSS, data, same)),
        (ValueError, "finite", lambda: loss_path(model, LOSS, data, [*same, same[0] * np.nan])),
        (ValueError, "2 steps", lambda: loss_path(model, LOSS, data, trajectory, steps=1)),
        (ValueError, "margin", lambda: loss_path(model, LOSS, data, trajectory, margin=-1)),
    ]
    for kind, text, call in bad:
        with pytest.raises(kind, match=text):
            call()
