"""A loss that compares every prediction with every target."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from steep._core import Tensor, from_numpy, no_grad
from steep.diagnose._events import Batch, Context, Rule
from steep.diagnose._guard import untouched_randomness
from steep.diagnose._numbers import array, short
from steep.diagnose.finding import Finding
from steep.nn.module import Module

__all__ = ["SilentBroadcast"]


class SilentBroadcast(Rule):
    """Predictions ``[N, 1]`` against targets ``[N]``, which broadcast to ``[N, N]``.

    Shapes alone prove nothing: the loss may reshape them. What proves it is that the loss stays
    the same when the targets are given to other samples, and changes when they are changed. It
    is evaluated so twice more, without gradients.
    """

    # Rounding of a float32 sum in another order.
    TOLERANCE = 1e-5

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.tried = 0

    def batch(self, batch: Batch) -> Iterable[Finding]:
        out, y, loss = batch.output, batch.y, self.context.loss
        if out is None or not isinstance(y, Tensor) or loss is None or self.tried >= 3:
            return
        if not _broadcasts(tuple(out.shape), tuple(y.shape)) or not np.isfinite(batch.value):
            return
        if y.numel() < 2 or out.numel() < 2:
            return
        if isinstance(loss, Module) and any(True for _ in loss.buffers()):
            return  # it may count its calls
        self.tried += 1
        turned, changed = self._tried(loss, out.detach(), y)
        if turned is None or changed is None or np.ptp(array(y)) == 0:
            return
        scale = max(abs(batch.value), 1e-12)
        blind = abs(turned - batch.value) <= self.TOLERANCE * scale
        if blind and abs(changed - batch.value) > 100 * self.TOLERANCE * scale:
            evidence = (
                f"output {list(out.shape)} and target {list(y.shape)} broadcast; the loss is "
                f"{short(batch.value)}, and {short(turned)} with the targets in another order"
            )
            mend = "give both one shape: output.squeeze(-1), or y.view_as(output)"
            yield self.finding("silent-broadcast", "", evidence, mend)

    def _tried(self, loss: Any, out: Tensor, y: Tensor) -> tuple[float | None, float | None]:
        """The loss with the targets turned by one sample, and with other targets."""
        axis = next(i for i, size in enumerate(y.shape) if size > 1)
        turned = from_numpy(np.roll(array(y), 1, axis))
        other = y * 2 + 1 if y.is_floating_point() else y * 0
        with no_grad(), untouched_randomness():
            return _value(loss, out, turned), _value(loss, out, other)


def _value(loss: Any, out: Tensor, y: Tensor) -> float | None:
    try:
        result = loss(out, y)
        return float(result) if isinstance(result, Tensor) and result.numel() == 1 else None
    except (ValueError, RuntimeError, TypeError, IndexError):
        return None


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes fit each other only as something larger than both."""
    length = max(len(a), len(b))
    pairs = list(zip((1,) * (length - len(a)) + a, (1,) * (length - len(b)) + b, strict=True))
    if any(x != y and 1 not in (x, y) for x, y in pairs):
        return False
    size = np.prod([max(pair) for pair in pairs], dtype=np.int64)
    return bool(size > max(np.prod(a, dtype=np.int64), np.prod(b, dtype=np.int64)))
