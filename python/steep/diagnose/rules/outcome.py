"""Whether a trained classifier knows more than the most frequent class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from steep._core import Tensor, from_numpy
from steep.diagnose._numbers import array
from steep.diagnose.finding import Finding
from steep.diagnose.rules.progress import BALANCE, HiddenImbalance

__all__ = ["unanswered"]

ASKED = 256  # rows of rare classes at most


def unanswered(
    loss: object, kind: str, answer: Callable[[Tensor], Any], y: Tensor
) -> Iterator[Finding]:
    """Find out whether no row of a rare class gets another answer than the most frequent class.

    The first hundred steps do not tell: there most classifiers know one class alone.

    Args:
        loss: what was minimised; weights of classes in it say that the imbalance is known.
        kind: its name, as `Kind` has it.
        answer: a function of row numbers that returns what the model answers there.
        y: all targets, class numbers ``[rows]``, or 0 and 1 for a binary loss.
    """
    labels, is_binary = array(y), kind in ("bce", "bce_logits")
    if is_binary and labels.size == len(labels) and bool(((labels == 0) | (labels == 1)).all()):
        labels = labels.reshape(-1).astype(np.int64)
    elif is_binary or kind not in ("cross_entropy", "nll") or labels.dtype.kind not in "iu":
        return
    weights = (getattr(loss, name, None) for name in ("weight", "pos_weight"))
    if labels.ndim != 1 or labels.min() < 0 or any(weight is not None for weight in weights):
        return
    counts = np.bincount(labels)
    most = int(counts.argmax())
    others = np.flatnonzero(labels != most)
    share = counts[most] / labels.size
    if share < HiddenImbalance.SHARE or len(others) < HiddenImbalance.RARE:
        return
    asked = others[:: -(-len(others) // ASKED)]
    out = array(answer(from_numpy(np.ascontiguousarray(asked))))
    if is_binary:
        given = out.reshape(-1) > (0.5 if kind == "bce" else 0.0)
    elif out.ndim == 2:
        given = out.argmax(axis=1)
    else:
        return
    if len(given) == len(asked) and (given == most).all():
        yield Finding(
            "class-imbalance", "",
            f"class {most} has {share:.3f} of the {labels.size} samples, which is the accuracy of "
            f"always answering it; of {len(asked)} others that the trained model was asked, it "
            "takes every one for it", BALANCE,
        )  # fmt: skip
