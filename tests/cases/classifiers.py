"""Layers that score classes and compare the scores with targets, and fractional pooling."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

import steep
from cases.layer import Layer, Made, Misused, Params
from cases.row import Array, arr, bad, call
from steep.reference import OPS
from steep.reference.sampling import fractional_max_pool


class AdaptiveLogSoftmaxWithLoss(steep.nn.AdaptiveLogSoftmaxWithLoss):
    """The layer, which gives the log-probabilities alone."""

    def forward(self, input_: Any, target_: Any) -> Any:  # type: ignore[override]
        return super().forward(input_, target_).output


def _adaptive(m: ModuleType, *args: Any, **kwargs: Any) -> Any:
    if m is steep:
        return AdaptiveLogSoftmaxWithLoss(*args, **kwargs)
    layer = m.nn.AdaptiveLogSoftmaxWithLoss(*args, **kwargs)
    layer.register_forward_hook(lambda _, __, out: out.output)
    return layer


def _all_log_probabilities(
    params: Params, inputs: tuple[Array, ...], _: int, classes: int, cutoffs: Any, *__: Any
) -> Any:
    """Of each cluster's classes: those of the cluster plus their own within it."""
    x, target = inputs
    log_softmax = OPS["log_softmax"].forward
    head = x @ params["head.weight"].T + params.get("head.bias", 0.0)
    head = log_softmax(head, -1)
    parts = [head[..., : cutoffs[0]]]
    for i, _cut in enumerate(cutoffs):
        scores = x @ params[f"tail.{i}.0.weight"].T @ params[f"tail.{i}.1.weight"].T
        place = cutoffs[0] + i
        parts.append(head[..., place : place + 1] + log_softmax(scores, -1))
    found = np.concatenate(parts, -1)
    assert found.shape[-1] == classes
    return np.take_along_axis(found, np.asarray(target)[..., None], -1)[..., 0]


def _linear_cross_entropy(
    params: Params,
    inputs: tuple[Array, ...],
    _: int,
    classes: int,
    *,
    out_features: tuple[int, ...] = (),
    bias: bool = False,
    **settings: Any,
) -> Any:
    x, target = inputs
    scores = OPS["linear"].forward(x, params["linear.weight"], params.get("linear.bias"))
    scores = scores.reshape(*x.shape[:-1], classes, *out_features)
    settings.pop("weight", None)
    return OPS["cross_entropy"].forward(scores, target, params.get("weight"), **settings)


def _scores_text(bias: bool, sizes: str, rest: str) -> str:
    return (
        f"LinearCrossEntropyLoss(\n  in_features=3, num_classes=4, out_features={sizes}, "
        f"bias={bias}, {rest}\n  (linear): Linear(in_features=3, "
        f"out_features={4 if sizes == '()' else 8}, bias={bias})\n)"
    )


def _split_text(bias: bool) -> str:
    tails = "".join(
        f"    ({i}): Sequential(\n      (0): Linear(in_features=6, out_features={w}, bias=False)\n"
        f"      (1): Linear(in_features={w}, out_features={c}, bias=False)\n    )\n"
        for i, (w, c) in enumerate(((3, 3), (1, 4)))
    )
    return (
        "AdaptiveLogSoftmaxWithLoss(\n"
        f"  (head): Linear(in_features=6, out_features=5, bias={bias})\n"
        f"  (tail): ModuleList(\n{tails}  )\n)"
    )


def _fractional(axes: int) -> Layer:
    name = f"FractionalMaxPool{axes}d"
    sizes = (7, 6, 5)[:axes]
    drawn = np.random.default_rng(5).uniform(size=(2, 3, axes))

    def made(m: ModuleType, *args: Any, fixed: bool = False, **kwargs: Any) -> Any:
        if fixed:
            kwargs["_random_samples"] = m.tensor(drawn.tolist())
        return getattr(m.nn, name)(*args, **kwargs)

    def reference(
        params: Params,
        inputs: tuple[Array, ...],
        kernel: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        **_: Any,
    ) -> Any:
        x = inputs[0]
        windows = (kernel,) * axes if isinstance(kernel, int) else kernel
        wanted = output_size or [int(n * output_ratio) for n in x.shape[2:]]
        return fractional_max_pool(x, windows, wanted, params["_random_samples"])

    small, inputs = (3, 2, 2)[:axes], (arr(2, 3, *sizes),)
    return Layer(
        name,
        (
            Made(call(2, small, fixed=True), inputs, f"{name}()"),
            Made(call((2, 1, 2)[:axes], output_ratio=0.5, fixed=True), inputs, f"{name}()"),
            Made(call(2, small), inputs, f"{name}()", drawn=True),
        ),
        reference,
        bad=(
            bad(ValueError, "either an output_size or", 2),
            bad(ValueError, "only one of output_size and", 2, small, 0.5),
            bad(ValueError, "must be between 0 and 1", 2, output_ratio=1.5),
        ),
        misused=(
            Misused(call(2, small), (arr(2, 3),), RuntimeError, f"a {axes + 1}D or {axes + 2}D"),
            Misused(call(9, small), inputs, RuntimeError, "that fit an input"),
        ),
        maker=made,
        bench=Made(call(2, output_ratio=(0.5,) * axes), (arr(4, 8, *(16,) * axes),), ""),
    )


_x, _few = arr(5, 6), arr(5, domain="below10", dtype="int64")

CLASSIFIERS = (
    Layer(
        "AdaptiveLogSoftmaxWithLoss",
        (
            Made(call(6, 10, [3, 6], 2.0), (_x, _few), _split_text(False)),
            Made(call(6, 10, [3, 6], 2.0, True), (_x, _few), _split_text(True)),
        ),
        _all_log_probabilities,
        bad=(
            bad(ValueError, "unique, positive integers", 6, 10, []),
            bad(ValueError, "unique, positive integers", 6, 10, [6, 3]),
            bad(ValueError, "for 10 classes", 6, 10, [3, 10]),
        ),
        misused=(
            Misused(call(6, 10, [3]), (arr(5, 2, 6), _few), RuntimeError, "expects 2D input"),
            Misused(call(6, 10, [3]), (arr(4, 6), _few), RuntimeError, "the same size in"),
            Misused(
                call(6, 4, [3]),
                (arr(99, 6), arr(99, domain="below10", dtype="int64")),
                RuntimeError,
                "0, 3",
            ),
        ),
        maker=_adaptive,
        rough=4.0,
        eager="which clusters are computed depends on the targets",
        reason="sums of products, and of their exponentials",
    ),
    Layer(
        "LinearCrossEntropyLoss",
        (
            Made(
                call(3, 4),
                (arr(5, 3), arr(5, domain="below4", dtype="int64")),
                _scores_text(
                    False,
                    "()",
                    "reduction=mean, ignore_index=None, label_smoothing=0.0, options=None",
                ),
            ),
            Made(
                call(3, 4, out_features=(2,), bias=True, reduction="sum", label_smoothing=0.2),
                (arr(2, 3), arr(2, 2, domain="below4", dtype="int64")),
                _scores_text(
                    True,
                    "(2,)",
                    "reduction=sum, ignore_index=None, label_smoothing=0.2, options=None",
                ),
            ),
        ),
        _linear_cross_entropy,
        bad=(
            bad(RuntimeError, "range [0, 1]", 3, 4, label_smoothing=2.0),
            bad(ValueError, "'most'", 3, 4, reduction="most"),
            bad(RuntimeError, "expected weight shape", 3, 4, weight=arr(3)),
        ),
        rough=4.0,
        reason="sums of products",
    ),
    _fractional(2),
    _fractional(3),
)
