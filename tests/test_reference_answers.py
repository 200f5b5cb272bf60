"""The reference by hand: exact answers, gradients at corners and ties, dtypes, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cases import TABLE
from cases.row import materialize
from steep.reference import OPS
from steep.reference.layers import Dropout
from steep.reference.registry import result_type

# Losses of rows, whose gradients are held by finite differences alone.
BY_MARGINS: dict[str, list[tuple[tuple[Any, ...], Any]]] = {
    "margin_ranking_loss": [
        ((np.array([1.0, 3]), np.array([2.0, 1]), np.array([1.0, 1]), 0.5), 0.75)
    ],
    "multi_margin_loss": [((np.array([[0.5, 1, 2]]), np.array([0])), 4 / 3)],
    "multilabel_margin_loss": [
        ((np.array([[0.5, 1, 2, 0]]), np.array([[1, -1, 0, 0]])), 0.625),
    ],
    "multilabel_soft_margin_loss": [((np.zeros((1, 2)), np.array([[1.0, 0]])), np.log(2))],
    "gaussian_nll_loss": [
        ((np.array([3.0]), np.array([1.0]), np.array([4.0])), (np.log(4) + 1) / 2)
    ],
    "ctc_loss": [
        (
            (np.log(np.full((1, 1, 2), 0.5)), np.array([[1]]), np.array([1]), np.array([1])),
            np.log(2),
        )
    ],
    "focal_loss": [((np.zeros((1, 2)), np.array([1])), np.log(2) / 4)],
    "cosine_similarity": [
        ((np.array([[2.0, 0], [0, 2]]), np.array([[5.0, 0], [-3, 0]])), [1.0, 0])
    ],
    "pairwise_distance": [((np.array([[3.0, 4]]), np.zeros((1, 2)), 2.0, 0.0), [5.0])],
    "cosine_embedding_loss": [
        ((np.array([[1.0, 0], [1, 0]]), np.array([[0.0, 1], [0, 1]]), np.array([1, -1])), 0.5)
    ],
    "triplet_margin_loss": [
        (
            (
                np.zeros((2, 2)),
                np.array([[3.0, 4], [3, 4]]),
                np.array([[6.0, 8], [0, 1]]),
                1.0,
                2.0,
                0.0,
            ),
            2.5,
        )
    ],
}

# What operations without a gradient answer.
ANSWERS: dict[str, list[tuple[tuple[Any, ...], Any]]] = {
    "floor_divide": [((np.array([-7, 7]), 2), [-4, 3]), ((np.array([-7.0, 7.0]), 2), [-4.0, 3.0])],
    "eq": [((np.array([1, 2]), 1), [True, False])],
    "ne": [((np.array([1, 2]), 1), [False, True])],
    "lt": [((np.array([1.0, np.nan]), 2), [True, False])],
    "le": [((np.array([1, 2]), 1), [True, False])],
    "gt": [((np.array([1, 2]), 1), [False, True])],
    "ge": [((np.array([1, 2]), 2), [False, True])],
    "logical_and": [((np.array([0.0, 2.0]), np.array([3, 3])), [False, True])],
    "logical_or": [((np.array([0, 2]), np.array([0, 0])), [False, True])],
    "logical_xor": [((np.array([1, 2]), np.array([0, 1])), [True, False])],
    "logical_not": [((np.array([0.0, 2.0]),), [True, False])],
    "bitwise_and": [((np.array([6, 5]), 3), [2, 1])],
    "bitwise_or": [((np.array([6, 5]), 3), [7, 7])],
    "bitwise_xor": [((np.array([6, 5]), 3), [5, 6])],
    "bitwise_left_shift": [((np.array([6, -5]), 3), [48, -40]), ((np.array([1]), 64), [0])],
    "bitwise_right_shift": [((np.array([6, -5]), 1), [3, -3]), ((np.array([-1]), 64), [-1])],
    "bitwise_not": [((np.array([True, False]),), [False, True]), ((np.array([0]),), [-1])],
    "isnan": [((np.array([np.nan, np.inf, 1.0]),), [True, False, False])],
    "isinf": [((np.array([np.nan, -np.inf, 1.0]),), [False, True, False])],
    "isfinite": [((np.array([np.nan, np.inf, 1.0]),), [False, False, True])],
    "argmax": [((np.array([[1, 3, 3], [2, 0, 1]]), 1), [1, 0]), ((np.array([1.0, np.nan]),), 1)],
    "argmin": [((np.array([[1, 3, 1], [2, 0, 1]]), 1, True), [[0], [1]])],
    "any": [((np.zeros((0, 2)), 0), [False, False])],
    "all": [((np.zeros((0, 2)), 0), [True, True]), ((np.array([1, 0], np.uint8),), np.uint8(0))],
    "one_hot": [((np.array([2, 0]),), [[0, 0, 1], [1, 0, 0]]), ((np.array(1), 3), [0, 1, 0])],
    **BY_MARGINS,
}


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_answer(name: str) -> None:
    for args, expected in ANSWERS[name]:
        out = OPS[name].forward(*args)
        np.testing.assert_array_equal(out, expected)
        assert out.dtype == np.asarray(expected).dtype


# What PyTorch 2.13 answers to calls of the table: by row, its dtype, and for each call (its number)
# the results as shape, dtype and elements.
FOREIGN = json.loads((Path(__file__).parent / "files" / "answers_of_pytorch.json").read_text())


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_answer_is_that_of_another_library(name: str) -> None:
    row, told = TABLE[name], FOREIGN[name]
    for number, expected in told["answers"]:
        call = materialize(row.calls[number], told["dtype"], name)
        out = OPS[str(row.reference)].forward(*call.args, **call.kwargs)
        results = out if isinstance(out, tuple) else (out,)
        for got, (shape, dtype, elements) in zip(results, expected, strict=True):
            assert (list(np.shape(got)), str(np.asarray(got).dtype)) == (shape, dtype)
            wanted = np.array(elements).reshape(shape)
            np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)


def test_every_answer_is_covered() -> None:
    told = set(ANSWERS) | {str(TABLE[name].reference) for name in FOREIGN}
    assert told == {name for name, op in OPS.items() if not op.gradient}


TIES = np.array([[0.0, 2, 2], [2, 1, 0]])
CORNERS = [
    ("abs", (np.array([-1.0, 0, 1]),), [-1, 0, 1]),
    ("relu", (np.array([-1.0, 0, 1]),), [0, 0, 1]),
    ("clamp", (np.array([-2.0, -1, 0, 1, 2]), -1, 1), [0, 1, 1, 1, 0]),
    ("maximum", (np.array([1.0, 2, 3]), np.array([2.0, 2, 2])), [0, 0.5, 1]),
    ("minimum", (np.array([1.0, 2, 3]), np.array([2.0, 2, 2])), [1, 0.5, 0]),
    ("amax", (TIES,), [[0, 1 / 3, 1 / 3], [1 / 3, 0, 0]]),
    ("amax", (TIES, 1), [[0, 0.5, 0.5], [1, 0, 0]]),
    ("max", (TIES,), [[0, 1 / 3, 1 / 3], [1 / 3, 0, 0]]),
    ("max", (TIES, 1), [[0, 1, 0], [1, 0, 0]]),
    ("min", (TIES, 0), [[1, 0, 0], [0, 1, 1]]),
    ("prod", (np.array([[2.0, 0, 3], [0, 0, 3]]), 1), [[0, 6, 0], [0, 0, 0]]),
    ("prod", (np.array([2.0, 0, 3]),), [0, 6, 0]),
    ("std", (np.array([1.0, 1]),), [0, 0]),
    ("pow", (np.array([0.0, 2]), 0), [0, 0]),
    ("cross_entropy", (np.array([[0.0, 0]]), np.array([-100])), [[0, 0]]),
]


@pytest.mark.parametrize(("name", "args", "expected"), CORNERS)
def test_gradient_at_a_corner(name: str, args: Any, expected: Any) -> None:
    op = OPS[name]
    assert op.gradient is not None
    out = op.forward(*args)
    ones = tuple(map(np.ones_like, out)) if isinstance(out, tuple) else np.ones_like(out)
    gradient = op.gradient(ones, *args)[0]
    assert gradient is not None
    np.testing.assert_allclose(gradient, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((np.ones(2, np.int32), 2.5), np.float32),
        ((np.ones(2, np.float32), np.array(1.0)), np.float32),
        ((np.ones(2, np.int64), np.array(1.0)), np.float64),
        ((np.ones(2, np.uint8), np.array(1, np.int64)), np.uint8),
        ((np.ones(2, np.uint8), np.ones(2, np.int32)), np.int32),
        ((np.ones(2, np.bool_), 1), np.int64),
        ((np.array(1, np.int32), 1), np.int32),
        ((np.float32(1), 1.0), np.float32),
        ((True, 1.0), np.float32),
    ],
)
def test_result_type(args: Any, expected: Any) -> None:
    assert result_type(*args) == expected


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: OPS["mean"].forward(np.ones(2, np.int64)), RuntimeError),
        (lambda: OPS["sum"].forward(np.ones(2), 1), IndexError),
        (lambda: OPS["floor_divide"].forward(np.ones(2, np.int64), 0), RuntimeError),
        (lambda: OPS["mse_loss"].forward(np.ones((2, 1)), np.ones(2)), ValueError),
        (lambda: OPS["cross_entropy"].forward(np.ones((1, 2)), np.array([2])), IndexError),
        (lambda: OPS["mm"].forward(np.ones(2), np.ones((2, 2))), RuntimeError),
        (lambda: OPS["getitem"].forward(np.ones((2, 2)), np.ones(3, np.bool_)), IndexError),
        (lambda: Dropout().forward(np.ones(2)), RuntimeError),
    ],
)
def test_refusal(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()


def test_power_is_a_power_where_numpy_makes_a_root_of_it() -> None:
    found = OPS["pow"].forward(np.array([-np.inf, -0.0, 4.0]), 0.5)
    np.testing.assert_array_equal(found, [np.inf, 0.0, 2.0])
    assert not np.signbit(found).any()
