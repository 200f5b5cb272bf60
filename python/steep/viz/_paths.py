"""Where optimisers go on a surface: the real ones, on real tensors."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import steep
from steep.viz.surfaces import Surface, find

__all__ = ["FAR", "OPTIMIZERS", "Optimizers", "Path", "Paths", "default_rates", "follow"]

FAR = 1000.0  # a path that is so many half-widths of the picture away has diverged

# By name: the class, and its settings for a momentum. Adam's first beta is its momentum.
_Setting = Callable[[float], dict[str, Any]]
_CLASSES: dict[str, tuple[str, float | None, _Setting]] = {
    # name: class, learning rate (None: the surface's own), settings
    "sgd": ("SGD", None, lambda m: {}),
    "momentum": ("SGD", None, lambda m: {"momentum": m}),
    "nesterov": ("SGD", None, lambda m: {"momentum": m, "nesterov": True}),
    "adagrad": ("Adagrad", 0.5, lambda m: {}),
    "rmsprop": ("RMSprop", 0.03, lambda m: {}),
    "adam": ("Adam", 0.1, lambda m: {"betas": (m, 0.999)}),
    "nadam": ("NAdam", 0.1, lambda m: {"betas": (m, 0.999)}),
    "adamw": ("AdamW", 0.1, lambda m: {"betas": (m, 0.999)}),
    "adamax": ("Adamax", 0.1, lambda m: {"betas": (m, 0.999)}),
    "rprop": ("Rprop", 0.1, lambda m: {}),
    # With fewer iterations a step a line search may never get away from its start.
    "lbfgs": ("LBFGS", 1.0, lambda m: {"max_iter": 4, "line_search_fn": "strong_wolfe"}),
}
OPTIMIZERS = tuple(_CLASSES)


@dataclass(frozen=True)
class Path:
    """Where one optimiser went.

    Attributes:
        name: of the optimiser.
        lr: its learning rate.
        momentum: the momentum it was made for.
        points: (x, y) before each step and after the last, in float64.
        values: the surface at each of these points.
        gradients: its gradient there, (df/dx, df/dy).
        velocities: the optimiser's running mean of gradients there (SGD's momentum buffer, Adam's
            first moment); empty for an optimiser without one.
        diverged: the step at which it was lost, or ``None``.
    """

    name: str
    lr: float
    momentum: float
    points: list[tuple[float, float]]
    values: list[float]
    gradients: list[tuple[float, float]]
    velocities: list[tuple[float, float]]
    diverged: int | None

    def outcome(self, surface: Surface) -> str:
        """What came of it, in a few words."""
        if self.diverged is not None:
            how = "diverged" if surface.minima else "fell without end"
            return f"{how} at step {self.diverged}"
        x, y = self.points[-1]
        (x0, x1), (y0, y1) = surface.domain
        if not (x0 <= x <= x1 and y0 <= y <= y1):
            return "out of the picture"
        near = 0.01 * min(x1 - x0, y1 - y0)
        for minimum in surface.minima:
            if math.dist((x, y), minimum.point) < near:
                return f"at the minimum ({minimum.point[0]:.4g}, {minimum.point[1]:.4g})"
        return "on its way"


@dataclass(frozen=True)
class Paths:
    """The paths of several optimisers from one start.

    Attributes:
        surface: what they went down.
        start: where they began.
        steps: how many steps they were given.
        paths: by the optimiser's name.
    """

    surface: Surface
    start: tuple[float, float]
    steps: int
    paths: dict[str, Path]

    def __str__(self) -> str:
        head = ["optimiser", "lr", "steps", "x", "y", "value", "outcome"]
        rows = [head]
        for path in self.paths.values():
            (x, y), value = path.points[-1], path.values[-1]
            steps = len(path.points) - 1
            row = [path.name, f"{path.lr:g}", str(steps), f"{x:.5g}", f"{y:.5g}", f"{value:.4g}"]
            rows.append([*row, path.outcome(self.surface)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
            lines.append("  ".join([row[0].ljust(widths[0]), *cells[1:-1], row[-1]]))
        x, y = self.start
        title = f"{self.surface.title}: {self.surface.formula}, from ({x:g}, {y:g})"
        return "\n".join([f"{title}, {self.steps} steps", *lines])


Optimizers = (
    str | Sequence[str] | Mapping[str, Callable[[Iterable[steep.Tensor]], steep.optim.Optimizer]]
)


def follow(
    surface: str | Surface,
    optimizers: Optimizers,
    start: Sequence[float] | None = None,
    lr: float | Mapping[str, float] | None = None,
    momentum: float = 0.9,
    steps: int = 200,
) -> Paths:
    """What `descend` computes; its arguments are explained there."""
    where = find(surface)
    begin = _start(start, where)
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"descend: expected steps to be a whole number of 1 or more, got {steps}")
    if not 0 <= momentum < 1:
        raise ValueError(f"descend: expected a momentum from 0 to below 1, got {momentum}")
    makers = _makers(optimizers, where, lr, momentum)
    paths = {}
    for name, (make, rate) in makers.items():
        point = steep.tensor(begin, dtype=steep.float64, requires_grad=True)
        optimizer = make([point])
        if not isinstance(optimizer, steep.optim.Optimizer):
            raise TypeError(
                f"descend: expected the function {name!r} to make a steep.optim.Optimizer of a "
                f"list of parameters, got a {type(optimizer).__name__}"
            )
        rate = float(optimizer.param_groups[0]["lr"]) if rate is None else rate
        paths[name] = _walk(where, point, optimizer, Path(name, rate, momentum, *_empty()), steps)
    return Paths(where, begin, steps, paths)


def _is_number(x: object) -> bool:
    return hasattr(x, "__float__") and not isinstance(x, str)


def _empty() -> tuple[Any, ...]:
    return [], [], [], [], None


def _start(start: Sequence[float] | None, surface: Surface) -> tuple[float, float]:
    given = surface.start if start is None else tuple(start)
    if len(given) != 2 or not all(_is_number(x) and math.isfinite(x) for x in given):
        raise ValueError(f"descend: expected start to be two finite numbers (x, y), got {start}")
    return float(given[0]), float(given[1])


def _makers(
    optimizers: Optimizers, surface: Surface, lr: float | Mapping[str, float] | None, m: float
) -> dict[str, tuple[Callable[[Any], Any], float | None]]:
    """For each optimiser what makes it, and its learning rate if that is known before."""
    if isinstance(optimizers, Mapping):
        if not all(map(callable, optimizers.values())):
            raise TypeError(
                "descend: expected a function of the parameters for each optimiser, such as "
                f"lambda p: steep.optim.Adam(p, lr=0.01), got {dict(optimizers)}"
            )
        return {str(name): (make, None) for name, make in optimizers.items()}
    if not isinstance(optimizers, (str, Sequence)):
        raise TypeError(
            f"descend: expected names of optimisers, or functions by name, got {optimizers!r}"
        )
    names = [optimizers] if isinstance(optimizers, str) else list(optimizers)
    if not names:
        raise ValueError(f"descend: expected an optimiser at least; known: {', '.join(OPTIMIZERS)}")
    rates = lr if isinstance(lr, Mapping) else dict.fromkeys(names, lr)
    makers: dict[str, tuple[Callable[[Any], Any], float | None]] = {}
    for name in (*names, *rates):
        if name not in _CLASSES:
            near = difflib.get_close_matches(str(name).lower(), OPTIMIZERS, n=1)
            raise ValueError(
                f"descend: expected optimisers among {', '.join(OPTIMIZERS)}, got {name!r}"
                + (f"; did you mean {near[0]!r}?" if near else "")
            )
    for name in names:
        rate = rates.get(name)
        rate = default_lr(name, surface) if rate is None else rate
        if not (_is_number(rate) and math.isfinite(rate) and rate > 0):
            raise ValueError(f"descend: expected a learning rate above 0 for {name}, got {rate}")
        kind, _, settings = _CLASSES[name]
        makers[name] = _maker(getattr(steep.optim, kind), rate, settings(m)), float(rate)
    return makers


def _maker(kind: Any, rate: float, settings: dict[str, Any]) -> Callable[[Any], Any]:
    return lambda params: kind(params, lr=rate, **settings)


def default_rates() -> dict[str, float | None]:
    """The rates of optimisers where none is given; ``None`` stands for the surface's own."""
    return {name: rate for name, (_, rate, _) in _CLASSES.items()}


def default_lr(name: str, surface: Surface) -> float:
    """The learning rate that an optimiser gets where none is given."""
    rate = _CLASSES[name][1]
    return surface.lr if rate is None else rate


def _walk(surface: Surface, point: Any, optimizer: Any, path: Path, steps: int) -> Path:
    """Fill a path; it ends before what is no number, or far away."""
    (x0, x1), (y0, y1) = surface.domain
    middle, far = ((x0 + x1) / 2, (y0 + y1) / 2), FAR * max(x1 - x0, y1 - y0) / 2

    def closure() -> Any:
        optimizer.zero_grad()
        with steep.enable_grad():  # whatever mode the caller is in
            value = surface(point[0], point[1])
            value.backward()
        return value

    for step in range(steps + 1):
        value = closure().item()
        x, y = point.tolist()
        finite = all(map(math.isfinite, (x, y, value)))
        if step and (not finite or math.dist((x, y), middle) > far):
            return Path(**{**path.__dict__, "diverged": step})
        path.points.append((x, y))
        path.values.append(value)
        path.gradients.append(tuple(point.grad.tolist()))
        if step < steps:
            optimizer.step(closure)
            path.velocities.extend(_velocity(optimizer, point))
    return path


def _velocity(optimizer: Any, point: Any) -> list[tuple[float, float]]:
    state = optimizer.state.get(point, {})
    for name in ("momentum_buffer", "exp_avg"):
        if state.get(name) is not None:
            return [tuple(state[name].tolist())]
    return []
