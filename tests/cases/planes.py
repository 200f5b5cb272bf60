"""Batch, group and instance normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.bench import MATRIX, fused_or
from cases.fused import Fused, positive, rng
from cases.row import Arr, Array, Call, Counts, Row, arr, bad, call
from steep import _core
from steep.reference import OPS

_x = arr(3, 4)
_mean, _var = Arr((4,), fixed=True), Arr((4,), "positive", fixed=True)
_ROUGH = "sums over a set, twice, and what they take from numbers far from 0"


def _steps_of_the_mean(x: Array) -> float:
    """The mean of a column is a number of its dtype, and a step of it may be wide."""
    spread = x.astype(np.float64).std(0).min()
    return float(1 + np.abs(x).max() / spread) if spread else 1.0


def _steps_of_a_half(x: Array) -> float:
    """The same of the two halves of each row."""
    spread = x.astype(np.float64).reshape(2 * len(x), -1).std(1).min()
    return float(1 + np.abs(x).max() / spread) if spread else 1.0


def _counted(
    x: Array, mean: Any, var: Any, count: Array, weight: Any, bias: Any, momentum: Any, eps: float
) -> Any:
    return OPS["batch_norm"].forward(x, None, None, weight, bias, True, 0.0, eps)


def _to_a_copy(x: Any, mean: Any, var: Any, count: Any, *more: Any) -> Any:
    return _core.batch_norm_counted(x, mean, var, count.clone(), *more)


PLANES = {
    "batch_norm": Row(
        (
            call(_x, None, None, arr(4), arr(4), True),
            call(_x, _mean, _var, arr(4), arr(4)),
            call(_x, None, None, training=True, eps=0.5),
            call(_x, _mean, _var, bias=arr(4)),
            call(arr(2, 4, 3), None, None, arr(4), None, True),
            call(arr(2, 4, 3), _mean, _var, arr(4)),
            call(arr(2, 3, 5, 7), None, None, arr(3), arr(3), True),
            call(arr(1, 2, 3, 4, 5), None, None, arr(2), arr(2), True),
            call(arr(19, 3, 3, 3), None, None, arr(3), arr(3), True),
            call(arr(300, 5), None, None, arr(5), arr(5), True),
            call(arr(2, 2, 1100), None, None, arr(2), arr(2), True),
            call(arr(0, 4), None, None, arr(4), arr(4), True),
            call(arr(2, 4, 0), _mean, _var, arr(4), arr(4)),
            call(arr(2, 0, 3), None, None, training=True),
            call(Arr((40, 4), "offset", fixed=True), None, None, arr(4), arr(4), True),
            call(Arr((2, 4, 70), "offset", fixed=True), None, None, arr(4), arr(4), True),
        ),
        "batch_norm",
        bad=(
            bad(ValueError, "more than 1 value per channel", arr(1, 4), None, None, training=True),
            bad(ValueError, "both be None or neither", _x, _mean, None, training=True),
            bad(RuntimeError, "running_mean must be defined in evaluation", _x, None, None),
            bad(RuntimeError, "running_var must be defined in evaluation", _x, _mean, None),
            bad(RuntimeError, "running_mean should contain 4 elements not 3", _x, arr(3), arr(3)),
            bad(RuntimeError, "weight should contain 4 elements not 2", _x, _mean, _var, arr(2)),
            bad(RuntimeError, "bias should contain 4", _x, _mean, _var, None, arr(5)),
            bad(RuntimeError, "same dtype", _x, _mean, _var, arr(4, dtype="float64")),
            bad(RuntimeError, "an input of shape [N, C, *]", arr(4), _mean, _var),
            bad(
                NotImplementedError,
                '"batch_norm" not implemented for',
                arr(3, 4, dtype="int64"),
                None,
                None,
                training=True,
            ),
        ),
        large=Call((Arr((37, 24, 601)), None, None, Arr((24,)), Arr((24,)), True)),
        bench=call(MATRIX, None, None, training=True),
        counts=Counts(launches=1, saved=4, saved_bytes=96, backward=1),
        fused=(
            Fused(
                ("plane_norm", "plane_norm_backward"),
                (None, None, positive(11), rng(4).normal(size=11), True),
                furthest={"float32": 1e4, "float64": 1e7},
                lost=_steps_of_the_mean,
                reason="what is normalised is x less a mean of x's dtype",
            ),
            Fused(
                ("plane_norm_fixed", "plane_norm_backward"),
                (rng(5).normal(size=11), positive(11), positive(11), rng(4).normal(size=11)),
                label="with running statistics",
            ),
        ),
        rough=4.0,
        reason=_ROUGH,
    ),
    "batch_norm_counted": Row(
        (
            call(_x, None, None, arr(dtype="int64"), arr(4), arr(4), 0.1, 1e-5),
            call(arr(2, 3, 5), None, None, arr(1, dtype="int64"), None, None, None, 0.1),
        ),
        _counted,
        function=_to_a_copy,
        bad=(
            bad(RuntimeError, "num_batches_tracked", _x, None, None, _mean, None, None, 0.1, 0.1),
        ),
        bench=fused_or(
            "batch_norm_counted",
            call(MATRIX, None, None, arr(dtype="int64"), None, None, 0.1, 1e-5),
            lambda m, x, mean, var, count, weight, bias, momentum, eps: (
                count.add_(1),
                m.nn.functional.batch_norm(x, mean, var, weight, bias, True, momentum, eps),
            ),
        ),
        rough=4.0,
        reason=_ROUGH,
    ),
    "group_norm": Row(
        (
            call(arr(2, 4, 3), 2, arr(4), arr(4)),
            call(arr(3, 6), 2, arr(6)),
            call(arr(3, 6), 1, bias=arr(6)),
            call(arr(2, 3, 5, 7), 3, eps=0.5),
            call(arr(2, 6, 17), 2, arr(6), arr(6)),
            call(arr(1, 2, 3, 2, 2), 1, arr(2), arr(2)),
            call(arr(2, 4, 700), 2, arr(4), arr(4)),
            call(arr(1, 2, 1100), 1, arr(2), arr(2)),
            call(arr(0, 4, 3), 2, arr(4), arr(4)),
            call(arr(2, 4, 0), 2, arr(4)),
            call(Arr((2, 4, 70), "offset", fixed=True), 2, arr(4), arr(4)),
        ),
        "group_norm",
        bad=(
            bad(RuntimeError, "at least 2 dimensions for input tensor but received 1", arr(4), 2),
            bad(RuntimeError, "num groups to be greater than 0, got 0", _x, 0),
            bad(RuntimeError, "divisible by num_groups, but got input of shape [3, 4]", _x, 3),
            bad(RuntimeError, "Expected weight to be a vector of size equal", _x, 2, arr(3)),
            bad(RuntimeError, "got bias of shape [4, 1]", _x, 2, arr(4), arr(4, 1)),
            bad(RuntimeError, "same dtype", _x, 2, arr(4, dtype="float64")),
            bad(ValueError, "more than 1 value per channel", arr(1, 3, 1), 3),
            bad(NotImplementedError, '"group_norm" not', arr(3, 4, dtype="int64"), 2),
        ),
        large=Call((Arr((37, 24, 601)), 6, Arr((24,)), Arr((24,)))),
        bench=call(MATRIX, 8),
        counts=Counts(launches=1, saved=4, saved_bytes=144, backward=1),
        fused=(
            Fused(
                ("layer_norm", "layer_norm_backward"),
                (2, positive(22), rng(4).normal(size=22)),
                size=22,
                furthest={"float32": 1e4, "float64": 1e7},
                lost=_steps_of_a_half,
                reason="what is normalised is x less a mean of x's dtype",
            ),
        ),
        rough=4.0,
        reason=_ROUGH,
    ),
    "instance_norm": Row(
        (
            call(arr(2, 4, 3), weight=arr(4), bias=arr(4)),
            call(arr(2, 4, 3), None, None, arr(4)),
            call(arr(2, 4, 3), _mean, _var, arr(4), arr(4), False),
            call(arr(2, 3, 5, 7), eps=0.5),
            call(arr(2, 4, 70), None, None, arr(4), arr(4)),
            call(arr(1, 2, 1100), None, None, arr(2), arr(2)),
            call(arr(0, 4, 3), None, None, arr(4), arr(4)),
            call(arr(2, 4, 0), None, None, arr(4)),
        ),
        "instance_norm",
        bad=(
            bad(RuntimeError, "an input of shape [N, C, *]", arr(4)),
            bad(ValueError, "more than 1 spatial element", arr(2, 3, 1)),
            bad(
                RuntimeError,
                "running_mean and running_var to be defined",
                arr(2, 4, 3),
                use_input_stats=False,
            ),
            bad(RuntimeError, "running_var to be defined", arr(2, 4, 3), _mean, None),
            bad(RuntimeError, "running_mean should contain 3", arr(2, 3, 3), _mean, _var),
            bad(RuntimeError, "weight should contain 4", arr(2, 4, 3), None, None, arr(3)),
            bad(RuntimeError, "same dtype", arr(2, 4, 3), weight=arr(4, dtype="float64")),
            bad(NotImplementedError, '"instance_norm" not', arr(2, 4, 3, dtype="int64")),
        ),
        large=Call((Arr((37, 24, 601)), None, None, Arr((24,)), Arr((24,)))),
        bench=call(arr(8, 16, 64)),
        counts=Counts(launches=1, saved=4, saved_bytes=176, backward=1),
        rough=4.0,
        reason=_ROUGH,
    ),
}
