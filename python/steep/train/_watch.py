"""The first steps of `fit`, which the sanitiser watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep.diagnose.sanitizer import Sanitizer
from steep.nn.module import Module
from steep.optim.optimizer import Optimizer

__all__ = ["WatchedStep", "make_watch"]

# Steps whose layers and gradients are looked at, and batches whose losses are: those rules that
# need the most decide by then.
STEPS, UNTIL = 30, 120


def make_watch(
    sanitize: bool | str, model: Module, loss: Callable[..., Any], optimizer: Any
) -> Sanitizer | None:
    """A sanitiser that looks on where it is told to, or ``None``.

    Raises:
        ValueError: if `sanitize` is something else.
    """
    if sanitize not in (True, False, "strict"):
        raise ValueError(f"fit: expected sanitize to be True, False or 'strict', got {sanitize!r}")
    if not sanitize:
        return None
    strict = sanitize == "strict"
    known = optimizer if isinstance(optimizer, Optimizer) else None
    return Sanitizer(model, loss, known, steps=STEPS, until=UNTIL, attach=False, strict=strict)


class WatchedStep:
    """A step that runs eagerly under watch as long as that lasts, and then as it would without.

    Both give the same bits. Hooks are on within the step alone: what else happens between steps,
    a validation say, is as it would be.
    """

    def __init__(
        self, watch: Sanitizer, watched: Callable[..., Any], plain: Callable[..., Any]
    ) -> None:
        self.watch, self.watched, self.plain = watch, watched, plain

    def __call__(self, *arguments: Any) -> Any:
        if not self.watch.is_watching:
            return self.plain(*arguments)
        with self.watch.attached():
            return self.watched(*arguments)
