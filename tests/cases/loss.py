"""Losses and dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cases.bench import MATRIX, SHAPE
from cases.extreme import GRADIENT, Accepted, Extreme, huge
from cases.fused import ROWS, Fused, classes, positive, rng
from cases.index import below
from cases.layer import Layer, Made
from cases.row import Arr, Bad, Call, Counts, Row, arr, bad, call

_LOGITS = arr(4, 3, domain="spread")
_shares = arr(4, 3, domain="distribution")
_weight = Arr((3,), "positive", fixed=True)
_REDUCTIONS = ("mean", "sum", "none")
_timed = call(MATRIX, below(SHAPE[1], SHAPE[0]))
_reductions = tuple(bad(ValueError, "reduction", reduction=r) for r in ("avg", None))


def _ignoring(*classes: int) -> Any:
    return np.array(classes)


def _fused_cross_entropies() -> tuple[Fused, ...]:
    """Short rows and long ones, and every variant."""
    fused = ("cross_entropy", "cross_entropy_backward")
    composite = ("log_softmax", "log_softmax_backward")
    found = []
    for c in (11, 70):
        plain, ignored, weight = classes(c), classes(c, ignored=True), positive(c)
        shares = rng(3).dirichlet(np.ones(c), ROWS)
        smooth = {"label_smoothing": 0.1}
        variants: dict[str, tuple[tuple[str, ...], tuple[Any, ...], dict[str, Any]]] = {
            "mean": (fused, (plain,), {}),
            "sum": (fused, (plain,), {"reduction": "sum"}),
            "none": (fused, (plain,), {"reduction": "none"}),
            "ignored": (fused, (ignored,), {}),
            "weight": (composite, (ignored, weight), {}),
            "smooth": (composite, (plain,), smooth),
            "weight and smooth": (composite, (ignored, weight), smooth),
            "probabilities": (composite, (shares,), {}),
            "probabilities, weight and smooth": (composite, (shares, weight), smooth),
        }
        for name, (kernels, more, settings) in variants.items():
            found.append(Fused(kernels, more, settings, f"of {c}, {name}", c))
    return tuple(found)


def _of_class(index: int) -> Callable[..., Any]:
    return lambda function, m, x: function(x.reshape(1, 3), m.tensor([index]))


def _made(name: str, *inputs: Any, **settings: Any) -> Made:
    return Made(call(**settings), inputs, f"{name}()")


LOSSES = {
    "cross_entropy": Row(
        (
            *(call(_LOGITS, below(3, 4), reduction=r) for r in _REDUCTIONS),
            call(_LOGITS, _ignoring(0, -100, 2, 1)),
            call(_LOGITS, below(3, 4, dtype="int32")),
            call(_LOGITS, below(3, 4, dtype="uint8")),
            call(_LOGITS, _ignoring(0, 1, 2, 1), ignore_index=1),
            call(_LOGITS, below(3, 4), _weight),
            call(_LOGITS, _ignoring(0, -100, 2, 1), _weight, label_smoothing=0.1),
            call(_LOGITS, below(3, 4), label_smoothing=0.2, reduction="sum"),
            call(arr(4, 3, 2), below(3, 4, 2), ignore_index=1, reduction="sum"),
            call(arr(4, 3, 2, 2), below(3, 4, 2, 2), _weight),
            call(arr(3), np.array(2), reduction="none"),
            call(_LOGITS, _shares),
            call(_LOGITS, _shares, _weight, label_smoothing=0.1),
            call(arr(4, 3, 2), arr(4, 3, 2, domain="distribution"), reduction="none"),
            call(arr(0, 3), below(3, 0), reduction="sum"),
            call(arr(0, 5), below(3, 0), reduction="none"),
            call(arr(9, 131, domain="spread"), below(131, 9)),
        ),
        "cross_entropy",
        bad=(
            bad(IndexError, "cross_entropy", _LOGITS, np.array([0, 1, 3, 0])),
            bad(IndexError, "cross_entropy", _LOGITS, np.array([0, -1, 2, 0])),
            bad(ValueError, "cross_entropy", _LOGITS, below(3, 5)),
            bad(RuntimeError, "cross_entropy", _LOGITS, below(3, 4, dtype="bool")),
            bad(ValueError, "cross_entropy", _LOGITS, below(3, 4), reduction="average"),
            bad(RuntimeError, "cross_entropy", _LOGITS, below(3, 4), arr(2)),
        ),
        large=Call((Arr((300, 700), "spread"), Arr((300,), "below700", "int64"))),
        bench=_timed,
        fused=_fused_cross_entropies(),
        extremes=tuple(Extreme(f"{index}", rows=True, call=_of_class(index)) for index in range(3)),
        layer=Layer(
            "CrossEntropyLoss",
            (
                *(
                    _made("CrossEntropyLoss", _LOGITS, below(3, 4), reduction=r)
                    for r in _REDUCTIONS
                ),
                _made(
                    "CrossEntropyLoss",
                    _LOGITS,
                    _ignoring(0, -100, 2, 1),
                    weight=_weight,
                    label_smoothing=0.1,
                ),
                _made("CrossEntropyLoss", arr(4, 3, 2), below(3, 4, 2), ignore_index=1),
            ),
            bad=(
                *_reductions,
                bad(ValueError, "label_smoothing between", label_smoothing=2.0),
            ),
        ),
        # The targets are looked at in a launch of their own, which a replay repeats.
        counts=Counts(launches=2, saved=4, saved_bytes=116, backward=1),
        rough=2.0,
        reason="a logarithm of a sum of exponentials, then a sum over rows",
    ),
}


def _pointwise(
    name: str,
    layer: str,
    x: str,
    target: str,
    *more: Call,
    errors: tuple[Bad, ...] = (),
    made: tuple[dict[str, Any], ...] = (),
    refused: tuple[Bad, ...] = (),
    **fields: Any,
) -> Row:
    """A loss of pairs, which refuses pairs that would have to be broadcast.

    Its layer is made with each reduction and with the settings `made`, and refuses `refused`.
    """
    a, b = arr(2, 3, domain=x), arr(2, 3, domain=target)
    settings = (*({"reduction": r} for r in _REDUCTIONS), *made)
    fields.setdefault("bench", call(MATRIX, MATRIX))
    if not fields.get("finite"):
        # What one pair gives must not reach the other's gradient.
        reductions = (Extreme(r, 2, settings={"reduction": r}) for r in ("none", "sum"))
        fields["extremes"] = (*reductions, *fields.get("extremes", ()))
    calls = (
        *(call(a, b, reduction=r) for r in _REDUCTIONS),
        call(arr(domain=x), arr(domain=target)),
        call(arr(0, 3, domain=x), arr(0, 3, domain=target), reduction="sum"),
        *more,
    )
    different = "expected input and target of the same shape"
    return Row(
        calls,
        name,
        bad=(
            bad(ValueError, f"{name}: {different}", arr(4, 1, domain=x), arr(4, domain=target)),
            bad(ValueError, f"{name}: {different}", arr(2, 3, domain=x), arr(3, domain=target)),
            bad(ValueError, name, a, b, reduction="average"),
            *errors,
        ),
        large=Call((Arr((260_003,), x), Arr((260_003,), target))),
        layer=Layer(
            layer,
            tuple(_made(layer, a, b, **given) for given in settings),
            bad=(*_reductions, *refused),
            rough=fields.get("rough", 1.0),
            reason=fields.get("reason", ""),
        ),
        **fields,
    )


_by_weight = tuple(
    call(arr(2, 3), arr(2, 3), reduction=r, weight=Arr((2, 3), "positive", fixed=True))
    for r in _REDUCTIONS
)
_unfit_weight = (
    bad(ValueError, "expected input and weight of the same shape", *[arr(2, 3)] * 2, weight=arr(3)),
)
_target = rng(6).random((ROWS, 11))


LOSSES |= {
    "mse_loss": _pointwise(
        "mse_loss",
        "MSELoss",
        "real",
        "real",
        call(arr(5, 33), arr(5, 33)),
        *_by_weight,
        errors=(
            *_unfit_weight,
            bad(ValueError, "use target.view_as(input)", arr(4, 1), arr(4)),
            bad(NotImplementedError, "mse_loss", *[arr(2, dtype="int64")] * 2),
        ),
        counts=Counts(launches=1, saved=2, saved_bytes=48, backward=3),
        fused=(
            Fused(("squared_error", "squared_error_backward"), (_target,)),
            Fused((), (_target,), {"reduction": "none"}, "none"),
        ),
    ),
    "nll_loss": Row(
        (
            *(call(arr(4, 3), below(3, 4), reduction=r) for r in _REDUCTIONS),
            call(arr(4, 3), _ignoring(0, -100, 2, 1), _weight),
            call(arr(4, 3), below(3, 4, dtype="int32")),
            call(arr(4, 3, 2), below(3, 4, 2), ignore_index=1, reduction="sum"),
            call(arr(3), np.array(2)),
        ),
        "nll_loss",
        bad=(
            bad(
                IndexError, "nll_loss: Target 3 is out of bounds", arr(4, 3), np.array([0, 1, 3, 0])
            ),
        ),
        bench=_timed,
        fused=(Fused((), (classes(11), positive(11))),),
        layer=Layer(
            "NLLLoss",
            (
                *(_made("NLLLoss", arr(4, 3), below(3, 4), reduction=r) for r in _REDUCTIONS),
                _made("NLLLoss", arr(4, 3), _ignoring(0, -100, 2, 1), weight=_weight),
                _made("NLLLoss", arr(4, 3, 2), below(3, 4, 2), ignore_index=1),
            ),
            bad=_reductions,
        ),
    ),
    "l1_loss": _pointwise(
        "l1_loss",
        "L1Loss",
        "real",
        "real",
        *_by_weight,
        errors=_unfit_weight,
        fused=(Fused((), (_target,)),),
    ),
    "smooth_l1_loss": _pointwise(
        "smooth_l1_loss",
        "SmoothL1Loss",
        "real",
        "real",
        call(arr(9), arr(9), beta=0.3),
        errors=(bad(RuntimeError, "beta", arr(2), arr(2), beta=-1.0),),
        fused=(Fused((), (_target,), {"beta": 0.3}),),
        extremes=(Extreme("0.25", 2, settings={"beta": 0.25}),),
        made=({"beta": 0.3}, {"beta": 0.0}),
        refused=(bad(ValueError, "beta to be at least 0", beta=-1.0),),
    ),
    "huber_loss": _pointwise(
        "huber_loss",
        "HuberLoss",
        "real",
        "real",
        call(arr(9), arr(9), delta=0.3),
        *_by_weight,
        errors=(
            *_unfit_weight,
            bad(RuntimeError, "delta", arr(2), arr(2), delta=0.0),
        ),
        fused=(Fused((), (_target,), {"delta": 0.3}),),
        extremes=(Extreme("3", 2, settings={"delta": 3.0}),),
        made=({"delta": 0.3},),
        refused=(bad(ValueError, "delta to be above 0", delta=0.0),),
    ),
    "binary_cross_entropy": _pointwise(
        "binary_cross_entropy",
        "BCELoss",
        "distribution",
        "distribution",
        call(
            arr(4, domain="distribution"),
            arr(4, domain="distribution"),
            weight=Arr((4,), "positive", fixed=True),
        ),
        errors=(
            bad(RuntimeError, "should be between 0 and 1", np.array([1.5], "float32"), arr(1)),
        ),
        finite="a NaN is no probability",
        made=({"weight": _weight},),
        rough=4.0,
        reason="a difference of logarithms",
    ),
    "binary_cross_entropy_with_logits": _pointwise(
        "binary_cross_entropy_with_logits",
        "BCEWithLogitsLoss",
        "real",
        "distribution",
        call(
            arr(2, 3),
            arr(2, 3, domain="distribution"),
            pos_weight=_weight,
        ),
        fused=(
            Fused(("softplus",), (_target,)),
            Fused(("softplus",), (_target,), {"pos_weight": positive(11)}, "weighed"),
        ),
        made=({"weight": _weight, "pos_weight": _weight},),
        accepted=(
            Accepted(
                "(1 - t) - sigmoid(-x), rounded as 1 is", lambda x, t: 30 <= abs(x) < 100, GRADIENT
            ),
        ),
    ),
    "kl_div": _pointwise(
        "kl_div",
        "KLDivLoss",
        "real",
        "distribution",
        call(arr(2, 3), arr(2, 3, domain="distribution"), reduction="batchmean"),
        call(arr(2, 3), arr(2, 3), log_target=True),
        fused=(Fused((), (_target,)),),
        made=({"reduction": "batchmean"}, {"log_target": True, "reduction": "sum"}),
        extremes=(Extreme("log", 2, settings={"log_target": True, "reduction": "sum"}),),
        accepted=(
            Accepted("t (log t - x), a product; PyTorch takes t log t - t x", lambda x, t: huge(t)),
            Accepted("0 log 0 is 0, and so is its slope", lambda x, t: t == 0, GRADIENT),
        ),
    ),
}
