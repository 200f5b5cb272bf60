"""What a network of two inputs says where."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import steep
from steep.nn.module import Module
from steep.viz._figure import COLOURS, INK, finish, new_figure, settings
from steep.viz._inputs import as_array, as_labels, check_count, check_finite, class_names

if TYPE_CHECKING:
    import numpy as np

__all__ = ["decision_regions"]

_MARKERS = "os^DvP*"


def decision_regions(
    model: Module | Callable[[Any], Any],
    x: Any,
    truth: Any = None,
    *,
    classes: Sequence[Any] | None = None,
    features: tuple[str, str] = ("first input", "second input"),
    threshold: float = 0.0,
    resolution: int = 200,
    margin: float = 0.1,
    save: str | os.PathLike[str] | None = None,
) -> Any:
    """The class that a network of two inputs gives to each point of the plane, and its samples.

    The stronger a colour, the more certain the network is there; where it changes its mind there
    is a line.

    Args:
        model: a module, or a function of a float32 tensor [n, 2]. It returns scores, [n, classes],
            or one score of class 1, [n] or [n, 1].
        x: samples, [n, 2]; they say which part of the plane is shown.
        truth: their labels, [n], for their colours. Default: all samples in white.
        classes: what classes 0, 1, ... are called. Default: their numbers.
        features: what the two inputs are called.
        threshold: where there is one score: above it is class 1. 0 for scores before a sigmoid
            (the default), 0.5 for probabilities.
        resolution: points along each side. Default: 200.
        margin: of the picture around the samples, as a share of their extent. Default: 0.1.
        save: where to write it: a path that ends in ``.png``, ``.svg`` or ``.pdf``.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: if samples have not two features, are not finite, or the model returns what is
            no score, or none that is finite.
        TypeError: if `model` cannot be called.
        ImportError: if matplotlib is not installed.

    Example:
        >>> import steep
        >>> x = steep.tensor([[0.0, 0.0], [1.0, 1.0]])
        >>> figure = decision_regions(lambda x: x[:, 0] - 0.5, x, [0, 1], resolution=20)
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['0', '1']
    """
    import numpy as np

    what = "decision_regions"
    points = as_array(x, what, "x")
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"{what}: expected samples with two features, [n, 2], got {list(points.shape)}; choose "
            "two of them, or train on two components (of a PCA, say)"
        )
    check_finite(points, what, "x")
    if resolution < 2:
        raise ValueError(f"{what}: expected a resolution of 2 or more, got {resolution}")
    lows, highs = points.min(axis=0), points.max(axis=0)
    room = np.where(highs > lows, (highs - lows) * margin, 1.0)
    along = [np.linspace(lows[k] - room[k], highs[k] + room[k], resolution) for k in range(2)]
    plane = np.stack(np.meshgrid(*along), axis=-1).reshape(-1, 2)
    scores = _scores(model, plane, what)
    count = 2 if scores.ndim == 1 else scores.shape[1]
    names = [str(k) for k in range(count)] if classes is None else [str(c) for c in classes]
    if len(names) != count:
        raise ValueError(f"{what}: expected names of {count} classes, got {len(names)}")
    labels = None
    if truth is not None:
        given = as_labels(truth, what, "truth")
        check_count(len(given), len(points), what, "truth")
        labels, _ = class_names(given, names, what)
    shares = _shares(scores, threshold).reshape(resolution, resolution, count)
    with settings():
        figure = new_figure("steep.viz.decision_regions", (5.6, 4.4))
        axes = figure.subplots()
        extent = (along[0][0], along[0][-1], along[1][0], along[1][-1])
        axes.imshow(_colours(shares), origin="lower", extent=extent, aspect="auto",
                    interpolation="bilinear")  # fmt: skip
        if count > 1:
            _draw_borders(axes, along, shares)
        _draw_samples(axes, points, labels, names)
        axes.set(xlabel=features[0], ylabel=features[1], xlim=extent[:2], ylim=extent[2:])
        axes.spines[:].set_visible(True)
        return finish(figure, save, what)


def _scores(model: Any, plane: np.ndarray[Any, Any], what: str) -> np.ndarray[Any, Any]:
    """What the model says, in eval mode if it is a module; its mode is as before afterwards."""
    import numpy as np

    if not callable(model):
        raise TypeError(
            f"{what}: expected a module or a function of a tensor, got {type(model).__name__}; of "
            "an estimator of two classes give lambda x: model.predict_proba(x)[:, 1], threshold=0.5"
        )
    modes = [(m, m.training) for m in model.modules()] if isinstance(model, Module) else []
    if modes:
        model.eval()
    try:
        with steep.no_grad():
            found = model(steep.tensor(plane, dtype=_dtype(model)))
    finally:
        for module, training in modes:
            module.training = training
    scores = as_array(found, what, "scores from the model")
    if scores.ndim == 2 and scores.shape[1] == 1:
        scores = scores[:, 0]
    if scores.ndim not in (1, 2) or len(scores) != len(plane):
        raise ValueError(
            f"{what}: expected a model that returns scores [n, classes] or [n] for [n, 2], got "
            f"{list(scores.shape)} for {list(plane.shape)}"
        )
    check_finite(scores, what, "scores from the model")
    return scores.astype(np.float64)


def _dtype(model: Any) -> Any:
    """That of the model's weights, or float32."""
    weights = model.parameters() if isinstance(model, Module) else ()
    return next((w.dtype for w in weights if w.is_floating_point()), steep.float32)


def _shares(scores: Any, threshold: float) -> Any:
    """Probabilities of the classes: softmax, or of one score the sigmoid above the threshold."""
    import numpy as np

    if scores.ndim == 1:
        # A probability's distance to its threshold is made as long as that of a score.
        steep_ness = 10.0 if 0 < threshold < 1 else 1.0
        one = 1 / (1 + np.exp(-np.clip(steep_ness * (scores - threshold), -50, 50)))
        return np.stack([1 - one, one], axis=-1)
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _rgb(text: str) -> list[float]:
    return [int(text[k : k + 2], 16) / 255 for k in (1, 3, 5)]


def _colours(shares: Any) -> Any:
    """The winning class's colour, paler the less certain."""
    import numpy as np

    inks = np.array([_rgb(COLOURS[k % len(COLOURS)]) for k in range(shares.shape[-1])])
    best, sure = shares.argmax(axis=-1), shares.max(axis=-1)
    least = 1 / shares.shape[-1]
    weight = (0.15 + 0.4 * (sure - least) / (1 - least))[..., None]
    return 1 - weight * (1 - inks[best])


def _draw_borders(axes: Any, along: Any, shares: Any) -> None:
    """Lines where another class begins to win."""
    import numpy as np

    for k in range(shares.shape[-1]):
        others = np.delete(shares, k, axis=-1).max(axis=-1)
        ahead = shares[..., k] - others
        if ahead.min() < 0 < ahead.max():
            axes.contour(*along, ahead, levels=[0], colors=INK, linewidths=0.9, alpha=0.7)


def _draw_samples(axes: Any, points: Any, labels: Any, names: list[str]) -> None:
    if labels is None:
        axes.plot(*points.T, "o", color="white", mec=INK, mew=0.8, ms=4.5)
        return
    for k, name in enumerate(names):
        own = points[labels == k]
        if len(own):
            axes.plot(*own.T, _MARKERS[k % len(_MARKERS)], color=COLOURS[k % len(COLOURS)],
                      mec="white", mew=0.6, ms=5, label=name)  # fmt: skip
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), title="true class", alignment="left")
