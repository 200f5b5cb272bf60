"""Small trainings, watched: what the catalogue of bugs and of healthy programs is made of."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import steep
from steep import Tensor, nn
from steep.diagnose import Finding, Sanitizer

F = nn.functional
Training = Callable[[], list[Finding]]

HEALTHY: dict[str, Training] = {}
BUGS: dict[str, tuple[Training, str]] = {}


def healthy(function: Training) -> Training:
    """Register a training in which nothing is to be found."""
    HEALTHY[function.__name__] = function
    return function


def bug(code: str) -> Callable[[Training], Training]:
    """Register a training whose mistake is to be found by `code`."""

    def register(function: Training) -> Training:
        BUGS[function.__name__] = function, code
        return function

    return register


Batches = Iterator[tuple[Tensor, Tensor]]


def blobs(steps: int, size: int = 32, classes: int = 3, width: int = 6) -> Batches:
    """Batches of clusters of points, a class each, that can be told apart."""
    centres = 2 * steep.randn(classes, width)
    for _ in range(steps):
        y = steep.randint(0, classes, (size,))
        yield 0.7 * centres[y] + 0.7 * steep.randn(size, width), y


def curve(steps: int, size: int = 32, width: int = 4, scale: float = 1.0) -> Batches:
    """Batches of a regression, targets [size, 1]."""
    slope = steep.randn(width, 1)
    for _ in range(steps):
        x = steep.randn(size, width)
        yield x, scale * (x @ slope + 0.1 * steep.randn(size, 1))


def images(steps: int, size: int = 16, classes: int = 3, side: int = 8) -> Batches:
    """Batches of pictures in 0..1, of one channel."""
    patterns = steep.rand(classes, 1, side, side)
    for _ in range(steps):
        y = steep.randint(0, classes, (size,))
        yield 0.7 * patterns[y] + 0.3 * steep.rand(size, 1, side, side), y


def mlp(*widths: int, act: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear layers of these widths with activations between them."""
    layers: list[nn.Module] = []
    for inside, outside in itertools.pairwise(widths):
        layers += [nn.Linear(inside, outside), act()]
    return nn.Sequential(*layers[:-1])


def sgd(model: nn.Module, lr: float = 0.1, **settings: Any) -> steep.optim.SGD:
    return steep.optim.SGD(model.parameters(), lr=lr, **settings)


def adam(model: nn.Module, lr: float = 1e-3, **settings: Any) -> steep.optim.Adam:
    return steep.optim.Adam(model.parameters(), lr=lr, **settings)


def trained(
    model: nn.Module,
    loss: Callable[..., Tensor],
    optimizer: steep.optim.Optimizer,
    batches: Batches,
    *,
    tell: bool = True,
    **settings: Any,
) -> list[Finding]:
    """An ordinary loop over the batches; what was found in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Watched(model, loss, optimizer, warn=False, **settings) as watch:
            for x, y in batches:
                output = model(x)
                value = loss(output, y)
                if tell:
                    watch.step(x, y, output, value)
                optimizer.zero_grad()
                value.backward()
                optimizer.step()
    return watch.findings


FAILURES: list[str] = []


class Watched(Sanitizer):
    """A sanitiser whose rules' failures are counted."""

    def close(self, *, quiet: bool = False) -> None:
        super().close(quiet=quiet)
        FAILURES.extend(self.failures)


def codes(findings: list[Finding]) -> set[str]:
    return {finding.code for finding in findings}
