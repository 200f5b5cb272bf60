"""Train a small network on 1,797 real handwritten digits, and look at what it does.

    python examples/digits.py

Splits the digits that scikit-learn ships 70/15/15, trains 64-128-128-10 with a progress bar, stops
when the validation loss no longer falls, restores the best weights, and writes to --output:
`curve.png` (the learning curve), `misclassified.png` (every test digit it gets wrong) and
`model.safetensors` (the weights, loaded again and checked).
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import steep
from steep import Tensor, nn
from steep.data import DataLoader, Subset, TensorDataset, train_val_test_split
from steep.data.transforms import StandardScaler


@dataclass
class History:
    """The learning curve: one entry an epoch."""

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)


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


def evaluate(model: nn.Module, data: TensorDataset) -> tuple[float, float, Tensor]:
    """Mean loss, accuracy and predicted class of each sample."""
    pixels, labels = data.tensors
    model.eval()
    with steep.no_grad():
        scores = model(pixels)
        loss = nn.functional.cross_entropy(scores, labels).item()
    predicted = scores.argmax(dim=1)
    return loss, (predicted == labels).float().mean().item(), predicted


class EarlyStopping:
    """Keeps the weights of the lowest validation loss; says when to give up."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best_loss = float("inf")
        self.best_weights: dict[str, Any] = {}
        self.waited = 0

    def update(self, loss: float, model: nn.Module) -> bool:
        """Take in an epoch's validation loss; True when it has not fallen for `patience` epochs."""
        if loss < self.best_loss:
            self.best_loss, self.waited = loss, 0
            self.best_weights = copy.deepcopy(model.state_dict())
            return False
        self.waited += 1
        return self.waited >= self.patience


def train_epoch(
    model: nn.Module, optimizer: steep.optim.Optimizer, batches: Iterable[Any]
) -> tuple[float, float]:
    """One pass over the training part; mean loss and accuracy."""
    model.train()
    loss_sum = correct = seen = 0.0
    for pixels, labels in batches:
        optimizer.zero_grad()
        scores = model(pixels)
        loss = nn.functional.cross_entropy(scores, labels)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(labels)
        correct += (scores.argmax(dim=1) == labels).sum().item()
        seen += len(labels)
    return loss_sum / seen, correct / seen


def train(
    model: nn.Module, parts: Sequence[TensorDataset], *, epochs: int, patience: int
) -> History:
    """Train until the validation loss stops falling; the model ends with its best weights."""
    from tqdm import tqdm

    training, validation = parts[0], parts[1]
    loader = DataLoader(training, batch_size=32, shuffle=True)
    optimizer = steep.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
    history, stopping = History(), EarlyStopping(patience)
    with tqdm(range(epochs), desc="training", unit="epoch") as bar:
        for _ in bar:
            started = time.perf_counter()
            train_loss, train_accuracy = train_epoch(model, optimizer, loader)
            rate = len(loader) / (time.perf_counter() - started)
            loss, accuracy, _ = evaluate(model, validation)
            history.train_loss.append(train_loss)
            history.validation_loss.append(loss)
            history.validation_accuracy.append(accuracy)
            bar.set_postfix_str(
                f"loss {train_loss:.4f}, accuracy {train_accuracy:.1%}, "
                f"validation {loss:.4f} / {accuracy:.1%}, {rate:,.0f} steps/s"
            )
            if stopping.update(loss, model):
                break
    model.load_state_dict(stopping.best_weights)
    return history


def draw_curve(history: History, path: Path) -> None:
    """Training and validation loss by epoch."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    epochs = range(1, len(history.train_loss) + 1)
    axes.plot(epochs, history.train_loss, label="training loss")
    axes.plot(epochs, history.validation_loss, label="validation loss")
    best = min(range(len(history.validation_loss)), key=history.validation_loss.__getitem__)
    axes.axvline(best + 1, color="grey", linestyle=":", label=f"best weights (epoch {best + 1})")
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
    started = time.perf_counter()
    history = train(model, parts, epochs=arguments.epochs, patience=arguments.patience)
    seconds = time.perf_counter() - started
    loss, accuracy, predicted = evaluate(model, parts[2])
    print(f"trained {len(history.train_loss)} epochs in {seconds:.2f} s")
    print(f"test: loss {loss:.4f}, accuracy {accuracy:.2%}")

    draw_curve(history, arguments.output / "curve.png")
    pixels = dataset.tensors[0][steep.tensor(indices[2].indices)]
    wrong = draw_misclassified(
        pixels, parts[2].tensors[1], predicted, arguments.output / "misclassified.png"
    )
    print(f"{wrong} misclassified digits drawn")

    path = arguments.output / "model.safetensors"
    steep.save(model.state_dict(), path)
    again = build()
    again.load_state_dict(steep.load(path))
    if not steep.equal(evaluate(again, parts[2])[2], predicted):
        raise SystemExit("the model loaded again predicts differently")
    print(f"saved and loaded again with the same predictions; see {arguments.output}/")
    if accuracy < 0.965:
        raise SystemExit(f"accuracy {accuracy:.2%} is below 96.5%")


if __name__ == "__main__":
    main()
