"""Networks trained at once beside the same trainings one after the other.

    python -m benchmarks.many [--threads N] [--networks K] [--epochs E] [--rounds R]

K networks 4-64-64-2 (tanh, MSE, Adam) at batch 32 are trained by `fit`, one after the other, and by
`fit_many`, in turn, and must end with the same bits. The time of a step is that of the quickest
epoch, for what else runs on the machine only adds, and what recording costs does not count; the
least time of the whole trainings is given beside it.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import time
from collections.abc import Callable
from typing import Any

import steep
from benchmarks.compare import warn_if_busy
from steep import nn
from steep.train import fit, fit_many

ROWS, BATCH = 4096, 32
Train = Callable[[int], list[tuple[Any, Any]]]  # epochs -> models and histories


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

    def in_turn(epochs: int) -> list[tuple[Any, Any]]:
        found = []
        for seed in range(networks):
            steep.manual_seed(seed)
            model = make()
            history = fit(
                model, loss, adam(model.parameters()), (x, y), epochs=epochs, batch_size=BATCH,
                progress=False, sanitize=False,
            )  # fmt: skip
            found.append((model, history))
        return found

    def at_once(epochs: int) -> list[tuple[Any, Any]]:
        trained = fit_many(
            make, loss, adam, (x, y), seeds=range(networks), epochs=epochs, batch_size=BATCH,
            progress=False,
        )  # fmt: skip
        return [(one.model, one.history) for one in trained]

    return in_turn, at_once


def quickest_step(history: Any) -> float:
    """Seconds of a step in the quickest epoch."""
    ends = history["seconds"]
    return min(b - a for a, b in itertools.pairwise(ends)) / (ROWS // BATCH)


def check(in_turn: Train, at_once: Train) -> None:
    """Refuse to time what does not end with the same bits."""
    for (one, _), (other, _) in zip(in_turn(2), at_once(2), strict=True):
        for p, q in zip(one.parameters(), other.parameters(), strict=True):
            if not steep.equal(p, q):
                raise SystemExit("the networks differ")


def main() -> None:
    """Time both in turn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--threads", type=int, default=steep.get_num_threads())
    parser.add_argument("--networks", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    warn_if_busy()
    steep.set_num_threads(options.threads)
    ways = dict(zip(("one after the other", "at once"), trainings(options.networks), strict=True))
    check(*ways.values())
    whole = dict.fromkeys(ways, float("inf"))
    steps: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, train in ways.items():
            started = time.perf_counter()
            histories = [history for _, history in train(options.epochs)]
            whole[name] = min(whole[name], time.perf_counter() - started)
            # All networks of fit_many have the times of the one training.
            own = histories if name == "one after the other" else histories[:1]
            steps[name].append(sum(map(quickest_step, own)))
    each = {name: min(found) for name, found in steps.items()}
    print(f"{options.networks} networks, {options.threads} threads")
    for name in ways:
        print(f"{name:20s} {each[name] * 1e6:8.1f} us a step of all  {whole[name]:7.3f} s in all")
    one, other = ([found[name] for name in ways] for found in (each, whole))
    print(f"at once takes {one[1] / one[0]:.2f} of a step's time, {other[1] / other[0]:.2f} in all")


if __name__ == "__main__":
    main()
