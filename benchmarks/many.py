"""Networks trained at once beside the same trainings one after the other.

    python -m benchmarks.many [--threads N] [--networks K] [--epochs E] [--rounds R]

K networks 4-64-64-2 (tanh, MSE, Adam) at batch 32 are trained by `fit`, one after the other, and by
`fit_many`, in turn, and must end with the same bits. The time of a step is the difference between
a long training and a short one, so that what recording costs does not count; the whole training is
given beside it. The least of all rounds counts: what else runs on the machine only adds.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

import steep
from benchmarks.compare import warn_if_busy
from steep import nn
from steep.train import fit, fit_many

ROWS, BATCH = 4096, 32
SHORT = 1  # epochs
Train = Callable[[int], list[Any]]  # epochs -> models


def make() -> Any:
    """One of the networks."""
    return nn.Sequential(
        *(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh()), nn.Linear(64, 2)
    )


def trainings(networks: int) -> tuple[Train, Train]:
    """Training one after the other, and at once."""
    generator = steep.Generator().manual_seed(0)
    x = steep.randn(ROWS, 4, generator=generator)
    y = steep.stack([x[:, 0] * x[:, 1], (x[:, 2] - x[:, 3]).sin()], 1)
    loss, adam = nn.MSELoss(), functools.partial(steep.optim.Adam, lr=1e-3)

    def in_turn(epochs: int) -> list[Any]:
        models = []
        for seed in range(networks):
            steep.manual_seed(seed)
            models.append(make())
            fit(models[-1], loss, adam(models[-1].parameters()), (x, y), epochs=epochs,
                batch_size=BATCH, progress=False)  # fmt: skip
        return models

    def at_once(epochs: int) -> list[Any]:
        trained = fit_many(
            make, loss, adam, (x, y), seeds=range(networks), epochs=epochs, batch_size=BATCH,
            progress=False,
        )  # fmt: skip
        return trained.models

    return in_turn, at_once


def seconds(train: Train, epochs: int) -> float:
    """What a training takes."""
    started = time.perf_counter()
    train(epochs)
    return time.perf_counter() - started


def check(in_turn: Train, at_once: Train) -> None:
    """Refuse to time what does not end with the same bits."""
    for one, other in zip(in_turn(2), at_once(2), strict=True):
        for p, q in zip(one.parameters(), other.parameters(), strict=True):
            if not steep.equal(p, q):
                raise SystemExit("the networks differ")


def main() -> None:
    """Time both in turn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--threads", type=int, default=steep.get_num_threads())
    parser.add_argument("--networks", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=11)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    warn_if_busy()
    steep.set_num_threads(options.threads)
    ways = dict(zip(("one after the other", "at once"), trainings(options.networks), strict=True))
    check(*ways.values())
    short, long = (dict.fromkeys(ways, float("inf")) for _ in range(2))
    for _ in range(options.rounds):
        for name, train in ways.items():
            short[name] = min(short[name], seconds(train, SHORT))
            long[name] = min(long[name], seconds(train, options.epochs))
    steps = (options.epochs - SHORT) * ROWS // BATCH
    each = {name: (long[name] - short[name]) / steps * 1e6 for name in ways}
    print(f"{options.networks} networks, {options.threads} threads")
    for name in ways:
        print(f"{name:20s} {each[name]:8.1f} us a step of all  {long[name]:7.3f} s in all")
    ratios = [list(found.values()) for found in (each, long)]
    print("at once takes " + ", ".join(f"{b / a:.2f}" for a, b in ratios) + " of the time")


if __name__ == "__main__":
    main()
