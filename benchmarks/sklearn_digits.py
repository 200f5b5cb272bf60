"""steep's MLPClassifier beside scikit-learn's on the digits: seconds of a fit, and accuracy.

    python -m benchmarks.sklearn_digits [--seeds 10] [--pairs 3] [--hidden 100]

Both get the same parameters: one architecture, Adam, batches of 32, 50 epochs. Each seed splits the
1,797 digits anew (three quarters to learn from), and starts both from the same weights. The fits
are timed in turn, the fastest of the pairs counts, and the ratio is theirs over steep's. OpenBLAS
gets the threads it takes by default, and one thread, of which the faster counts: on products as
small as these its threads may wait for each other.
"""

from __future__ import annotations

import argparse
import importlib
import time
import warnings
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


def fit(package: str, hidden: tuple[int, ...], seed: int, blas: int | None) -> tuple[float, float]:
    """Seconds of one fit, and the accuracy on what it has not seen."""
    from threadpoolctl import threadpool_limits

    x_train, x_test, y_train, y_test = digits(seed)
    options: dict[str, Any] = {"batch_size": 32, "max_iter": 50, "random_state": seed}
    # No fit ends before its 50 epochs.
    options |= {"tol": 0.0, "n_iter_no_change": 50}
    model = importlib.import_module(package).MLPClassifier(hidden, **options)
    with warnings.catch_warnings(), threadpool_limits(blas, user_api="blas"):
        warnings.simplefilter("ignore")
        started = time.perf_counter()
        model.fit(x_train, y_train)
        seconds = time.perf_counter() - started
    assert model.n_iter_ == 50
    return seconds, model.score(x_test, y_test)


def main() -> None:
    """Print one line for each width, and what all seeds came to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--hidden", type=int, nargs="+", default=[100], metavar="WIDTH")
    arguments = parser.parse_args()
    hidden = tuple(arguments.hidden)
    sides = {"steep": ("steep.sklearn", None), "scikit-learn": ("sklearn.neural_network", None)}
    sides["scikit-learn, one thread"] = ("sklearn.neural_network", 1)

    scores: dict[str, list[float]] = {"steep": [], "scikit-learn": []}
    for seed in range(arguments.seeds):
        for side, of_side in scores.items():
            package, blas = sides["scikit-learn, one thread" if side != "steep" else side]
            of_side.append(fit(package, hidden, seed, blas)[1])
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(arguments.pairs):
        for side, (package, blas) in sides.items():
            best[side] = min(best[side], fit(package, hidden, 0, blas)[0])

    print(f"64-{'-'.join(map(str, hidden))}-10, batches of 32, 50 epochs")
    for side, seconds in best.items():
        print(f"  {side:26s} {seconds:8.4f} s")
    theirs = min(seconds for side, seconds in best.items() if side != "steep")
    print(f"  ratio {theirs / best['steep']:.1f}")
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
