"""The loss of labels without an alignment."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

import steep
from cases.layer import Layer, Made, Params
from cases.row import Arr, Array, Call, Counts, Row, Timed, arr, bad, call
from steep.reference import OPS

_logs = Arr((5, 2, 4), "spread")  # no logarithms of probabilities, but the formula does not mind
_targets = np.array([[1, 2, 2], [3, 1, 0]])
_lengths = (np.array([5, 4]), np.array([3, 2]))
_joined = np.array([1, 2, 2, 3, 1, 3])
_WHY = "as PyTorch's, it is that of what log_softmax was given: tests/test_ctc.py, and the layer"


def _timed(m: ModuleType) -> Timed:
    x = m.randn(50, 16, 20, requires_grad=True)
    targets = m.randint(1, 20, (16, 10))
    lengths = (m.full((16,), 50), m.full((16,), 10))
    F = m.nn.functional

    def run() -> None:
        F.ctc_loss(F.log_softmax(x, -1), targets, *lengths).backward()

    return run


class OfScores(steep.nn.Module):
    """The loss behind log_softmax."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.loss = steep.nn.CTCLoss(**settings)

    def forward(self, scores: Any, *given: Any) -> Any:
        return self.loss(steep.nn.functional.log_softmax(scores, -1), *given)


def _maker(m: ModuleType, **settings: Any) -> Any:
    return OfScores(**settings) if m is steep else m.nn.CTCLoss(**settings)


def _of_scores(params: Params, inputs: tuple[Array, ...], **settings: Any) -> Any:
    scores, *given = inputs
    return OPS["ctc_loss"].forward(OPS["log_softmax"].forward(scores, -1), *given, **settings)


def _made(*inputs: Any, **settings: Any) -> Made:
    return Made(call(**settings), inputs, "OfScores(\n  (loss): CTCLoss()\n)")


def _refused(error: type[Exception], text: str, **other: Any) -> Any:
    given = {"log_probs": _logs, "targets": _targets, "input_lengths": _lengths[0]}
    given |= {"target_lengths": _lengths[1], **other}
    return bad(error, f"ctc_loss: {text}", **given)


_calls: tuple[Call, ...] = (
    call(_logs, _targets, *_lengths),
    call(_logs, _joined, _lengths[0], np.array([3, 3]), reduction="sum"),
    call(_logs, _targets, (5, 4), (3, 2), reduction="none"),
    call(_logs, _joined, (5, 5), (4, 2), 0, "none", True),
    call(_logs, _targets, (3, 1), (3, 2), reduction="none"),  # no way for either
    call(_logs, _targets, (3, 5), (3, 2), zero_infinity=True),
    call(_logs, _targets, (0, 4), (0, 0), reduction="none"),
    call(_logs, np.array([[1, 0, 0], [2, 1, 0]]), (5, 5), (2, 3), blank=3),
    call(arr(6, 4, domain="spread"), np.array([1, 2, 2]), (6,), (3,)),
    call(arr(6, 4, domain="spread"), np.array([1, 2]), np.array(5), np.array(2), reduction="none"),
)

CTC = {
    "ctc_loss": Row(
        _calls,
        "ctc_loss",
        gradient=_WHY,
        bad=(
            _refused(
                NotImplementedError, "expected floating", log_probs=arr(5, 2, 4, dtype="int64")
            ),
            _refused(RuntimeError, "expected log_probs of shape", log_probs=arr(4)),
            _refused(RuntimeError, "expected log_probs that are", log_probs=arr(5, 0, 4)),
            _refused(RuntimeError, "blank must be in label range", blank=4),
            _refused(RuntimeError, "blank must be in label range", blank=-1),
            _refused(
                RuntimeError, "expected targets of shape (2, S)", targets=np.ones((3, 2), "i8")
            ),
            _refused(RuntimeError, "expected targets to be integral", targets=arr(2, 3)),
            _refused(RuntimeError, "expected input_lengths to be of", input_lengths=np.array([5])),
            _refused(
                RuntimeError, "expected target_lengths to be of", target_lengths=np.array([5])
            ),
            _refused(RuntimeError, "expected input_lengths to be int", input_lengths=arr(2)),
            _refused(
                RuntimeError,
                "Expected input_lengths to have value at most 5, but got value 6 at position 1",
                input_lengths=np.array([5, 6]),
            ),
            _refused(
                RuntimeError,
                "Expected target_lengths to have value at least 0, but got value -1",
                target_lengths=np.array([-1, 2]),
            ),
            _refused(
                RuntimeError,
                "Expected target_lengths to have value at most 3",
                target_lengths=np.array([4, 2]),
            ),
            _refused(
                RuntimeError, "expected 5 labels in the targets", targets=np.array([1, 2, 3, 1])
            ),
            _refused(IndexError, "Target 4 is out of bounds", targets=np.array([1, 2, 2, 4, 1])),
            _refused(ValueError, "expected reduction", reduction="average"),
        ),
        large=Call(
            (Arr((40, 6, 30), "spread"), Arr((6, 12), "below30", "int64"), (40,) * 6, (12,) * 6),
            {"reduction": "none"},
        ),
        kernels=("ctc", "ctc_backward"),
        counts=Counts(launches=7, saved=7, saved_bytes=616, backward=3),
        bench=_timed,
        rough=8.0,
        reason="sums of probabilities by their logarithms, one step after the other",
    ),
}
CTC_LAYER = Layer(
    "CTCLoss",
    (
        _made(_logs, _targets, *_lengths),
        _made(_logs, _joined, _lengths[0], np.array([2, 4]), reduction="sum", blank=0),
        _made(_logs, _targets, *_lengths, reduction="none", zero_infinity=True),
        _made(arr(6, 4), np.array([1, 2, 2]), np.array([6]), np.array([3]), blank=3),
    ),
    _of_scores,
    bad=(bad(ValueError, "reduction", reduction="avg"),),
    maker=_maker,
    bench=_made(_logs, _targets, *_lengths),
    rough=8.0,
    reason="sums of probabilities by their logarithms, one step after the other",
)
