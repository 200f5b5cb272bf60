"""Print what it costs to record and plan a function, as a multiple of calling it.

    python -m benchmarks.planning [--launches 1000,3000,10000] [--width 8]
                                  [--threads 2] [--kinds 2000]

Functions of so many launches on tensors of width x width: the eager call, then the calls of the
compiled one, each over the eager call: the first (runs as it is), the second (recorded), the third
(recorded and planned), and a replay. Costs in proportion to the launches keep the columns the same
from row to row. Then calls of kinds never seen before, over eager ones: another shape each time, or
another number. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import steep
from steep import nn

ROUNDS = 3

Form = Callable[[int, int], tuple[Callable[..., Any], tuple[Any, ...]]]


def chain(launches: int, width: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def run(x: Any) -> Any:
        for i in range(launches):
            x = x * 1.0001 if i % 2 else x + 0.5
        return x

    return run, (steep.rand(width, width),)


def products(launches: int, width: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    weights = [steep.rand(width, width) / width for _ in range(16)]

    def run(x: Any) -> Any:
        for i in range(launches // 2):
            x = (x @ weights[i % 16]).tanh()
        return x

    return run, (steep.rand(width, width),)


def branches(launches: int, width: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def run(x: Any) -> list[Any]:
        parts = (x * float(i) for i in range(launches // 4))
        return [(part + part.tanh()).sum() for part in parts]

    return run, (steep.rand(width, width),)


def views(launches: int, width: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def run(x: Any) -> Any:
        y = steep.zeros(width, width)
        for i in range(launches // 2):
            y[i % width].copy_(x[(i * 7) % width])
            y[:, i % width].mul_(0.5)
        return y

    return run, (steep.rand(width, width),)


def arguments(launches: int, width: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def run(*tensors: Any) -> Any:
        total = tensors[0]
        for x in tensors[1:]:
            total = total + x
        return total

    return run, tuple(steep.rand(width, width) for _ in range(launches))


def training(launches: int, width: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A step of Adam; 7 launches for a layer and its activation."""
    layers = [nn.Linear(width, width) for _ in range(launches // 7)]
    model = nn.Sequential(*(module for layer in layers for module in (layer, nn.Tanh())))
    optimizer = steep.optim.Adam(model.parameters())

    def run(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return run, (steep.rand(width, width),)


class Cell(nn.Module):
    """What the steps of a recurrent network share."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Any, hidden: Any) -> Any:
        return steep.tanh(self.inner(x) + self.outer(hidden))


def recurrent(launches: int, width: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A step of Adam; 12 launches for a step in time of the one cell."""
    cell, head, steps = Cell(width), nn.Linear(width, 1), launches // 12
    optimizer = steep.optim.Adam([*cell.parameters(), *head.parameters()])

    def run(xs: Any) -> Any:
        optimizer.zero_grad()
        hidden = steep.zeros(width, width)
        for i in range(steps):
            hidden = cell(xs[i], hidden)
        loss = (head(hidden) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return run, (steep.rand(steps, width, width),)


FORMS: tuple[Form, ...] = (chain, products, branches, views, arguments, training, recurrent)


def seconds(function: Callable[..., Any], args: tuple[Any, ...]) -> float:
    started = time.perf_counter()
    function(*args)
    return time.perf_counter() - started


def multiples(form: Form, launches: int, width: int) -> tuple[float, list[float]]:
    """Seconds of the eager call, and what each call of the compiled one takes over that."""
    function, args = form(launches, width)
    function(*args)
    eager = min(seconds(function, args) for _ in range(ROUNDS))
    rounds = []
    for _ in range(ROUNDS):
        gc.collect()
        compiled = steep.compile(function, fullgraph=True)
        rounds.append([seconds(compiled, args) for _ in range(6)])
    best = [min(times) for times in zip(*rounds, strict=True)]
    return eager, [t / eager for t in (*best[:3], min(best[3:]))]


def of_new_kinds(calls: list[tuple[Any, ...]]) -> float:
    """What calls of a compiled function take over those of the function; median of rounds."""

    def work(x: Any, factor: float = 1.0) -> Any:
        return ((x * factor + 1.0).tanh() * x).sum()

    ratios = []
    for _ in range(ROUNDS):
        compiled = steep.compile(work)
        eager = sum(seconds(work, args) for args in calls)
        ratios.append(sum(seconds(compiled, args) for args in calls) / eager)
    return statistics.median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning")
    parser.add_argument("--launches", default="1000,3000,10000")
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kinds", type=int, default=2000)
    options = parser.parse_args()
    steep.set_num_threads(options.threads)
    print(f"{'':10}{'launches':>9}{'eager':>12}{'first':>8}{'record':>8}{'plan':>8}{'replay':>8}")
    for form in FORMS:
        for launches in map(int, options.launches.split(",")):
            if form is branches and launches > 4 * 4096:  # more results than are followed
                continue
            eager, over = multiples(form, launches, options.width)
            columns = "".join(f"{ratio:8.2f}" for ratio in over)
            print(f"{form.__name__:10}{launches:9}{eager * 1e3:9.2f} ms{columns}", flush=True)
    shapes = [(steep.rand(64, 1 + i),) for i in range(options.kinds)]
    print(f"another shape at every call: {of_new_kinds(shapes):.2f} times eager")
    x = steep.rand(64, 64)
    numbers = [(x, 0.5 + i) for i in range(options.kinds)]
    print(f"another number at every call: {of_new_kinds(numbers):.2f} times eager")


if __name__ == "__main__":
    main()
