"""Print what `steep.train.fit` takes beside the bare compiled step.

    python -m benchmarks.fit [--pairs 25] [--threads 1 2] [--loader]

The step is that of 64-128-128-10, batch 32, Adam. On one side `fit`: shuffling, gathering, the
sums of loss and accuracy, the history. On the other a loop that calls the compiled step with one
prepared batch. Both take their turns within one process, on models of their own, and each turn
begins with epochs that are not counted; the median ratio of the pairs is given, and its spread.
Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import steep
from steep import Tensor, nn
from steep.data import DataLoader, TensorDataset
from steep.train import fit

STEPS, BATCH = 40, 32  # of an epoch
WARM, EPOCHS = 5, 10  # epochs that are not counted, and those that are
ASKED = 1.15


def make() -> tuple[nn.Module, Any]:
    """The network and its optimiser."""
    steep.manual_seed(0)
    model = nn.Sequential(
        *(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    )
    return model, steep.optim.Adam(model.parameters(), lr=1e-4)


def made_data() -> tuple[Tensor, Tensor]:
    """Pixels, and digits that can be told from them."""
    x = steep.rand(STEPS * BATCH, 64)
    return x, x[:, :10].argmax(dim=1)


def time_fit(data: Any, metrics: list[str]) -> float:
    """Seconds of a step within `fit`, from its history."""
    model, optimizer = make()
    history = fit(
        model, nn.CrossEntropyLoss(), optimizer, data, epochs=WARM + EPOCHS, batch_size=BATCH,
        metrics=metrics, progress=False, sanitize=False,
    )  # fmt: skip
    seconds = history["seconds"]
    return float(seconds[-1] - seconds[WARM - 1]) / (EPOCHS * STEPS)


def time_bare(data: tuple[Tensor, Tensor]) -> float:
    """Seconds of the compiled step alone."""
    model, optimizer = make()
    loss = nn.CrossEntropyLoss()

    @steep.compile
    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        value: Tensor = loss(model(x), y)
        value.backward()
        optimizer.step()
        return value

    x, y = (t[:BATCH].clone() for t in data)
    for _ in range(WARM * STEPS):
        step(x, y)
    started = time.perf_counter()
    for _ in range(EPOCHS * STEPS):
        step(x, y)
    return (time.perf_counter() - started) / (EPOCHS * STEPS)


def main() -> None:
    """Print a line for each number of threads."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=25)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--loader", action="store_true", help="the data in a DataLoader")
    parser.add_argument("--metrics", nargs="*", default=["accuracy"])
    arguments = parser.parse_args()
    data = made_data()
    given: Any = data
    if arguments.loader:
        given = DataLoader(TensorDataset(*data), BATCH, shuffle=True)
    for threads in arguments.threads:
        steep.set_num_threads(threads)
        pairs = [(time_fit(given, arguments.metrics), time_bare(data))
                 for _ in range(arguments.pairs)]  # fmt: skip
        ratios = sorted(one / other for one, other in pairs)
        ratio = statistics.median(ratios)
        ours, bare = (min(side) * 1e6 for side in zip(*pairs, strict=True))
        print(
            f"{threads} thread(s): fit {ours:.2f} us a step, bare {bare:.2f} us (least, ratio "
            f"{ours / bare:.3f}); median ratio {ratio:.3f} ({ratios[0]:.3f}-{ratios[-1]:.3f})  "
            f"asked {ASKED}  {'reached' if ratio <= ASKED else 'MISSED'}"
        )


if __name__ == "__main__":
    main()
