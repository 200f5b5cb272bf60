"""`overfit_check`: can the model learn a handful of samples by heart?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steep._core import Tensor, from_numpy
from steep.diagnose._guard import copied, untouched_randomness
from steep.diagnose._kinds import kind_by_name
from steep.diagnose._numbers import Array, array, short
from steep.diagnose._trials import check_model, endless, sources
from steep.diagnose.sanitizer import Sanitizer
from steep.nn.module import Module
from steep.optim.adam import Adam
from steep.train._arrays import length_of, mapped, narrowed, tensors_in
from steep.train._batches import RowBatches
from steep.train._step import Score, apply

__all__ = ["OverfitCheck", "overfit_check"]

# A tenth of the way from the first loss to the lowest possible is left at most.
_LEFT = 0.1
# Rates of Adam: what suits most small models, what large targets need, what deep models need.
_RATES = (1e-2, 1e-1, 1e-3, 1e-4)


@dataclass
class OverfitCheck:
    """Whether a model can learn a handful of samples.

    Attributes:
        learned: the verdict.
        curve: loss of each step, at the rate that went furthest.
        goal: the loss at which they count as learned.
        samples: how many there were.
        lr: Adam's learning rate.
        reasons: why not, as far as it shows; empty if they were learned.
    """

    learned: bool
    curve: list[float]
    goal: float
    samples: int
    lr: float
    reasons: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.learned

    def __repr__(self) -> str:
        did = "learned" if self.learned else "could not learn"
        lines = [
            f"OverfitCheck: {did} {self.samples} samples: loss {short(self.curve[0])} to "
            f"{short(self.curve[-1])} in {len(self.curve)} steps with lr={short(self.lr)} "
            f"(goal: {short(self.goal)})"
        ]
        return "\n".join([*lines, *(f"  {reason}" for reason in self.reasons)])

    def figure(self) -> Any:
        """The curve as a `matplotlib.figure.Figure`.

        Raises:
            ImportError: if matplotlib is not installed; the extra `viz` brings it.
        """
        from steep.diagnose import _figures

        return _figures.curve(self)


def overfit_check(
    model: Module,
    loss: Callable[..., Tensor],
    data: Any,
    *,
    samples: int = 8,
    steps: int = 300,
    lr: float | Iterable[float] = _RATES,
) -> OverfitCheck:
    """Train a copy on a handful of samples, and say whether it can learn them.

    A model that cannot learn ten samples will not learn ten thousand: something between data and
    loss is broken, or it is too small. Adam is tried with each rate until one does; dropout is off,
    and layers that the optimiser may not touch (`requires_grad` is off) stay as they are. The model
    and the random stream are as before.

    Args:
        model: what is copied.
        loss: as for `steep.train.fit`.
        data: a loader, a dataset or a tuple of arrays, as for `steep.train.fit`; samples from all
            over an array are taken, or those of the first batch.
        samples: how many. Default: 8.
        steps: for each rate, at most. Default: 300.
        lr: learning rates to try. Default: 1e-2, 1e-1, 1e-3, 1e-4.

    Raises:
        TypeError: if an argument is of another kind.
        ValueError: if `samples` or `steps` is below 1, or there is no data.

    Example:
        >>> import steep
        >>> _ = steep.manual_seed(0)
        >>> net = steep.nn.Sequential(
        ...     steep.nn.Linear(3, 32), steep.nn.ReLU(), steep.nn.Linear(32, 1))
        >>> x, y = steep.randn(100, 3), steep.randn(100, 1)
        >>> bool(steep.diagnose.overfit_check(net, steep.nn.MSELoss(), (x, y)))
        True
    """
    check_model("overfit_check", model, loss)
    for name, value in (("samples", samples), ("steps", steps)):
        if value < 1:
            raise ValueError(f"overfit_check: expected {name} to be at least 1, got {value}")
    rates = [lr] if isinstance(lr, (int, float)) else list(lr)
    if not rates or not all(rate > 0 for rate in rates):
        raise ValueError(f"overfit_check: expected rates above 0, got {rates}")
    with untouched_randomness():
        x, y, weight = _handful(model, data, samples)
        tries = []
        for rate in rates:
            tries.append(_tried(model, loss, (x, y, weight), steps, rate))
            if tries[-1].learned:
                break
    best = min(tries, key=lambda t: (not t.learned, _last(t.curve)))
    if not best.learned:
        best.reasons += _same_inputs(x, y)
        best.reasons += [] if best.reasons else _shape_of(best)
    return best


def _handful(model: Module, data: Any, samples: int) -> tuple[Any, Any, Tensor | None]:
    source = sources("overfit_check", model, data, samples, None, False)
    if isinstance(source, RowBatches):
        x, y, weight = source.parts
        rows = _some_rows(y, samples)
        cut = None if weight is None else weight[rows]
        return mapped(lambda t: t[rows], x), mapped(lambda t: t[rows], y), cut
    x, y, weight = next(endless("overfit_check", source))
    count = min(samples, length_of(x))
    cut = None if weight is None else weight[:count]
    return narrowed(x, 0, count), narrowed(y, 0, count), cut


def _some_rows(y: Any, samples: int) -> Tensor:
    """Rows from all over, with different targets: those of sorted data begin with one class.

    The same ones each time, drawn from a generator of its own.
    """
    count, targets = length_of(y), tensors_in(y)[0]
    for seed in range(20):
        rows = np.random.default_rng(seed).permutation(count)[:samples]
        chosen = array(targets)[rows]
        if samples == 1 or (chosen != chosen[0]).any():
            break
    return from_numpy(np.sort(rows))


def _tried(
    model: Module, loss: Any, batch: tuple[Any, Any, Any], steps: int, rate: float
) -> OverfitCheck:
    twin = copied(model).train()
    for module in twin.modules():
        if "Dropout" in type(module).__name__ and hasattr(module, "p"):
            module.p = 0.0
    x, y, weight = batch
    params = [p for p in twin.parameters() if p.requires_grad]
    found = OverfitCheck(False, [], 0.0, length_of(x), rate)
    if not params:
        found.curve.append(math.nan)
        found.reasons.append("no parameter takes gradients: requires_grad is off for all")
        return found
    score, adam = Score(loss), Adam(params, lr=rate)
    floor, watch = _floor(loss, y), Sanitizer(twin, loss, adam, steps=min(steps, 40), warn=False)
    for _ in range(steps):
        adam.zero_grad()
        output = apply(twin, x)
        value = score(output, y, weight)
        found.curve.append(value.item())
        if len(found.curve) == 1:
            found.goal = floor + _LEFT * (found.curve[0] - floor)
        watch.step(x, y, output, value, weighted=weight is not None)
        found.learned = value.item() <= found.goal or _is_all_right(loss, output, y, value.item())
        if found.learned or not math.isfinite(value.item()) or not value.requires_grad:
            break
        value.backward()
        adam.step()
    watch.close()
    if not found.learned:
        told = [f for f in watch.findings if f.code not in _OF_FEW_SAMPLES]
        found.reasons += [str(finding) for finding in told]
    return found


# What a handful of samples shows by its own, time after time the same.
_OF_FEW_SAMPLES = {"labels-unrelated-to-inputs", "class-imbalance", "learning-rate-too-high"}


def _floor(loss: Any, y: Any) -> float:
    """The lowest value that the loss can have: not 0 where targets are no certain classes."""
    kind = kind_by_name(loss).name
    if not isinstance(y, Tensor) or not y.is_floating_point() or y.numel() == 0:
        smoothing = getattr(loss, "label_smoothing", 0.0)
        return 0.0 if not smoothing else -(1 - smoothing) * math.log(max(1 - smoothing, 1e-9))
    t = array(y).astype(np.float64)
    if kind == "cross_entropy" and t.ndim >= 2:
        return float(-_x_log_x(t).sum(axis=1).mean())
    if kind in ("bce", "bce_logits") and t.min() >= 0 and t.max() <= 1:
        return float(-(_x_log_x(t) + _x_log_x(1 - t)).mean())
    return 0.0


def _x_log_x(t: Array) -> Array:
    result: Array = t * np.log(np.maximum(t, 1e-300))
    return result


def _is_all_right(loss: Any, output: Any, y: Any, value: float) -> bool:
    """Of a classifier: each class right, and by a margin."""
    if kind_by_name(loss).name not in ("cross_entropy", "nll") or not isinstance(output, Tensor):
        return False
    if not isinstance(y, Tensor) or y.is_floating_point() or output.ndim != y.ndim + 1:
        return False
    right = (output.argmax(dim=1) == y).all().item()
    return bool(right) and value < 0.3  # each has about exp(-0.3) = 0.74 at least, on the mean


def _last(curve: list[float]) -> float:
    return curve[-1] if curve and math.isfinite(curve[-1]) else math.inf


def _same_inputs(x: Any, y: Any) -> list[str]:
    """Samples that no function can tell apart, and that have different targets."""
    inputs, targets = tensors_in(x), tensors_in(y)
    if not inputs or not targets:
        return []
    seen: dict[bytes, tuple[int, bytes]] = {}
    for i in range(len(inputs[0])):
        key = b"".join(np.ascontiguousarray(array(t[i])).tobytes() for t in inputs)
        value = b"".join(np.ascontiguousarray(array(t[i])).tobytes() for t in targets)
        other = seen.setdefault(key, (i, value))
        if other[1] != value:
            return [f"samples {other[0]} and {i} have the same input and different targets"]
    return []


def _shape_of(check: OverfitCheck) -> list[str]:
    """What the curve itself says."""
    curve = np.array(check.curve)
    if not np.isfinite(curve).all():
        return ["the loss became NaN or infinite"]
    if curve.size < 20:
        return []
    fall = (curve[-20:].max() - curve[-1]) / max(abs(curve[0]), 1e-12)
    if np.ptp(curve) <= 1e-6 * max(1.0, abs(curve[0])):
        return ["the loss did not change at all: no gradient reaches the weights"]
    if fall > 0.01:
        return ["the loss was still falling: more steps may do"]
    if curve[-1] > 0.9 * curve[0]:
        return ["the loss hardly fell: is the input used, and does the output reach the targets?"]
    return ["the loss stopped short of the goal: is the model too small, or its output bounded?"]
