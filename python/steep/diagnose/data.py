"""`check_data`: what is wrong with the data itself, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from steep._core import Tensor
from steep.diagnose._numbers import Array, array, short
from steep.diagnose._relation import relation
from steep.diagnose._rows import KnownRows, leaks
from steep.diagnose.finding import Finding

__all__ = ["check_data"]

# A constant answer has nine tenths right: accuracy says little then.
_MAJORITY = 0.9
# Inputs of so large a root mean square cost a thousand times the learning rate; see the rule of
# the sanitiser.
_LARGE = 30.0
_SAMPLES = 600
_PER_CLASS = 30


def check_data(x: Any, y: Any = None, validation: Any = None) -> list[Finding]:
    """Look at a training set, and at a validation set beside it.

    Finds NaN, columns far from unit variance, a column that is the target, labels that have
    nothing to do with the inputs, a class that nearly all samples are of, rows that are in both
    sets, and classes that only the validation has.

    Args:
        x: inputs ``(N, *)``, a tensor or array of numbers.
        y: targets ``(N, *)``. Default: ``None``.
        validation: a tuple ``(x, y)``. Default: ``None``.

    Returns:
        What was found; an empty list if nothing was. Nothing is warned of.

    Raises:
        TypeError: if `x` or `y` is no array of numbers.
        ValueError: if lengths differ.

    Example:
        >>> import steep
        >>> _ = steep.manual_seed(0)
        >>> x = steep.randn(400, 3)
        >>> y = (x[:, 0] > 0).long()
        >>> steep.diagnose.check_data(x, y)
        []
        >>> [finding.code for finding in steep.diagnose.check_data(x, y, (x[:100], y[:100]))]
        ['rows-in-both-splits']
    """
    xs, ys = _as_array("x", x), None if y is None else _as_array("y", y)
    _check_lengths("y", xs, ys)
    found = [*_inputs(xs), *([] if ys is None else _targets(xs, ys))]
    if validation is not None:
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise TypeError("check_data: expected validation to be a tuple (x, y)")
        vx = _as_array("x of validation", validation[0])
        vy = None if validation[1] is None else _as_array("y of validation", validation[1])
        _check_lengths("y of validation", vx, vy)
        known = KnownRows()
        known.add(xs)
        expected = known.repeated / max(1, known.count)
        found += [*leaks(known, vx, expected), *_unseen(ys, vy)]
    return found


def _as_array(what: str, value: Any) -> Array:
    made = array(value) if isinstance(value, Tensor) else np.asarray(value)
    if made.dtype.kind not in "fiub" or made.ndim == 0:
        raise TypeError(
            f"check_data: expected {what} to be a tensor or array of numbers, got "
            f"{made.dtype} of shape {made.shape}"
        )
    return made


def _check_lengths(what: str, x: Array, y: Array | None) -> None:
    if y is not None and len(x) != len(y):
        raise ValueError(f"check_data: expected x and {what} of one length, got {len(x)}, {len(y)}")


def _inputs(x: Array) -> Iterator[Finding]:
    if x.dtype.kind != "f" or x.size == 0:
        return
    wrong = ~np.isfinite(x)
    if wrong.any():
        rows = int(wrong.reshape(len(x), -1).any(axis=1).sum())
        evidence = f"{int(wrong.sum())} NaN or infinite values in {rows} of {len(x)} rows of x"
        yield Finding("non-finite", "", evidence, "fill or drop what is missing")
        return
    axis = 1 if x.ndim >= 4 else x.ndim - 1
    columns = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis]).astype(np.float64)
    filled = np.maximum((columns != 0).sum(axis=0), 1)
    sizes = np.sqrt((columns**2).sum(axis=0) / filled)
    worst = int(sizes.argmax())
    if sizes[worst] > _LARGE:
        values = columns[:, worst]
        evidence = (
            f"column {worst} of x has mean {short(values.mean())} and standard deviation "
            f"{short(values.std())}; {int((sizes > _LARGE).sum())} of {sizes.size} are like it"
        )
        mend = "standardise: (x - mean) / std of the training set; images / 255"
        yield Finding("inputs-not-normalised", "", evidence, mend)


def _targets(x: Array, y: Array) -> Iterator[Finding]:
    labels = y.reshape(-1) if y.size == len(y) else None
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        evidence = f"{int((~np.isfinite(y)).sum())} NaN or infinite values in y"
        yield Finding("non-finite", "", evidence, "drop these rows")
        return
    if labels is None or not np.isfinite(x).all():
        return
    if x.ndim == 2 and x.shape[1] > 1:
        same = np.flatnonzero((x == labels[:, None]).mean(axis=0) > 0.99)
        if same.size and np.ptp(labels) > 0:
            evidence = f"column {same[0]} of x is the target in more than 99% of the rows"
            yield Finding("target-among-inputs", "", evidence, "drop that column")
    if labels.dtype.kind in "iub":
        values, counts = np.unique(labels, return_counts=True)
        most = int(counts.argmax())
        if values.size > 1 and counts[most] > _MAJORITY * labels.size:
            evidence = (
                f"{counts[most] / labels.size:.1%} of the {labels.size} samples are of class "
                f"{values[most]}: always answering it has that accuracy"
            )
            mend = "measure F1, recall or AUC; weights of classes, or a balanced sampler"
            yield Finding("class-imbalance", "", evidence, mend)
        if values.size < 2 or labels.size < _PER_CLASS * values.size:
            return
    yield from _unrelated(x, labels)


def _unrelated(x: Array, labels: Array) -> Iterator[Finding]:
    rows = np.random.default_rng(0).permutation(len(x))[:_SAMPLES]
    if x.dtype.kind != "f" or rows.size < 10 * _PER_CLASS or np.ptp(labels[rows]) == 0:
        return
    flat = x[rows].reshape(rows.size, -1)
    surely = relation(flat[:, :: max(1, flat.shape[1] // 2000)], labels[rows])
    if surely < 1:
        evidence = (
            f"near inputs have no nearer targets, nor does a linear fit help ({short(surely)} "
            f"standard errors above chance, of {rows.size} samples)"
        )
        mend = "look at how x and y are paired: the same order, the same rows dropped"
        yield Finding("labels-unrelated-to-inputs", "", evidence, mend)


def _unseen(y: Array | None, other: Array | None) -> Iterator[Finding]:
    if y is None or other is None or y.dtype.kind not in "iu" or other.dtype.kind not in "iu":
        return
    if y.size != len(y) or other.size != len(other):
        return
    unseen = np.setdiff1d(other, y)
    if unseen.size:
        share = float(np.isin(other, unseen).mean())
        evidence = f"classes {', '.join(map(str, unseen[:5]))} are in {share:.1%} of the validation"
        evidence += " and not in the training set"
        yield Finding("classes-only-in-validation", "", evidence, "split at random, by class")
