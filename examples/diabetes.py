"""Foretell how a disease goes on, better than linear regression: scikit-learn's diabetes data.

    python examples/diabetes.py

442 patients, ten measurements of each, and how far diabetes had progressed a year later (Efron,
Hastie, Johnstone and Tibshirani, Least Angle Regression, 2004). So few, with so much chance in
them, make a single split worth nothing: networks and linear regression predict the same patients,
in ten cross-validations of ten folds each. For each fold, five small networks with dropout are
trained on the other nine, by 200 compiled steps each, and the mean of their predictions is judged
on the fold, which none of them has seen. (Width, dropout and steps were chosen on other splits, but
of the same patients: there are no more.)

Prints the mean squared errors with their difference, and how uncertain that is; writes to --output
`curve.png` (loss by step, on the nine folds and on the tenth) and `folds.png` (the error of both on
each fold).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import steep
from steep import Tensor, nn
from steep.data.transforms import StandardScaler

LOOK_EVERY = 5  # Steps between two points of the learning curve.


def load() -> tuple[Tensor, Tensor]:
    """Measurements in their own units, float32 [442, 10], and the progression, [442, 1]."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    return steep.tensor(data.data).float(), steep.tensor(data.target).float().unsqueeze(1)


def fit_network(
    x: Tensor, y: Tensor, x_new: Tensor, y_new: Tensor, *, steps: int
) -> tuple[Tensor, list[tuple[float, float]]]:
    """A network's predictions of `y_new`, which it does not train on, and its learning curve.

    All is standardised. A point of the curve is the training loss, with dropout, and the new one.
    """
    model = nn.Sequential(nn.Linear(10, 64), nn.Tanh(), nn.Dropout(0.3), nn.Linear(64, 1))
    optimizer = steep.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    schedule = steep.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    @steep.compile
    def step(x: Tensor, y: Tensor) -> float:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def predict() -> Tensor:
        model.eval()
        with steep.no_grad():
            predicted = model(x_new)
        model.train()
        return predicted

    curve = []
    for count in range(steps):
        loss = step(x, y)
        schedule.step()
        if count % LOOK_EVERY == 0:
            curve.append((loss, nn.functional.mse_loss(predict(), y_new).item()))
    return predict(), curve


def fit_line(x: Tensor, y: Tensor, x_new: Tensor) -> Tensor:
    """Linear regression's predictions."""
    from sklearn.linear_model import LinearRegression

    return steep.from_numpy(LinearRegression().fit(x.numpy(), y.numpy()).predict(x_new.numpy()))


def compare(
    x: Tensor, y: Tensor, *, repeats: int, members: int, steps: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Squared errors of line and networks, [folds, 2], and learning curves, [networks, n, 2]."""
    from sklearn.model_selection import RepeatedKFold
    from tqdm import tqdm

    splits = RepeatedKFold(n_splits=10, n_repeats=repeats, random_state=seed)
    errors: list[tuple[float, ...]] = []
    curves = []
    with tqdm(list(splits.split(x.numpy())), desc="folds", unit="fold") as bar:
        for rows, new_rows in bar:
            seen, new = steep.from_numpy(rows), steep.from_numpy(new_rows)
            of_x, of_y = StandardScaler().fit(x[seen]), StandardScaler().fit(y[seen])
            known = of_x.transform(x[seen]), of_y.transform(y[seen])
            asked, answer = of_x.transform(x[new]), of_y.transform(y[new])
            fits = [fit_network(*known, asked, answer, steps=steps) for _ in range(members)]
            curves += [curve for _, curve in fits]
            mean = steep.stack([predicted for predicted, _ in fits]).mean(dim=0)
            guesses = [of_y.inverse_transform(z) for z in (fit_line(*known, asked), mean)]
            errors.append(tuple((g - y[new]).square().mean().item() for g in guesses))
            line, network = np.mean(errors, axis=0)
            bar.set_postfix_str(f"error: line {line:.0f}, networks {network:.0f}")
    return np.array(errors), np.array(curves)


def standard_error(differences: np.ndarray, share: float) -> float:
    """Standard error of a mean over folds whose training parts overlap.

    Nadeau and Bengio, Inference for the Generalization Error, 2003: the variance over n folds is
    not divided by n, as if they were independent, but multiplied by 1 / n + share, where share is
    the size of a test part over that of a training part.
    """
    variance = differences.var(ddof=1)
    return math.sqrt(variance * (1 / len(differences) + share))


def draw_curve(curves: np.ndarray, line: float, path: Path) -> None:
    """Loss by step, the mean of all folds; `line` is linear regression's, in the same units."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    steps = LOOK_EVERY * np.arange(curves.shape[1])
    training, new = curves.mean(axis=0).T
    axes.plot(steps, training, label="a network, nine folds (with dropout)")
    axes.plot(steps, new, label="a network, tenth fold")
    axes.axhline(line, color="grey", linestyle=":", label="linear regression, tenth fold")
    axes.set(xlabel="step", ylabel="mean squared error / variance", title="Diabetes")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_folds(errors: np.ndarray, path: Path) -> None:
    """Error of the networks over that of the line: a point a fold, better below the diagonal."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 5))
    axes.scatter(errors[:, 0], errors[:, 1], s=14)
    ends = errors.min(), errors.max()
    axes.plot(ends, ends, color="grey", linestyle=":")
    axes.set(xlabel="linear regression", ylabel="networks", title="Mean squared error of each fold")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the whole example."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path("diabetes-output"))
    parser.add_argument("--epochs", type=int, default=200, help="of a network, a step each")
    parser.add_argument("--members", type=int, default=5, help="networks whose mean predicts")
    parser.add_argument("--repeats", type=int, default=10, help="cross-validations")
    parser.add_argument("--seed", type=int, default=0, help="of splits and networks")
    arguments = parser.parse_args(argv)
    arguments.output.mkdir(parents=True, exist_ok=True)

    import matplotlib

    matplotlib.use("Agg")
    steep.manual_seed(arguments.seed)
    x, y = load()
    started = time.perf_counter()
    errors, curves = compare(
        x,
        y,
        repeats=arguments.repeats,
        members=arguments.members,
        steps=arguments.epochs,
        seed=arguments.seed,
    )
    seconds = time.perf_counter() - started
    line, network = errors.mean(axis=0)
    by_repeat = errors.reshape(arguments.repeats, 10, 2).mean(axis=1)
    better = int((by_repeat[:, 1] < by_repeat[:, 0]).sum())
    print(f"trained {len(curves)} networks in {seconds:.1f} s")
    variance = y.numpy().var()
    for name, error in (("linear regression", line), ("networks", network)):
        print(f"{name}: mean squared error {error:.0f}, R2 {1 - error / variance:.3f}")
    print(
        f"the networks' error is {1 - network / line:.1%} lower: {network - line:.0f} +- "
        f"{standard_error(errors[:, 1] - errors[:, 0], 1 / 9):.0f} (standard error), "
        f"and lower in {better} of {arguments.repeats} cross-validations"
    )

    draw_curve(curves, line / variance, arguments.output / "curve.png")
    draw_folds(errors, arguments.output / "folds.png")
    print(f"see {arguments.output}/")
    if arguments.epochs >= 200 and network >= line:
        raise SystemExit("the networks are no better than linear regression")


if __name__ == "__main__":
    main()
