"""Tell ten kinds of clothes apart: Fashion-MNIST, by a plain network or a convolutional one.

    python examples/fashion_mnist.py --model mlp
    python examples/fashion_mnist.py --model cnn

Reads the four files of Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017) from --data, where Debian's
and Ubuntu's package `dataset-fashion-mnist` puts them unless you say otherwise. Keeps 5,000 of the
60,000 training images for validation, trains with a compiled step and a learning rate that falls
along half a cosine, looks at the 10,000 test images once, at the end, and writes to --output:
`curve.png` (the learning curve) and `mistakes.png` (which class is taken for which, and the
mistakes the network is most sure of).
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import steep
from steep import Tensor, nn
from steep.data import DataLoader, TensorDataset

CLASSES = [
    *("T-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "boot"),
]
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
GOAL = {"mlp": 0.88, "cnn": 0.91}
EPOCHS = {"mlp": 15, "cnn": 6}
RATE = {"mlp": 1.5e-3, "cnn": 3e-3}


@dataclass
class History:
    """The learning curve: one entry an epoch."""

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)


def read_idx(folder: Path, name: str) -> np.ndarray:
    """The array of bytes in an IDX file, compressed or not."""
    path = folder / f"{name}.gz"
    if not path.exists():
        path = folder / name
    if not path.exists():
        raise SystemExit(
            f"there is no {name} or {name}.gz in {folder}: install the data with 'apt-get install "
            "dataset-fashion-mnist' (Debian, Ubuntu), or fetch the four files from "
            "https://github.com/zalandoresearch/fashion-mnist and name their folder by --data"
        )
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    # Two zeros, the code of unsigned bytes, the number of dimensions; then their sizes.
    if content[:3] != b"\0\0\x08":
        raise SystemExit(f"{path} is no IDX file of bytes: it begins with {content[:3]!r}")
    sizes = np.frombuffer(content, dtype=">i4", count=content[3], offset=4)
    values = np.frombuffer(content, dtype=np.uint8, offset=4 + sizes.nbytes)
    if len(values) != sizes.prod():
        raise SystemExit(f"{path} has {len(values)} values where {sizes.prod()} belong: cut short?")
    return values.reshape(sizes).copy()


def load(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    """Images, uint8 [N, 28, 28], and classes, int64 [N], of the training or the test part."""
    images, labels = (read_idx(folder, name) for name in FILES[part])
    return steep.from_numpy(images), steep.from_numpy(labels.astype(np.int64))


def build(name: str) -> nn.Sequential:
    """The network: 784-256-128-100-10, or two convolutions, each with a pooling layer."""
    if name == "mlp":
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, 100),
            nn.ReLU(),
            nn.Linear(100, 10),
        )
    return nn.Sequential(
        nn.Conv2d(1, 24, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(24, 48, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(48 * 7 * 7, 10),
    )


def normalised(images: Tensor) -> Tensor:
    """Bytes [N, 28, 28] as one channel of mean 0 and deviation 1, as over the training images."""
    return (images.float().unsqueeze(1) - 72.9) / 90.0


def evaluate(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float, Tensor]:
    """Mean loss, accuracy and the scores of every image, [N, 10]."""
    model.eval()
    with steep.no_grad():
        scores = steep.cat([model(normalised(part)) for part in images.split(1000)])
        loss = nn.functional.cross_entropy(scores, labels).item()
    return loss, (scores.argmax(dim=1) == labels).float().mean().item(), scores


def train(
    model: nn.Module, images: Tensor, labels: Tensor, *, epochs: int, rate: float, held_out: int
) -> History:
    """Train on all but the last `held_out` images, which give the validation loss."""
    from tqdm import tqdm

    training = TensorDataset(images[:-held_out], labels[:-held_out])
    loader = DataLoader(training, batch_size=128, shuffle=True, drop_last=True)
    optimizer = steep.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    schedule = steep.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader))

    @steep.compile
    def step(images: Tensor, labels: Tensor) -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(normalised(images)), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    history = History()
    with tqdm(range(epochs), desc="training", unit="epoch") as bar:
        for _ in bar:
            started = time.perf_counter()
            model.train()
            losses = []
            for batch in loader:
                losses.append(step(*batch))
                schedule.step()
            pace = len(losses) / (time.perf_counter() - started)
            loss, accuracy, _ = evaluate(model, images[-held_out:], labels[-held_out:])
            history.train_loss.append(sum(losses) / len(losses))
            history.validation_loss.append(loss)
            history.validation_accuracy.append(accuracy)
            bar.set_postfix_str(
                f"loss {history.train_loss[-1]:.4f}, validation {loss:.4f} / {accuracy:.1%}, "
                f"{pace:,.0f} steps/s"
            )
    return history


def draw_curve(history: History, path: Path) -> None:
    """Training and validation loss by epoch."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    epochs = range(1, len(history.train_loss) + 1)
    axes.plot(epochs, history.train_loss, label="training loss")
    axes.plot(epochs, history.validation_loss, label="validation loss")
    axes.set(xlabel="epoch", ylabel="cross-entropy (nats)", title="Fashion-MNIST")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def count_pairs(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The confusion matrix: how many of each class (row) are taken for each (column)."""
    counts = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def draw_mistakes(images: Tensor, labels: Tensor, scores: Tensor, path: Path) -> None:
    """The confusion matrix, and beside it the mistakes of the highest probability."""
    import matplotlib.pyplot as plt

    probabilities = scores.softmax(dim=1).numpy()
    truth, predicted = labels.numpy(), probabilities.argmax(axis=1)
    certainty = np.where(predicted != truth, probabilities.max(axis=1), -1.0)
    worst = [i for i in np.argsort(-certainty, kind="stable")[:30] if certainty[i] > 0]

    figure = plt.figure(figsize=(14, 7), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.1, 1))
    axes = left.subplots()
    counts = count_pairs(truth, predicted)
    # Colour by the root, or the right answers would leave all others white.
    axes.imshow(np.sqrt(counts), cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if count > counts.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=colour)
    axes.set(xlabel="taken for", ylabel="is", title="Test images")
    axes.set_xticks(range(len(CLASSES)), CLASSES, rotation=45, ha="right")
    axes.set_yticks(range(len(CLASSES)), CLASSES)

    grid = right.subplots(5, 6)
    for cell in grid.flat:
        cell.axis("off")
    for cell, i in zip(grid.flat, worst, strict=False):
        cell.imshow(images[int(i)].numpy(), cmap="gray_r")
        cell.set_title(f"{CLASSES[truth[i]]}\nas {CLASSES[predicted[i]]}", fontsize=8)
    right.suptitle("The mistakes it is most sure of")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the whole example."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--model", choices=("mlp", "cnn"), default="mlp")
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--output", type=Path, default=Path("fashion-mnist-output"))
    parser.add_argument("--epochs", type=int, help=f"default: by model, {EPOCHS}")
    parser.add_argument("--held-out", type=int, default=5000, help="images for validation")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    epochs = arguments.epochs or EPOCHS[arguments.model]

    import matplotlib

    matplotlib.use("Agg")
    steep.manual_seed(arguments.seed)
    images, labels = load(arguments.data, "train")
    test_images, test_labels = load(arguments.data, "test")
    arguments.output.mkdir(parents=True, exist_ok=True)

    model = build(arguments.model)
    size = sum(p.numel() for p in model.parameters())
    print(
        f"{arguments.model}: {size:,} parameters, {len(images):,} images to train and validate on"
    )
    started = time.perf_counter()
    history = train(
        model,
        images,
        labels,
        epochs=epochs,
        rate=RATE[arguments.model],
        held_out=arguments.held_out,
    )
    seconds = time.perf_counter() - started
    loss, accuracy, scores = evaluate(model, test_images, test_labels)
    print(f"trained {epochs} epochs in {seconds:.1f} s")
    print(f"test: loss {loss:.4f}, accuracy {accuracy:.2%}")

    draw_curve(history, arguments.output / "curve.png")
    draw_mistakes(test_images, test_labels, scores, arguments.output / "mistakes.png")
    print(f"see {arguments.output}/")
    if arguments.epochs is None and accuracy < GOAL[arguments.model]:
        raise SystemExit(f"accuracy {accuracy:.2%} is below {GOAL[arguments.model]:.0%}")


if __name__ == "__main__":
    main()
