"""What augmentations refuse, and the pass that they become."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import steep
from steep import data
from steep.data import _augment

IMAGES = np.random.default_rng(0).random((200, 2, 5, 6), dtype=np.float32)


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: data.RandomShift(1)(np.ones((9, 4))), ValueError, r"\(N, C, H, W\).*got an array"),
        (lambda: data.RandomShift(1)(np.ones((9, 1, 1, 4, 4))), ValueError, r"\(N, 1, 1, 4, 4\)"),
        (lambda: data.RandomShift(1.5), ValueError, "one or two whole numbers of at least 0"),
        (lambda: data.RandomShift(2**31), ValueError, r"below 2\*\*31, got 2147483648"),
        (
            lambda: data.Compose([data.RandomCrop(2**30, 2**30), data.RandomCrop(2)])(IMAGES),
            ValueError,
            "RandomCrop: expected samples of at most 1099511627776",
        ),
        (lambda: data.RandomShift(1, mode="mirror"), ValueError, "constant, edge, wrap, reflect"),
        (lambda: data.RandomShift(1, p=1.5), ValueError, r"p to be a probability in \[0, 1\]"),
        (lambda: data.RandomCrop(7)(IMAGES), ValueError, r"at least \(7, 7\).*got \(5, 6\)"),
        (lambda: data.RandomCrop(0), ValueError, "at least 1"),
        (lambda: data.RandomFlip(axis=1), ValueError, "axis to be -1"),
        (lambda: data.RandomFlip(axis=-2)(np.ones((3, 4))), ValueError, "at least 2 axes"),
        (lambda: data.RandomRotation((20, 10)), ValueError, "ascending"),
        (lambda: data.RandomRotation(math.nan), ValueError, "finite number"),
        (lambda: data.RandomErasing(scale=(0.5, 1.5)), ValueError, "of at most 1"),
        (lambda: data.RandomBrightness(-1), ValueError, "at least 0"),
        (lambda: data.RandomBrightness(clip=(1, 0)), ValueError, "low < high"),
        (lambda: data.TimeShift(1)(IMAGES), ValueError, r"\(N, C, L\) or \(N, L\)"),
        (lambda: data.TimeShift(-1), ValueError, "at least 0"),
        (lambda: data.Normalize([1, 2, 3], 1)(IMAGES), ValueError, r"2 \(one per column or ch.*3"),
        (lambda: data.Normalize(0, 0), ValueError, "std to be above 0"),
        (lambda: data.Normalize(math.inf, 1), ValueError, "mean to be finite"),
        (lambda: data.Normalize("a", 1), ValueError, "mean to be finite"),
        (lambda: data.GaussianNoise(-1), ValueError, "std to be at least 0"),
        (lambda: data.Jitter([0, 0])(np.ones((3, 4))), ValueError, "width to be one number, 4"),
        (
            lambda: data.RandomScale([0, 0])(np.ones((3, 4))),
            ValueError,
            "std to be one number or 1",
        ),
        (lambda: data.ToFloat(math.nan), ValueError, "scale to be a finite"),
        (lambda: data.MixUp(0), ValueError, "alpha to be above 0"),
        (lambda: data.MixUp()(np.ones((3, 2))), ValueError, "expected targets"),
        (lambda: data.MixUp()(np.ones((3, 2)), np.arange(3)), ValueError, "num_classes"),
        (lambda: data.CutMix()(np.ones((3, 2)), np.ones(3)), ValueError, "axes to cut"),
        (lambda: data.ToFloat()(np.ones(3), np.ones(2)), ValueError, "as many targets"),
        (lambda: data.ToFloat()(np.float32(3)), ValueError, r"samples \(N, \*\)"),
        (lambda: data.Compose([data.ToFloat]), TypeError, "got ToFloat at place 0"),
        (lambda: data.Compose([abs]), TypeError, "BatchAugmentation"),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        make()


@pytest.mark.parametrize(
    ("steps", "size", "text"),
    [
        ([(0, 99, 1.0, (), (), (1, 1, 4), None, None)], 4, "no such step"),
        ([(0, 0, 1.0, (), (), (1, 1, 4), None, None)], 4, "do not fit"),
        ([(0, 1, 1.0, (), (), (1, 1, 3), None, None)], 4, "takes rows of"),
        ([(0, 6, 1.0, (), (2, 3, 1), (1, 1, 4), None, None)], 4, "axes do not fit"),
        ([(0, 8, 0.5, (), (1, 2), (1, 1, 4), None, None)], 4, "cannot be left out"),
        ([], 5, "rows of 5 elements, not 4"),
    ],
)
def test_steps_that_do_not_fit_make_no_pass(steps: list[Any], size: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        _augment.Program(steps, size, 4)


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ((np.ones((3, 5)), None, 0, 3), ValueError, "rows of 4 elements"),
        ((np.ones((3, 4)), None, 0, 4), IndexError, "out of range for 3"),
        ((np.ones((3, 4)), np.array([0, 3]), 0, 2), IndexError, "index 3 at position 1"),
        ((np.ones((3, 4)), np.array([0.0, 1.0]), 0, 2), TypeError, "int64"),
        ((np.ones((3, 4)), None, 0, 2), ValueError, "expected out as contiguous float32 of 2"),
        ((np.ones((3, 4), complex), None, 0, 3), TypeError, "format 'Zd'"),
    ],
)
def test_a_pass_checks_before_it_writes(arguments: Any, kind: type[Exception], text: str) -> None:
    out = steep.full((3, 4), 7.0)
    with pytest.raises(kind, match=text):
        _augment.Program([], 4, 4).run(*arguments, out, 0, 0)
    assert bool((out == 7).all())
