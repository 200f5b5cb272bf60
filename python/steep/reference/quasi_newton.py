"""L-BFGS over lists of arrays, with the inverse Hessian written out as a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steep.reference.registry import Array

Closure = Callable[[], tuple[float, Sequence[Array]]]  # the loss, and its gradients
Point = tuple[float, float, float, Array]  # a step, loss and slope there, and the gradient


class LBFGS:
    """Liu & Nocedal 1989; BFGS of the last pairs only (Nocedal & Wright 2006, equation 7.19).

    With x as one vector, ``s = x' - x``, ``y = g' - g`` and ``r = 1 / y's``::

        H = (s'y / y'y) I of the last pair;  H = (I - r s y') H (I - r y s') + r s s' for all
        x = x - t H g
    """

    def __init__(
        self,
        params: Sequence[Array],
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        self.params, self.lr, self.max_iter = list(params), lr, max_iter
        self.max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        self.tolerance_grad, self.tolerance_change = tolerance_grad, tolerance_change
        self.history_size, self.searches = history_size, line_search_fn is not None
        self.pairs: list[tuple[Array, Array]] = []
        self.scale, self.iterations = 1.0, 0
        self.last: tuple[Array, Array] | None = None  # the last change of x, and the gradient

    def step(self, closure: Closure) -> float:
        """Take up to `max_iter` iterations; the loss before them."""
        calls = 0

        def evaluate() -> tuple[float, Array]:
            nonlocal calls
            calls += 1
            loss, grads = closure()
            return loss, np.concatenate([np.ravel(g) for g in grads])

        first, g = evaluate()
        loss = first
        for i in range(self.max_iter):
            if np.abs(g).max() <= self.tolerance_grad:
                break
            self.iterations += 1
            before, d = loss, -self.inverse_hessian(g) @ g
            t = self.lr * (min(1.0, 1 / np.abs(g).sum()) if self.iterations == 1 else 1.0)
            self.last = t * d, g
            if g @ d > -self.tolerance_change:
                break
            if self.searches:

                def at(t: float, d: Array = d) -> Point:
                    self.move(t * d)
                    loss, g = evaluate()
                    self.move(-t * d)
                    return t, loss, float(g @ d), g

                begin = (0.0, loss, float(g @ d), g)
                limit = self.tolerance_change / np.abs(d).max()
                t, loss, _, new = strong_wolfe(at, begin, t, limit, self.max_eval - calls)
                self.move(t * d)
            else:
                self.move(t * d)
                if i == self.max_iter - 1:
                    self.last = t * d, g
                    break
                loss, new = evaluate()
            self.last, g = (t * d, g), new
            if calls >= self.max_eval or np.abs(t * d).max() <= self.tolerance_change:
                break
            if abs(loss - before) < self.tolerance_change:
                break
        return first

    def move(self, change: Array) -> None:
        at = 0
        for p in self.params:
            p += change[at : at + p.size].reshape(p.shape)
            at += p.size

    def inverse_hessian(self, g: Array) -> Array:
        if self.last is not None:
            s, y = self.last[0], g - self.last[1]
            if s @ y > 1e-10:
                self.pairs = [*self.pairs, (s, y)][-self.history_size :]
                self.scale = (s @ y) / (y @ y)
        one = np.eye(g.size)
        h = self.scale * one
        for s, y in self.pairs:
            left = one - np.outer(s, y) / (y @ s)
            h = left @ h @ left.T + np.outer(s, s) / (y @ s)
        return np.asarray(h)


def strong_wolfe(
    at: Callable[[float], Point], begin: Point, t: float, limit: float, most: int
) -> Point:
    """A line search after Nocedal & Wright, algorithms 3.5 and 3.6, as in Schmidt's minFunc."""
    _, loss, slope, _ = begin

    def high(p: Point) -> bool:
        return p[1] > loss + 1e-4 * p[0] * slope

    def flat(p: Point) -> bool:
        return abs(p[2]) <= -0.9 * slope

    old, new, grown = begin, at(t), 0
    while True:
        if grown >= most:
            pair = [begin, new]
            break
        if high(new) or (grown > 1 and new[1] >= old[1]) or (not flat(new) and new[2] >= 0):
            pair = [old, new]
            break
        if flat(new):
            return new
        t = cubic(old, new, new[0] + 0.01 * (new[0] - old[0]), 10 * new[0])
        old, new, grown = new, at(t), grown + 1
    stuck = False
    for _ in range(most - grown):
        a, b = sorted((pair[0][0], pair[1][0]))
        if b - a < limit:
            break
        t = cubic(pair[0], pair[1], a, b)
        if min(b - t, t - a) < 0.1 * (b - a):
            if stuck or not a < t < b:
                t = b - 0.1 * (b - a) if b - t < t - a else a + 0.1 * (b - a)
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new = at(t)
        i = 0 if pair[0][1] <= pair[1][1] else 1  # of the lower end
        low, top = pair[i], pair[1 - i]
        if high(new) or new[1] >= low[1]:
            pair[1 - i] = new
            continue
        if flat(new):
            return new
        if new[2] * (top[0] - low[0]) >= 0:
            pair[1 - i] = low
        pair[i] = new
    return min(pair, key=lambda p: p[1])


def cubic(p: Any, q: Any, least: float, most: float) -> float:
    """Nocedal & Wright, equation 3.59, kept between two bounds."""
    (a, fa, ga, _), (b, fb, gb, _) = sorted((p, q), key=lambda point: point[0])
    d1 = ga + gb - 3 * (fa - fb) / (a - b)
    if d1 * d1 < ga * gb:
        return (least + most) / 2
    d2 = math.sqrt(d1 * d1 - ga * gb)
    return float(min(max(b - (b - a) * (gb + d2 - d1) / (gb - ga + 2 * d2), least), most))
