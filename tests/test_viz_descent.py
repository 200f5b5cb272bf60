"""Surfaces, the paths of optimisers over them, and their pictures."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

import steep
from steep.viz import descend, surfaces
from steep.viz.surfaces import SURFACES, Surface

NAMES = list(SURFACES)


def gradient(surface: Surface, x: float, y: float) -> tuple[float, float]:
    """The engine's."""
    point = steep.tensor([x, y], dtype=steep.float64, requires_grad=True)
    surface(point[0], point[1]).backward()
    assert point.grad is not None
    a, b = point.grad.tolist()
    return a, b


@pytest.mark.parametrize("name", NAMES)
def test_gradient_by_hand_is_the_engines(name: str) -> None:
    surface = SURFACES[name]
    random = np.random.default_rng(0)
    (x0, x1), (y0, y1) = surface.domain
    for x, y in random.uniform([x0, y0], [x1, y1], (20, 2)).tolist():
        ours = np.array(surface.gradient(x, y))
        np.testing.assert_allclose(ours, gradient(surface, x, y), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_minima_are_minima(name: str) -> None:
    surface = SURFACES[name]
    (x0, x1), (y0, y1) = surface.domain
    for (x, y), value in surface.minima:
        assert x0 < x < x1
        assert y0 < y < y1
        assert surface(x, y) == pytest.approx(value, abs=1e-14)
        np.testing.assert_allclose(gradient(surface, x, y), 0, atol=1e-12)
        for turn in np.linspace(0, 2 * math.pi, 16):
            assert surface(x + 1e-3 * math.cos(turn), y + 1e-3 * math.sin(turn)) > value
    assert (surface.lowest is None) == (name == "saddle")


def test_no_other_minimum_is_lower() -> None:
    for surface in SURFACES.values():
        (x0, x1), (y0, y1) = surface.domain
        x, y = np.meshgrid(np.linspace(x0, x1, 301), np.linspace(y0, y1, 301))
        if surface.lowest is not None:
            assert surface(x, y).min() >= surface.lowest


def test_values_that_are_known() -> None:
    assert SURFACES["rosenbrock"](-1.2, 1.0) == pytest.approx(24.2)
    assert SURFACES["beale"](1.0, 1.0) == pytest.approx(14.203125)


def test_unknown_surface_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'rosenbrock'"):
        descend("rosenbrook")
    with pytest.raises(TypeError, match="expected a name or a steep"):
        surfaces.find(3)  # type: ignore[arg-type]
    assert surfaces.find("Two-Minima") is SURFACES["two_minima"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizers": "adamm"}, "did you mean 'adam'"),
        ({"optimizers": []}, "expected an optimiser at least"),
        ({"start": (1.0,)}, "two finite numbers"),
        ({"start": ("1", 2)}, "two finite numbers"),
        ({"lr": "fast"}, "learning rate above 0"),
        ({"start": (1.0, math.nan)}, "two finite numbers"),
        ({"lr": 0.0}, "learning rate above 0"),
        ({"lr": math.inf}, "learning rate above 0"),
        ({"lr": {"sdg": 0.1}}, "did you mean 'sgd'"),
        ({"momentum": 1.0}, "momentum from 0 to below 1"),
        ({"steps": 0}, "whole number of 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        descend("bowl", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("optimizers", "said"),
    [
        (3, "names of optimisers"),
        ({"mine": 3}, "expected a function"),
        ({"mine": lambda p: 3}, "to make a steep.optim.Optimizer"),
    ],
)
def test_what_is_no_optimizer(optimizers: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        descend("bowl", optimizers)  # type: ignore[arg-type]


def test_gradients_are_computed_in_any_mode() -> None:
    with steep.no_grad():
        assert descend("bowl", "sgd", lr=0.5, steps=1).paths["sgd"].points[1] == (0, 0)


def test_path_is_that_of_the_optimizer() -> None:
    descent = descend("beale", ["momentum", "adam"], momentum=0.8, lr={"adam": 0.2}, steps=30)
    surface = SURFACES["beale"]
    for name, make in {
        "momentum": lambda p: steep.optim.SGD(p, lr=surface.lr, momentum=0.8),
        "adam": lambda p: steep.optim.Adam(p, lr=0.2, betas=(0.8, 0.999)),
    }.items():
        point = steep.tensor(surface.start, dtype=steep.float64, requires_grad=True)
        optimizer = make([point])
        for _ in range(30):
            optimizer.zero_grad()
            surface(point[0], point[1]).backward()
            optimizer.step()
        path = descent.paths[name]
        assert path.points[-1] == tuple(point.tolist())
        assert len(path.points) == len(path.values) == len(path.gradients) == 31
        assert len(path.velocities) == 30


def test_optimizers_of_ones_own() -> None:
    descent = descend("bowl", {"mine": lambda p: steep.optim.SGD(p, lr=0.5)}, steps=2)
    assert descent.paths["mine"].lr == 0.5
    assert descent.paths["mine"].points[1] == (0.0, 0.0)


def test_divergence_ends_a_path() -> None:
    path = descend("bowl", "sgd", lr=1.5, steps=100).paths["sgd"]  # doubles at each step
    assert path.diverged == 10
    assert len(path.points) == 10
    assert all(math.isfinite(v) for v in path.values)
    assert "diverged at step 10" in str(descend("bowl", "sgd", lr=1.5))


def test_every_optimizer_gets_down_somewhere() -> None:
    descent = descend("bowl", steep.viz.OPTIMIZERS, steps=300)
    for path in descent.paths.values():
        assert path.outcome(descent.surface) == "at the minimum (0, 0)", path.name


def test_figure_and_its_files(tmp_path: Path) -> None:
    descent = descend("ravine", ["sgd", "nesterov"], steps=20)
    before = "matplotlib.pyplot" in sys.modules
    figure = descent.figure(save=tmp_path / "ravine.png")
    assert (tmp_path / "ravine.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert ("matplotlib.pyplot" in sys.modules) == before
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "Ravine: x²/2 + 12.5 y²"
    lines = {line.get_label(): line for line in axes.lines}
    shown = lines["nesterov, lr 0.07: diverged at step 14"]
    np.testing.assert_array_equal(shown.get_xydata(), descent.paths["nesterov"].points)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["sgd, lr 0.07: on its way", "nesterov, lr 0.07: diverged at step 14"]
    with pytest.raises(ValueError, match=r"ends in \.png or \.svg or \.pdf"):
        descent.figure(save=tmp_path / "ravine.jpeg")


def test_svg_is_the_same_file_each_time(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        descend("saddle", "sgd", steps=3).figure(save=tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_animation(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    descent = descend("two_minima", ["momentum"], steps=10)
    descent.animate(tmp_path / "way.gif", frames=4)
    with image.open(tmp_path / "way.gif") as gif:
        assert gif.n_frames == 4
        assert gif.info["duration"] == 80
    with pytest.raises(ValueError, match=r"ends in \.gif"):
        descent.animate(tmp_path / "way.mp4")
    with pytest.raises(ValueError, match="2 frames"):
        descent.animate(tmp_path / "way.gif", frames=1)
