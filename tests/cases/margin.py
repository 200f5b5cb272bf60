"""Losses of rows and of labels of 1 and -1: by margins, by distances, by likelihood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cases.bench import MATRIX, SHAPE
from cases.index import below
from cases.layer import Layer, Made
from cases.row import Arr, Bad, Call, Row, arr, bad, call

_REDUCTIONS = ("mean", "sum", "none")
_x, _rows, _vector = arr(2, 3), arr(4, 3), np.array([1, -1, -1, 1])
_signs = np.array([[1, -1, 1], [-1, 1, -1]])
_weight = Arr((3,), "positive", fixed=True)
_labels = np.array([[2, 0, -1], [-1, 1, 2], [1, 1, -1], [0, 1, 2]])


def _loss(
    name: str,
    layer: str,
    inputs: tuple[Any, ...],
    *more: Call,
    made: tuple[dict[str, Any], ...] = (),
    **fields: Any,
) -> Row:
    """A loss with every reduction, and its layer with every reduction and with `made`."""
    settings = (*({"reduction": r} for r in _REDUCTIONS), *made)
    fields.setdefault("rough", 4.0)
    fields.setdefault("reason", "sums over a row")
    return Row(
        (*(call(*inputs, reduction=r) for r in _REDUCTIONS), *more),
        name,
        layer=Layer(
            layer,
            tuple(Made(call(**given), inputs, f"{layer}()") for given in settings),
            bad=(bad(ValueError, "reduction", reduction="avg"),),
            rough=fields["rough"],
            reason=fields["reason"],
        ),
        **fields,
    )


def _unequal(name: str, first: str, second: str, *inputs: Any) -> Bad:
    return bad(ValueError, f"{name}: expected {first} and {second} of the same shape", *inputs)


PAIRS = {
    "msle_loss": _loss(
        "msle_loss",
        "MSLELoss",
        (arr(2, 3, domain="positive"), arr(2, 3, domain="positive")),
        call(arr(5, domain="unit"), arr(5, domain="unit")),
        call(arr(domain="positive"), arr(domain="positive")),
        bench=call(arr(*SHAPE, domain="positive"), arr(*SHAPE, domain="positive")),
        bad=(
            _unequal("msle_loss", "input", "target", arr(4, 1), arr(4)),
            bad(ValueError, "above -1 as input, got -1 at position 1", np.array([0.0, -1]), arr(2)),
            bad(
                ValueError,
                "above -1 as target, got -2 at position 2",
                arr(3, domain="positive"),
                np.array([0.0, 1, -2]),
            ),
        ),
    ),
    "poisson_nll_loss": _loss(
        "poisson_nll_loss",
        "PoissonNLLLoss",
        (_x, arr(2, 3, domain="positive")),
        call(*[arr(5, domain="positive")] * 2, log_input=False, full=True, eps=0.1),
        call(arr(5), arr(5, domain="positive"), full=True),
        made=({"full": True}, {"full": True, "eps": 0.1}),
        bench=call(MATRIX, MATRIX),
        bad=(_unequal("poisson_nll_loss", "input", "target", arr(4, 1), arr(4)),),
    ),
    "hinge_embedding_loss": _loss(
        "hinge_embedding_loss",
        "HingeEmbeddingLoss",
        (_x, _signs),
        call(_x, _signs, margin=0.25),
        call(arr(3), np.array([1, -1, -1])),
        made=({"margin": 0.25},),
        bench=call(MATRIX, Arr(SHAPE, "signs", fixed=True)),
        bad=(
            _unequal("hinge_embedding_loss", "input", "target", arr(4, 1), arr(4)),
            bad(
                NotImplementedError,
                '"hinge_embedding_loss" not implemented',
                *[arr(2, dtype="int64")] * 2,
            ),
        ),
    ),
    "soft_margin_loss": _loss(
        "soft_margin_loss",
        "SoftMarginLoss",
        (_x, _signs),
        call(arr(3, domain="spread"), np.array([1, -1, -1])),
        call(arr(5), arr(5)),
        bench=call(MATRIX, MATRIX),
        bad=(_unequal("soft_margin_loss", "input", "target", arr(4, 1), arr(4)),),
    ),
    "margin_ranking_loss": _loss(
        "margin_ranking_loss",
        "MarginRankingLoss",
        (_x, _x, _signs),
        call(_x, _x, _signs, 0.25),
        call(arr(4), arr(4), arr(4)),
        made=({"margin": 0.25},),
        bench=call(MATRIX, MATRIX, MATRIX),
        bad=(
            _unequal("margin_ranking_loss", "input1", "input2", arr(4, 1), arr(4), arr(4)),
            _unequal("margin_ranking_loss", "input1", "target", arr(4), arr(4), arr(1)),
        ),
    ),
}


def _class(*shape: int) -> Any:
    return below(3, *shape)


_classes = call(MATRIX, below(SHAPE[1], SHAPE[0]))
CLASSES = {
    "multi_margin_loss": _loss(
        "multi_margin_loss",
        "MultiMarginLoss",
        (_rows, _class(4)),
        call(_rows, _class(4), 2, 0.75),
        call(_rows, _class(4), 2, 0.75, _weight, reduction="none"),
        call(arr(3), np.array(1)),
        call(arr(), np.array(0)),
        made=({"p": 2, "margin": 0.5}, {"weight": _weight}),
        bench=_classes,
        bad=(
            bad(ValueError, "expected p to be 1 or 2, got 3", _rows, _class(4), 3),
            bad(IndexError, "Target 3 is out of bounds", _rows, np.array([0, 1, 3, 0])),
            bad(IndexError, "Target -9223372036854775808 is out", arr(3), np.array(-(2**63))),
            bad(ValueError, "batch size", _rows, _class(5)),
            bad(RuntimeError, "of shape [4]; convert the target with .long()", _rows, arr(4)),
            bad(RuntimeError, "weight for each of the 3", _rows, _class(4), 1, 1.0, arr(2)),
            bad(RuntimeError, "shape (C) or (N, C)", arr(2, 3, 4), _class(2, 4)),
        ),
    ),
    "multilabel_margin_loss": _loss(
        "multilabel_margin_loss",
        "MultiLabelMarginLoss",
        (_rows, _labels),
        call(arr(3), _labels[0]),
        call(arr(), np.array(0)),
        call(arr(0, 3), _labels[:0], reduction="sum"),
        bench=call(arr(64, 32), np.where(np.arange(32) < 4, np.arange(64)[:, None] % 32, -1)),
        bad=(
            _unequal("multilabel_margin_loss", "input", "target", _rows, _class(4)),
            bad(IndexError, "Target 3 is out of bounds", arr(2), np.array([3, -1])),
            bad(RuntimeError, "an int64 target", arr(2), arr(2)),
        ),
    ),
    "multilabel_soft_margin_loss": _loss(
        "multilabel_soft_margin_loss",
        "MultiLabelSoftMarginLoss",
        (_rows, arr(4, 3, domain="distribution")),
        call(_rows, arr(4, 3, domain="distribution"), _weight),
        call(arr(3), np.array([0, 1, 1])),
        made=({"weight": _weight},),
        bench=call(MATRIX, arr(*SHAPE, domain="distribution")),
        bad=(
            _unequal("multilabel_soft_margin_loss", "input", "target", _rows, arr(3)),
            bad(RuntimeError, "a 0-d tensor", arr(), arr()),
        ),
    ),
    "focal_loss": _loss(
        "focal_loss",
        "FocalLoss",
        (_rows, _class(4)),
        call(_rows, np.array([0, -100, 2, 1]), _weight, 0.5),
        call(_rows, _class(4), 0.25, gamma=0.0),
        call(arr(2, 3, 4), _class(2, 4), ignore_index=1, reduction="none"),
        call(arr(3), np.array(1)),
        made=({"alpha": 0.25, "gamma": 1.0}, {"alpha": _weight, "ignore_index": 1}),
        bench=_classes,
        bad=(
            bad(IndexError, "Target 3 is out of bounds", _rows, np.array([0, 1, 3, 0])),
            bad(ValueError, "gamma of at least 0, got -1", _rows, _class(4), gamma=-1.0),
            bad(RuntimeError, "weight for each of the 3", _rows, _class(4), arr(2)),
        ),
    ),
    "gaussian_nll_loss": _loss(
        "gaussian_nll_loss",
        "GaussianNLLLoss",
        (_rows, _rows, arr(4, 3, domain="positive")),
        call(_rows, _rows, arr(4, domain="positive"), True),
        call(_rows, _rows, arr(4, 1, domain="positive")),
        call(_rows, _rows, 0.5),
        call(_rows, _rows, Arr((4, 3), "positive", fixed=True), eps=0.75),
        made=({"full": True}, {"eps": 0.1}),
        bench=call(MATRIX, MATRIX, arr(*SHAPE, domain="positive")),
        bad=(
            _unequal("gaussian_nll_loss", "input", "target", _rows, arr(3), 1.0),
            bad(ValueError, "var is of incorrect size", _rows, _rows, arr(3)),
            bad(ValueError, "at least 0 as var, got -1 at position 0", _rows, _rows, -1.0),
        ),
    ),
}
_vectors = (
    call(_rows, _rows),
    call(arr(4, 3), arr(1, 3)),
)
DISTANCES = {
    "cosine_similarity": Row(
        (*_vectors, call(arr(2, 3, 4), arr(3, 4), 1), call(arr(3), arr(3), 0, eps=100.0)),
        "cosine_similarity",
        bench=call(MATRIX, MATRIX),
        layer=Layer(
            "CosineSimilarity",
            (
                Made(call(), (_rows, _rows), "CosineSimilarity()"),
                Made(call(0, 0.5), (_rows, _rows), "CosineSimilarity()"),
            ),
        ),
        bad=(
            bad(IndexError, "Dimension out of range", arr(3), arr(3)),
            bad(RuntimeError, "expected shapes that broadcast", arr(2, 3), arr(2, 4)),
        ),
        rough=4.0,
        reason="a sum of products of quotients",
    ),
    "pairwise_distance": Row(
        (*_vectors, call(arr(4, 3), arr(3), 1.0, 0.5, True), call(arr(3), arr(3), p=3)),
        "pairwise_distance",
        bench=call(MATRIX, MATRIX),
        layer=Layer(
            "PairwiseDistance",
            (
                Made(call(), (_rows, _rows), "PairwiseDistance()"),
                Made(call(1, keepdim=True), (_rows, _rows), "PairwiseDistance()"),
            ),
        ),
        bad=(bad(RuntimeError, "expected shapes that broadcast", arr(2, 3), arr(2, 4)),),
        rough=4.0,
        reason="a sum of squares",
    ),
    "cosine_embedding_loss": _loss(
        "cosine_embedding_loss",
        "CosineEmbeddingLoss",
        (_rows, _rows, _vector),
        call(_rows, _rows, np.array([1, -1, 1, -1]), -0.25),
        call(arr(3), arr(3), np.array(-1)),
        call(_rows, _rows, np.array([-1]), 0.5),
        made=({"margin": -0.5},),
        bench=call(MATRIX, MATRIX, Arr(SHAPE[:1], "signs", fixed=True)),
        bad=(
            _unequal("cosine_embedding_loss", "input1", "input2", _rows, arr(3), _vector),
            bad(ValueError, "inputs (N, D) with a target (N)", _rows, _rows, arr(3)),
        ),
    ),
    "triplet_margin_loss": _loss(
        "triplet_margin_loss",
        "TripletMarginLoss",
        (_rows, _rows, _rows),
        call(_rows, _rows, _rows, 2.0, 1.0, 0.25, True),
        call(arr(3), arr(3), arr(3), p=3.5),
        call(arr(2, 2, 3), arr(2, 2, 3), arr(2, 2, 3), swap=True, reduction="none"),
        made=({"margin": 2.0, "p": 1.0, "eps": 0.25, "swap": True},),
        bench=call(MATRIX, MATRIX, MATRIX),
        bad=(
            _unequal("triplet_margin_loss", "anchor", "positive", _rows, arr(3), _rows),
            _unequal("triplet_margin_loss", "anchor", "negative", _rows, _rows, arr(3)),
            bad(ValueError, "margin above 0, got 0", _rows, _rows, _rows, 0.0),
        ),
    ),
}
ROWS_OF_LOSSES: dict[str, Row] = {**PAIRS, **CLASSES, **DISTANCES}


def of_triplets(reference: Callable[..., Any]) -> Layer:
    """The loss of triplets by a distance that is given, beside the one that has its own."""
    inputs = (_rows, _rows, _rows)
    name = "TripletMarginWithDistanceLoss"
    text = f"{name}(\n  (distance_function): PairwiseDistance()\n)"
    return Layer(
        name,
        tuple(
            Made(call(**given), inputs, text)
            for given in ({}, {"margin": 2.0, "swap": True}, {"reduction": "none"})
        ),
        reference,
        bad=(bad(ValueError, "margin to be above 0, got 0", margin=0.0),),
        rough=4.0,
        reason="sums over a row",
    )
