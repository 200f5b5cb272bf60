"""Train a small network on 1,797 real handwritten digits, and look at what it does.

    python examples/digits.py

Splits the digits that scikit-learn ships 70/15/15, trains 64-128-128-10 with a progress bar, stops
when the validation loss no longer falls, restores the best weights, and writes to --output:
`curve.png` (the learning curve), `misclassified.png` (every test digit it gets wrong) and
`model.safetensors` (the weights, loaded again and checked).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import steep
from steep import Tensor, nn
from steep.data import Subset, TensorDataset, train_val_test_split
from steep.data.transforms import StandardScaler
from steep.train import History, evaluate, fit, predict


def load_digits() -> TensorDataset:
    """The digits as (pixels in 0..16, label) pairs: float32 [1797, 64] and int64 [1797]."""
    from sklearn.datasets import load_digits as load

    digits = load()
    return TensorDataset(
        steep.tensor(digits.data, dtype=steep.float32),
        steep.tensor(digits.target, dtype=steep.int64),
    )


def normalised(parts: Sequence[Subset[Any]], dataset: TensorDataset) -> list[TensorDataset]:
    """The three parts, scaled to mean 0 and deviation 1 as measured on the first alone."""
    pixels, labels = dataset.tensors
    rows = [steep.tensor(part.indices) for part in parts]
    scaler = StandardScaler().fit(pixels[rows[0]])
    return [TensorDataset(scaler.transform(pixels[row]), labels[row]) for row in rows]


def build() -> nn.Sequential:
    """The network: 64-128-128-10 with ReLU between, and a fifth of the hidden units dropped out."""
    return nn.Sequential(
        nn.Linear(64, 128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, 10),
    )


def train(
    model: nn.Module, parts: Sequence[TensorDataset], *, epochs: int, patience: int
) -> History:
    """Train until the validation loss stops falling; the model ends with its best weights."""
    return fit(
        model,
        nn.CrossEntropyLoss(),
        steep.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4),
        parts[0],
        validation=parts[1],
        epochs=epochs,
        batch_size=32,
        metrics=["accuracy"],
        early_stopping=patience,
        progress=True,
    )


def draw_curve(history: History, path: Path) -> None:
    """Training and validation loss by epoch."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    axes.plot(history["epoch"], history["loss"], label="training loss")
    axes.plot(history["epoch"], history["val_loss"], label="validation loss")
    best = history.best_epoch
    axes.axvline(best or 1, color="grey", linestyle=":", label=f"best weights (epoch {best})")
    axes.set(xlabel="epoch", ylabel="cross-entropy (nats)", yscale="log", title="Digits")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_misclassified(pixels: Tensor, labels: Tensor, predicted: Tensor, path: Path) -> int:
    """A sheet of the digits whose prediction is wrong; returns how many."""
    import matplotlib.pyplot as plt

    wrong = [i for i, hit in enumerate((predicted == labels).tolist()) if not hit]
    columns = 6
    rows = max(1, -(-len(wrong) // columns))
    figure, grid = plt.subplots(rows, columns, figsize=(columns * 1.3, rows * 1.6), squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, i in zip(grid.flat, wrong, strict=False):
        axes.imshow(pixels[i].reshape(8, 8).numpy(), cmap="gray_r")
        axes.set_title(f"{labels[i].item()} read as {predicted[i].item()}", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return len(wrong)


def main() -> None:
    """Run the whole example."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path("digits-output"))
    parser.add_argument("--epochs", type=int, default=100, help="at most")
    parser.add_argument("--patience", type=int, default=12, help="epochs without a lower loss")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)

    import matplotlib

    matplotlib.use("Agg")
    steep.manual_seed(arguments.seed)
    dataset = load_digits()
    indices = train_val_test_split(dataset, (0.7, 0.15, 0.15), seed=arguments.seed)
    parts = normalised(indices, dataset)
    print(
        f"{len(parts[0])} digits to train on, {len(parts[1])} to validate, {len(parts[2])} to test"
    )

    model = build()
    history = train(model, parts, epochs=arguments.epochs, patience=arguments.patience)
    result = evaluate(model, nn.CrossEntropyLoss(), parts[2], metrics=["accuracy"])
    accuracy = result["accuracy"]
    print(f"trained {len(history)} epochs in {history['seconds'][-1]:.2f} s")
    print(f"test: loss {result['loss']:.4f}, accuracy {accuracy:.2%}")

    draw_curve(history, arguments.output / "curve.png")
    pixels = dataset.tensors[0][steep.tensor(indices[2].indices)]
    predicted = predict(model, parts[2]).argmax(dim=1)
    wrong = draw_misclassified(
        pixels, parts[2].tensors[1], predicted, arguments.output / "misclassified.png"
    )
    print(f"{wrong} misclassified digits drawn")

    path = arguments.output / "model.safetensors"
    steep.save(model.state_dict(), path)
    again = build()
    again.load_state_dict(steep.load(path))
    if not steep.equal(predict(again, parts[2]).argmax(dim=1), predicted):
        raise SystemExit("the model loaded again predicts differently")
    print(f"saved and loaded again with the same predictions; see {arguments.output}/")
    if accuracy < 0.965:
        raise SystemExit(f"accuracy {accuracy:.2%} is below 96.5%")


if __name__ == "__main__":
    main()
