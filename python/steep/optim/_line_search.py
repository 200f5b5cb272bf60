"""A line search for the strong Wolfe conditions (Nocedal and Wright, 2006, section 3.5)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Point", "strong_wolfe"]

ARMIJO = 1e-4  # how much of the decrease that the slope promises is enough
CURVATURE = 0.9  # how much of the slope may be left


@dataclass(frozen=True)
class Point:
    """The objective at step `t` along the direction.

    Attributes:
        t: the step.
        loss: the objective there.
        slope: its derivative along the direction.
        grad: its gradient.
    """

    t: float
    loss: float
    slope: float
    grad: Any


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    t: float,
    reach: float,
    tolerance: float,
    most: int,
) -> Point:
    """A step whose loss is low enough and whose slope is flat enough, or the lowest one found.

    First the step grows until such a point, or an interval that has one, is behind it. Then the
    interval shrinks. Trial steps are minima of the cubic through losses and slopes at both ends.

    Args:
        evaluate: gives the point at a step.
        start: where the direction begins, at step 0; its slope is negative.
        t: the step that is tried first.
        reach: the greatest coordinate of the direction.
        tolerance: how far the ends of the interval may lie apart, in coordinates, in the end.
        most: how many further points may be evaluated after the first.
    """
    search = _Search(evaluate, start, most)
    ends = search.bracket(t)
    if len(ends) == 2 and search.left > 0:
        return search.zoom(ends, reach, tolerance)
    return min(ends, key=lambda point: point.loss)


class _Search:
    """A search that is under way: its objective, where it began, and how often it may go on."""

    def __init__(self, evaluate: Callable[[float], Point], start: Point, most: int) -> None:
        self.evaluate, self.start, self.left = evaluate, start, most

    def is_high(self, point: Point) -> bool:
        return point.loss > self.start.loss + ARMIJO * point.t * self.start.slope

    def is_flat(self, point: Point) -> bool:
        return abs(point.slope) <= -CURVATURE * self.start.slope

    def bracket(self, t: float) -> list[Point]:
        """One point that fulfils the conditions, or two that enclose one."""
        before, point, tried = self.start, self.evaluate(t), 0
        while self.left > 0:
            if self.is_high(point) or (tried > 1 and point.loss >= before.loss):
                return [before, point]
            if self.is_flat(point):
                return [point]
            if point.slope >= 0:
                return [before, point]
            least = point.t + 0.01 * (point.t - before.t)
            t = _minimum_of_cubic(before, point, least, 10 * point.t)
            before, point = point, self.evaluate(t)
            tried += 1
            self.left -= 1
        return [self.start, point]

    def zoom(self, ends: list[Point], reach: float, tolerance: float) -> Point:
        """The lowest point found inside the interval between two."""
        low, high = sorted(ends, key=lambda point: point.loss)
        first, second = ends  # in the order of the cubic's ends
        slow = False
        while self.left > 0 and abs(second.t - first.t) * reach >= tolerance:
            least, most = sorted((first.t, second.t))
            t, slow = _away_from_ends(_minimum_of_cubic(first, second, least, most), ends, slow)
            point = self.evaluate(t)
            self.left -= 1
            if self.is_high(point) or point.loss >= low.loss:
                ends = [point if end is high else end for end in ends]
                low, high = sorted(ends, key=lambda point: point.loss)
            else:
                if self.is_flat(point):
                    return point
                old = low
                turned = point.slope * (high.t - low.t) >= 0
                ends = [point if end is low else (old if turned else end) for end in ends]
                low, high = point, old if turned else high
            first, second = ends
        return low


def _away_from_ends(t: float, ends: list[Point], slow: bool) -> tuple[float, bool]:
    """`t`, or where it is for the second time near an end, or at it, a tenth of the way inside.

    Also whether it was left near an end.
    """
    least, most = sorted(point.t for point in ends)
    margin = 0.1 * (most - least)
    if min(most - t, t - least) >= margin:
        return t, False
    if not slow and least < t < most:
        return t, True
    return (most - margin if abs(t - most) < abs(t - least) else least + margin), False


def _minimum_of_cubic(one: Point, other: Point, least: float, most: float) -> float:
    """Where the cubic with these values and slopes has its minimum, between two bounds."""
    a, b = (one, other) if one.t <= other.t else (other, one)
    middle = (least + most) / 2
    if a.t == b.t:
        return middle
    # Nocedal and Wright, equation 3.59.
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0 or math.isinf(square):
        return middle
    d2 = math.sqrt(square)
    below = b.slope - a.slope + 2 * d2
    if below == 0:
        return middle
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / below)
    return middle if math.isnan(t) else min(max(t, least), most)
