"""How good a classifier is: confusion matrix, ROC curves, calibration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from steep.viz._figure import GREY, INK, colour, finish, new_figure, sequential, settings
from steep.viz._inputs import (
    as_array,
    as_labels,
    check_count,
    check_finite,
    class_names,
    labels_of,
    numbers_of,
)

__all__ = ["calibration_curve", "confusion_matrix", "roc_curve"]

_Save = str | os.PathLike[str] | None


def confusion_matrix(
    truth: Any,
    predicted: Any,
    *,
    classes: Sequence[Any] | None = None,
    normalize: bool = False,
    save: _Save = None,
) -> Any:
    """How often each class was taken for each: a row for the truth, a column for the prediction.

    Args:
        truth: labels, [n]: numbers from 0 on, or names.
        predicted: labels, [n], or scores, [n, classes], of which the highest counts.
        classes: what classes 0, 1, ... are called. Default: the labels.
        normalize: write shares of each row instead of counts. Colours are always those of shares.
        save: where to write it: a path that ends in ``.png``, ``.svg`` or ``.pdf``.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: for nothing, different numbers of labels, unknown classes, scores that are not
            finite.
        ImportError: if matplotlib is not installed.

    Example:
        >>> figure = confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2], classes=["cat", "dog", "fox"])
        >>> figure.axes[0].get_title(loc="left")
        'Accuracy 75.0% of 4'
    """
    import numpy as np

    what = "confusion_matrix"
    true = as_labels(truth, what, "truth")
    given = labels_of(predicted, what, "predicted", len(true))
    rows, columns, names = numbers_of(true, given, classes, what)
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (rows, columns), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with settings():
        size = min(max(4.2, 1.8 + 0.52 * len(names)), 14)
        figure = new_figure("steep.viz.confusion_matrix", (size + 0.8, size))
        axes = figure.subplots()
        image = axes.imshow(shares, cmap=sequential(), vmin=0, vmax=1)
        axes.spines[:].set_visible(False)
        ticks = range(len(names)) if len(names) <= 40 else range(0, len(names), len(names) // 20)
        long = max(map(len, names)) > 3
        axes.set_xticks(ticks, [names[k] for k in ticks], rotation=45 if long else 0,
                        ha="right" if long else "center")  # fmt: skip
        axes.set_yticks(ticks, [names[k] for k in ticks])
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title(f"Accuracy {np.trace(counts) / len(true):.1%} of {len(true):,}")
        if len(names) <= 25:
            _write_cells(axes, counts, shares, normalize)
        bar = figure.colorbar(image, shrink=0.8, label="share of the true class")
        bar.ax.yaxis.set_major_formatter("{x:.0%}")
        bar.outline.set_visible(False)
        return finish(figure, save, what)


def _write_cells(axes: Any, counts: Any, shares: Any, normalize: bool) -> None:
    size = 9 if len(counts) <= 12 else 6.5
    for (row, column), count in _cells(counts):
        if not count:
            continue
        share = shares[row, column]
        text = f"{share:.0%}" if normalize else f"{count}"
        ink = "white" if share > 0.45 else INK
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=size)


def _cells(counts: Any) -> Any:
    import numpy as np

    return np.ndenumerate(counts)


def roc_curve(
    truth: Any, scores: Any, *, classes: Sequence[Any] | None = None, save: _Save = None
) -> Any:
    """True against false positives at every threshold, with the area under each curve.

    Of two classes, one curve; of more, one for each against the rest. The area is the probability
    that a positive sample scores higher than a negative one, ties counted by half (Hanley and
    McNeil 1982).

    Args:
        truth: labels, [n]: for scores [n], 0 or 1; else numbers of columns.
        scores: higher means more probably positive: [n], of class 1; or [n, classes].
        classes: what they are called. Default: their numbers.
        save: where to write it: a path that ends in ``.png``, ``.svg`` or ``.pdf``.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: for scores that are not finite, labels without scores, or a truth of one class.
        ImportError: if matplotlib is not installed.

    Example:
        >>> figure = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        >>> figure.axes[0].lines[1].get_label()
        'area 0.750'
    """
    what = "roc_curve"
    true, columns, names = _scores(truth, scores, classes, what)
    curves = []
    for number, column in columns:
        positive = true == number
        if positive.all() or not positive.any():
            if len(columns) == 1:
                raise ValueError(
                    f"{what}: expected both classes among the truth, got {int(positive.sum())} "
                    f"positive of {len(true)}"
                )
            continue
        curves.append((names[number], *_roc(positive, column)))
    if not curves:
        raise ValueError(f"{what}: expected two classes or more among the truth, got one")
    with settings():
        figure = new_figure("steep.viz.roc_curve", (5.4, 4.6))
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls=":", label="chance")
        for k, (name, false, hit, area) in enumerate(curves):
            label = f"area {area:.3f}" if len(columns) == 1 else f"{name}: area {area:.3f}"
            style = "-" if k < 7 else "--" if k < 14 else ":"
            axes.plot(false, hit, color=colour(k), lw=1.6, ls=style, label=label)
        axes.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set_title("ROC" if len(columns) == 1 else "ROC, each class against the rest")
        if len(curves) <= 4:
            axes.legend(loc="lower right")
        else:
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
            figure.set_size_inches(6.8, 4.6)
        return finish(figure, save, what)


def _scores(truth: Any, scores: Any, classes: Any, what: str) -> tuple[Any, list[Any], list[str]]:
    """Labels as numbers, a column of scores for each class that gets a curve, and names."""
    found = as_array(scores, what, "scores")
    check_finite(found, what, "scores")
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim > 2:
        raise ValueError(f"{what}: expected scores [n] or [n, classes], got {list(found.shape)}")
    count = 2 if found.ndim == 1 else found.shape[1]
    names = [str(k) for k in range(count)] if classes is None else [str(x) for x in classes]
    if len(names) != count:
        raise ValueError(f"{what}: expected names of {count} classes, got {len(names)}")
    labels = as_labels(truth, what, "truth")
    check_count(len(found), len(labels), what, "scores")
    true, _ = class_names(labels, names, what)
    if found.ndim == 1:
        return true, [(1, found)], names
    # Of two columns, the difference decides.
    columns = [(1, found[:, 1] - found[:, 0])] if count == 2 else list(enumerate(found.T))
    return true, columns, names


def _roc(positive: Any, scores: Any) -> tuple[Any, Any, float]:
    """False and true positive rates as the threshold falls, and the area under them."""
    import numpy as np

    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # of each tie
    hit = np.concatenate([[0], hits[last] / hits[-1]])
    false = np.concatenate([[0], (last + 1 - hits[last]) / (len(scores) - hits[-1])])
    area = float(np.sum(np.diff(false) * (hit[1:] + hit[:-1]) / 2))
    return false, hit, area


def calibration_curve(truth: Any, probabilities: Any, *, bins: int = 10, save: _Save = None) -> Any:
    """Whether of all that is said with 80% certainty 80% is true: a reliability diagram.

    Below it, how many samples are in each bin. The title gives the expected calibration error: the
    mean distance of certainty and truth, weighted by samples (Guo et al., ICML 2017, equation 3).

    Args:
        truth: labels, [n]: for probabilities [n], 0 or 1; else numbers of columns.
        probabilities: from 0 to 1: of class 1, [n]; or of each class, [n, classes], of which the
            highest is compared with whether that class is the true one.
        bins: of equal width, from 0 to 1. Default: 10.
        save: where to write it: a path that ends in ``.png``, ``.svg`` or ``.pdf``.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: for what is no probability (scores want a softmax or sigmoid first), or fewer
            than one bin.
        ImportError: if matplotlib is not installed.

    Example:
        >>> figure = calibration_curve([0, 1, 1, 1], [0.25, 0.75, 0.75, 0.75])
        >>> figure.axes[0].get_title(loc="left")
        'Expected calibration error 25.0%'
    """
    import numpy as np

    what = "calibration_curve"
    if bins < 1:
        raise ValueError(f"{what}: expected one bin or more, got {bins}")
    true, certainty, right = _certainties(truth, probabilities, what)
    place = np.minimum((certainty * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    full = np.flatnonzero(count)
    said = np.bincount(place, certainty, bins)[full] / count[full]
    found = np.bincount(place, right, bins)[full] / count[full]
    error = float(np.sum(np.abs(said - found) * count[full]) / len(true))
    with settings():
        figure = new_figure("steep.viz.calibration_curve", (4.8, 5.2))
        top, foot = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        top.plot([0, 1], [0, 1], color=GREY, lw=1, ls=":", label="perfectly calibrated")
        low, high = _wilson(found, count[full])
        reach = [found - low, high - found]
        top.errorbar(said, found, reach, color=colour(0), marker="o", ms=4.5, lw=1.6,
                     elinewidth=1, capsize=2, label="the model, 95% intervals")  # fmt: skip
        top.set(ylabel="share that is true", xlim=(0, 1), ylim=(-0.02, 1.02))
        top.set_title(f"Expected calibration error {error:.1%}")
        top.legend(loc="best")
        top.grid(color="#e8e8e8", lw=0.6)
        foot.bar((np.arange(bins) + 0.5) / bins, count, 0.92 / bins, color=colour(0), alpha=0.55)
        foot.set(xlabel="certainty of the model", ylabel="samples")
        return finish(figure, save, what)


def _wilson(share: Any, count: Any) -> tuple[Any, Any]:
    """The 95% interval of a share of so many samples (Wilson 1927), never beyond 0 and 1."""
    import numpy as np

    z2 = 1.96**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = np.sqrt(z2 * share * (1 - share) / count + (z2 / count) ** 2 / 4) / (1 + z2 / count)
    return np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)


def _certainties(truth: Any, probabilities: Any, what: str) -> tuple[Any, Any, Any]:
    import numpy as np

    found = as_array(probabilities, what, "probabilities")
    check_finite(found, what, "probabilities")
    if found.min() < 0 or found.max() > 1:
        raise ValueError(
            f"{what}: expected probabilities from 0 to 1, got values from {found.min():.4g} to "
            f"{found.max():.4g}; scores become probabilities by softmax(dim=1) or sigmoid()"
        )
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim > 2:
        raise ValueError(
            f"{what}: expected probabilities [n] or [n, classes], got {list(found.shape)}"
        )
    true = as_labels(truth, what, "truth")
    check_count(len(found), len(true), what, "probabilities")
    classes = [str(k) for k in range(2 if found.ndim == 1 else found.shape[1])]
    true, _ = class_names(true, classes, what)
    if found.ndim == 1:
        return true, found.astype(float), (true == 1).astype(float)
    top = found.argmax(axis=1)
    return true, found[np.arange(len(top)), top].astype(float), (top == true).astype(float)
