"""Functions of two variables on which optimisers show what they do.

Each is a polynomial, written once with ``+``, ``-`` and ``*`` alone, so that the same lines give
values of steep tensors (whose gradients are the engine's), of NumPy arrays and of plain numbers.

Example:
    >>> import steep
    >>> from steep.viz import surfaces
    >>> rosenbrock = surfaces.find("rosenbrock")
    >>> rosenbrock(1.0, 1.0), rosenbrock.minima[0].point
    (0.0, (1.0, 1.0))
    >>> p = steep.tensor([-1.5, 2.0], requires_grad=True)
    >>> rosenbrock(p[0], p[1]).backward()
    >>> p.grad
    tensor([-155.,  -50.])
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["SURFACES", "Minimum", "Surface", "find"]


class Minimum(NamedTuple):
    """A local minimum of a surface.

    Attributes:
        point: where, (x, y).
        value: the surface's value there.
    """

    point: tuple[float, float]
    value: float


@dataclass(frozen=True)
class Surface:
    """A function f(x, y), with what is known of it.

    Calling it computes f, of two steep tensors, NumPy arrays or numbers.

    Attributes:
        name: what `find` knows it by.
        title: its name in a heading.
        formula: f as mathematicians write it.
        source: where it is from, and what it shows.
        minima: its local minima; empty for a surface that has none.
        domain: what a figure shows: ((x from, x to), (y from, y to)).
        start: a point from which the ways of the optimisers differ.
        lr: a learning rate at which plain gradient descent makes headway from there.
        function: f.
        gradient: (df/dx, df/dy) of two numbers, by hand: the formula the descent page uses.
    """

    name: str
    title: str
    formula: str
    source: str
    minima: tuple[Minimum, ...]
    domain: tuple[tuple[float, float], tuple[float, float]]
    start: tuple[float, float]
    lr: float
    function: Callable[[Any, Any], Any]
    gradient: Callable[[Any, Any], tuple[Any, Any]]

    def __call__(self, x: Any, y: Any) -> Any:
        return self.function(x, y)

    @property
    def lowest(self) -> float | None:
        """The value of the deepest minimum, or ``None`` where there is none."""
        return min((minimum.value for minimum in self.minima), default=None)


def _bowl(x: Any, y: Any) -> Any:
    return x * x + y * y


def _bowl_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return 2 * x, 2 * y


def _ravine(x: Any, y: Any) -> Any:
    return 0.5 * (x * x) + 12.5 * (y * y)


def _ravine_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return x, 25 * y


def _rosenbrock(x: Any, y: Any) -> Any:
    across, along = y - x * x, 1 - x
    return 100 * (across * across) + along * along


def _rosenbrock_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    across = y - x * x
    return -400 * (x * across) - 2 * (1 - x), 200 * across


def _beale(x: Any, y: Any) -> Any:
    y2 = y * y
    a, b, c = 1.5 - x + x * y, 2.25 - x + x * y2, 2.625 - x + x * (y2 * y)
    return a * a + b * b + c * c


def _beale_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    y2 = y * y
    a, b, c = 1.5 - x + x * y, 2.25 - x + x * y2, 2.625 - x + x * (y2 * y)
    along_x = 2 * (a * (y - 1) + b * (y2 - 1) + c * (y2 * y - 1))
    along_y = 2 * (x * (a + 2 * (b * y) + 3 * (c * y2)))
    return along_x, along_y


def _saddle(x: Any, y: Any) -> Any:
    return x * x - y * y


def _saddle_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return 2 * x, -2 * y


def _two_minima(x: Any, y: Any) -> Any:
    well = x * x - 1
    return well * well + 0.3 * x + 0.5 * (y * y)


def _two_minima_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return 4 * (x * (x * x - 1)) + 0.3, y


SURFACES: dict[str, Surface] = {
    surface.name: surface
    for surface in (
        Surface(
            "bowl",
            "Bowl",
            "x² + y²",
            "The quadratic with equal curvature in every direction: all gradients point to "
            "the minimum. Gradient descent diverges at rates above 1.",
            (Minimum((0.0, 0.0), 0.0),),
            ((-3.0, 3.0), (-3.0, 3.0)),
            (-2.5, 2.0),
            0.1,
            _bowl,
            _bowl_gradient,
        ),
        Surface(
            "ravine",
            "Ravine",
            "x²/2 + 12.5 y²",
            "A quadratic of condition number 25, as in Polyak's analysis of the heavy ball (1964): "
            "plain descent swings across, and diverges at rates above 2/25; momentum gets on "
            "along the floor, and swings for longer.",
            (Minimum((0.0, 0.0), 0.0),),
            ((-6.0, 6.0), (-2.5, 2.5)),
            (-5.0, 1.8),
            0.07,
            _ravine,
            _ravine_gradient,
        ),
        Surface(
            "rosenbrock",
            "Rosenbrock",
            "(1 - x)² + 100 (y - x²)²",
            "Rosenbrock, The Computer Journal 3 (1960), p. 175: a bent valley whose floor hardly "
            "falls.",
            (Minimum((1.0, 1.0), 0.0),),
            ((-2.2, 2.2), (-1.2, 3.2)),
            (-1.5, 2.0),
            0.0008,
            _rosenbrock,
            _rosenbrock_gradient,
        ),
        Surface(
            "beale",
            "Beale",
            "(1.5 - x + x y)² + (2.25 - x + x y²)² + (2.625 - x + x y³)²",
            "Beale (1958); No. 5 of Moré, Garbow and Hillstrom, ACM Transactions on Mathematical "
            "Software 7 (1981): a plain with steep corners.",
            (Minimum((3.0, 0.5), 0.0),),
            ((-0.5, 4.5), (-2.0, 2.0)),
            (1.0, 1.6),
            0.002,
            _beale,
            _beale_gradient,
        ),
        Surface(
            "saddle",
            "Saddle",
            "x² - y²",
            "The simplest saddle: its gradient at the origin is zero, and it falls without end "
            "along y. Started beside the ridge y = 0, an optimiser shows how it leaves.",
            (),
            ((-2.0, 2.0), (-2.0, 2.0)),
            (-1.8, 0.001),
            0.05,
            _saddle,
            _saddle_gradient,
        ),
        Surface(
            "two_minima",
            "Two minima",
            "(x² - 1)² + 0.3 x + y²/2",
            "A tilted double well: the left minimum is the deeper one; enough momentum carries an "
            "optimiser over the barrier.",
            (
                Minimum((-1.0355787140888537, 0.0), -0.30542848374391596),
                Minimum((0.9601495555191055, 0.0), 0.29414648102826285),
            ),
            ((-2.0, 2.0), (-2.0, 2.0)),
            (1.8, 1.5),
            0.02,
            _two_minima,
            _two_minima_gradient,
        ),
    )
}


def find(surface: str | Surface) -> Surface:
    """The surface of this name; a `Surface` is handed back as it is.

    Args:
        surface: ``'bowl'``, ``'ravine'``, ``'rosenbrock'``, ``'beale'``, ``'saddle'`` or
            ``'two_minima'``; case, ``-`` and blanks do not matter.

    Raises:
        ValueError: for any other name; it says which one is nearest.
        TypeError: for what is neither a name nor a `Surface`.

    Example:
        >>> find("Two minima").name
        'two_minima'
        >>> find("rosenbrok")
        Traceback (most recent call last):
        ...
        ValueError: surface: expected one of bowl, ravine, rosenbrock, beale, saddle and
        two_minima, got 'rosenbrok'; did you mean 'rosenbrock'?
    """
    if isinstance(surface, Surface):
        return surface
    if not isinstance(surface, str):
        raise TypeError(
            f"surface: expected a name or a steep.viz.surfaces.Surface, got a "
            f"{type(surface).__name__}; the names are {', '.join(SURFACES)}"
        )
    name = surface.strip().lower().replace("-", "_").replace(" ", "_")
    if name in SURFACES:
        return SURFACES[name]
    *first, last = SURFACES
    near = difflib.get_close_matches(name, SURFACES, n=1, cutoff=0.5)
    raise ValueError(
        f"surface: expected one of {', '.join(first)} and {last}, got {surface!r}"
        + (f"; did you mean {near[0]!r}?" if near else "")
    )
