"""steep's MLPClassifier beside scikit-learn's on the digits: seconds of a fit, and accuracy.

    python -m benchmarks.sklearn_digits [--seeds 10] [--pairs 3] [--hidden 100] [--batch 32] [--cpu]

Both get the same parameters: one architecture, Adam, batches of 32, 50 epochs. Each seed splits the
1,797 digits anew (three quarters to learn from), and starts both from the same weights. The fits
are timed in turn, the fastest of the pairs counts, and the ratio is theirs over steep's. OpenBLAS
gets the threads it takes by default, and one thread, of which the faster counts: on products as
small as these its threads may wait for each other.

The floor is what no implementation on this machine goes below: the multiply-adds of the products of
all steps at the measured FMA peak of steep's threads. `--batch` and `--hidden` show how the ratio
depends on the size of a step: what scikit-learn pays for each step is what there is to be saved.
`--cpu` counts processor time, of one thread on either side: for machines that are busy otherwise.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np


def digits(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels in 0..1 and labels: to learn from, and to judge by."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x / 16, y, random_state=seed, stratify=y, test_size=0.25
    )
    return x_train, x_test, y_train, y_test


EPOCHS = 50
Clock = Callable[[], float]


def floor(hidden: tuple[int, ...]) -> tuple[float, float]:
    """Operations of the products of a fit, and the seconds that they take at the peak."""
    import steep
    from benchmarks.limits import flops_a_second

    rows = len(digits(0)[0])
    sizes = [64, *hidden, 10]
    products = [i * o for i, o in itertools.pairwise(sizes)]
    # Forward, gradients of the weights, and of the inputs but those of the first layer.
    flops = 2.0 * rows * EPOCHS * (3 * sum(products) - products[0])
    return flops, flops / flops_a_second(steep._core)


def fit(
    package: str, hidden: tuple[int, ...], batch: int, seed: int, blas: int | None, clock: Clock
) -> tuple[float, float]:
    """Seconds of one fit, and the accuracy on what it has not seen."""
    from threadpoolctl import threadpool_limits

    x_train, x_test, y_train, y_test = digits(seed)
    options: dict[str, Any] = {"batch_size": batch, "max_iter": EPOCHS, "random_state": seed}
    # No fit ends before its last epoch.
    options |= {"tol": 0.0, "n_iter_no_change": EPOCHS}
    model = importlib.import_module(package).MLPClassifier(hidden, **options)
    with warnings.catch_warnings(), threadpool_limits(blas, user_api="blas"):
        warnings.simplefilter("ignore")
        started = clock()
        model.fit(x_train, y_train)
        seconds = clock() - started
    assert model.n_iter_ == EPOCHS
    return seconds, model.score(x_test, y_test)


def main() -> None:
    """Print one line for each width, and what all seeds came to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--hidden", type=int, nargs="+", default=[100], metavar="WIDTH")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--cpu", action="store_true", help="processor time, one thread each")
    arguments = parser.parse_args()
    hidden, batch = tuple(arguments.hidden), arguments.batch
    sides = {"steep": ("steep.sklearn", None), "scikit-learn": ("sklearn.neural_network", None)}
    sides["scikit-learn, one thread"] = ("sklearn.neural_network", 1)
    clock = time.process_time if arguments.cpu else time.perf_counter
    if arguments.cpu:
        importlib.import_module("steep").set_num_threads(1)
        del sides["scikit-learn"]

    scores: dict[str, list[float]] = {"steep": [], "scikit-learn": []}
    for seed in range(arguments.seeds):
        for side, of_side in scores.items():
            package, blas = sides["scikit-learn, one thread" if side != "steep" else side]
            of_side.append(fit(package, hidden, batch, seed, blas, clock)[1])
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(arguments.pairs):
        for side, (package, blas) in sides.items():
            best[side] = min(best[side], fit(package, hidden, batch, 0, blas, clock)[0])

    print(f"64-{'-'.join(map(str, hidden))}-10, batches of {batch}, {EPOCHS} epochs")
    for side, seconds in best.items():
        print(f"  {side:26s} {seconds:8.4f} s")
    theirs = min(seconds for side, seconds in best.items() if side != "steep")
    print(f"  ratio {theirs / best['steep']:.1f}")
    flops, seconds = floor(hidden)
    print(f"  floor {seconds:.4f} s: products of {flops / 1e9:.2f} Gflop at the FMA peak;", end=" ")
    print(f"so the ratio stays below {theirs / seconds:.0f}")
    for side, of_side in scores.items():
        mean, spread = np.mean(of_side), np.std(of_side, ddof=1)
        print(
            f"  {side:13s} accuracy over {len(of_side)} seeds {mean:.4f} (deviation {spread:.4f})"
        )
    gain = np.subtract(scores["steep"], scores["scikit-learn"])
    error = np.std(gain, ddof=1) / np.sqrt(len(gain))
    print(f"  difference by seed {np.mean(gain):+.4f} (standard error {error:.4f})")


if __name__ == "__main__":
    main()
