"""Read digits drawn as one line of 40 numbers: MNIST-1D by three kinds of network.

    python examples/mnist1d_sequence.py --model mlp
    python examples/mnist1d_sequence.py --model cnn
    python examples/mnist1d_sequence.py --model gru

The package `mnist1d` makes the data (Greydanus and Kobak, Scaling Down Deep Learning with MNIST-1D,
2024): ten shapes, each padded, scaled, sheared, moved and covered with noise, 4,000 to train on
and 1,000 to test. Where a shape stands does not matter, which a plain network has to learn and the
other two know: the paper has 68% for a plain network, 94% for convolutions and 91% for a GRU.

Keeps 400 samples for validation, trains with a compiled step, restores the weights of the best
validation loss, measures the test accuracy once, and writes to --output: `curve.png` (the learning
curve) and `mistakes.png` (the signals that the network is surest of, and wrong about).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import steep
from steep import Tensor, nn
from steep.data import DataLoader, TensorDataset
from steep.train import EarlyStopping

# By model: the accuracy to reach, the learning rate and for how long.
GOAL = {"mlp": 0.65, "cnn": 0.92, "gru": 0.90}
RATE = {"mlp": 3e-3, "cnn": 5e-3, "gru": 5e-3}
EPOCHS = {"mlp": 60, "cnn": 80, "gru": 100}


@dataclass
class History:
    """The learning curve: one entry an epoch."""

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)


def make_data(samples: int, seed: int) -> tuple[TensorDataset, TensorDataset]:
    """Signals, float32 [N, 40], with the digit of each, int64 [N]: to train on, and to test."""
    from mnist1d.data import get_dataset_args, make_dataset

    settings = get_dataset_args()
    settings.num_samples, settings.seed = samples, seed
    data = make_dataset(settings)
    training, test = (
        TensorDataset(
            steep.tensor(data["x" + part], dtype=steep.float32),
            steep.tensor(data["y" + part], dtype=steep.int64),
        )
        for part in ("", "_test")
    )
    return training, test


class Recurrent(nn.Module):
    """A GRU that reads the signal from both ends; a linear layer reads its last two states."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.gru = nn.GRU(1, width, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, 10)

    def forward(self, signals: Tensor) -> Tensor:
        _, last = self.gru(signals.unsqueeze(-1))
        return self.head(steep.cat([last[0], last[1]], dim=1))


def build(name: str) -> nn.Module:
    """The network, from signals [N, 40] to scores [N, 10]."""
    if name == "mlp":
        return nn.Sequential(
            nn.Linear(40, 256),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(256, 256),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(256, 10),
        )
    if name == "cnn":
        return nn.Sequential(
            nn.Unflatten(1, (1, 40)),
            nn.Conv1d(1, 64, kernel_size=5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv1d(64, 64, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv1d(64, 64, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.4),
            nn.Linear(64 * 5, 10),
        )
    return Recurrent()


def evaluate(model: nn.Module, data: TensorDataset) -> tuple[float, float, Tensor]:
    """Mean loss, accuracy and the scores of each sample."""
    signals, digits = data.tensors
    model.eval()
    with steep.no_grad():
        scores = model(signals)
        loss = nn.functional.cross_entropy(scores, digits).item()
    return loss, (scores.argmax(dim=1) == digits).float().mean().item(), scores


def train(
    model: nn.Module,
    training: TensorDataset,
    validation: TensorDataset,
    *,
    epochs: int,
    rate: float,
) -> History:
    """Train along half a cosine; the model ends with the weights of the best validation loss."""
    from tqdm import tqdm

    loader = DataLoader(training, batch_size=100, shuffle=True, drop_last=True)
    optimizer = steep.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    schedule = steep.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader))

    @steep.compile
    def step(signals: Tensor, digits: Tensor) -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(signals), digits)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    history, best = History(), EarlyStopping(model, patience=epochs)
    with tqdm(range(epochs), desc="training", unit="epoch") as bar:
        for _ in bar:
            started = time.perf_counter()
            model.train()
            losses = []
            for batch in loader:
                losses.append(step(*batch))
                schedule.step()
            pace = len(losses) / (time.perf_counter() - started)
            loss, accuracy, _ = evaluate(model, validation)
            best.step(loss)
            history.train_loss.append(sum(losses) / len(losses))
            history.validation_loss.append(loss)
            bar.set_postfix_str(
                f"loss {history.train_loss[-1]:.4f}, validation {loss:.4f} / {accuracy:.1%}, "
                f"{pace:,.0f} steps/s"
            )
    best.restore()
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
    axes.set(xlabel="epoch", ylabel="cross-entropy (nats)", yscale="log", title="MNIST-1D")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_mistakes(data: TensorDataset, scores: Tensor, path: Path) -> None:
    """The signals that the network is wrong about with the highest probability."""
    import matplotlib.pyplot as plt

    signals, digits = (tensor.numpy() for tensor in data.tensors)
    probabilities = scores.softmax(dim=1).numpy()
    predicted = probabilities.argmax(axis=1)
    certainty = np.where(predicted != digits, probabilities.max(axis=1), -1.0)
    worst = [i for i in np.argsort(-certainty, kind="stable")[:24] if certainty[i] > 0]

    figure, grid = plt.subplots(4, 6, figsize=(11, 7), sharex=True, sharey=True)
    for axes in grid.flat:
        axes.axis("off")
    for axes, i in zip(grid.flat, worst, strict=False):
        axes.plot(signals[i])
        axes.set_title(f"{digits[i]} read as {predicted[i]} ({certainty[i]:.0%})", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the whole example."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--model", choices=("mlp", "cnn", "gru"), default="cnn")
    parser.add_argument("--output", type=Path, default=Path("mnist1d-output"))
    parser.add_argument("--epochs", type=int, help=f"default: by model, {EPOCHS}")
    parser.add_argument("--samples", type=int, default=5000, help="a fifth of them to test")
    parser.add_argument("--data-seed", type=int, default=42, help="the paper's data: 42")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    epochs = arguments.epochs or EPOCHS[arguments.model]
    arguments.output.mkdir(parents=True, exist_ok=True)

    import matplotlib

    matplotlib.use("Agg")
    steep.manual_seed(arguments.seed)
    known, test = make_data(arguments.samples, arguments.data_seed)
    held_out = len(known) // 10
    training = TensorDataset(*(tensor[:-held_out] for tensor in known.tensors))
    validation = TensorDataset(*(tensor[-held_out:] for tensor in known.tensors))

    model = build(arguments.model)
    size = sum(p.numel() for p in model.parameters())
    print(f"{arguments.model}: {size:,} parameters, {len(training)} signals to train on")
    started = time.perf_counter()
    history = train(model, training, validation, epochs=epochs, rate=RATE[arguments.model])
    seconds = time.perf_counter() - started
    loss, accuracy, scores = evaluate(model, test)
    print(f"trained {epochs} epochs in {seconds:.1f} s")
    print(f"test: loss {loss:.4f}, accuracy {accuracy:.1%}")

    draw_curve(history, arguments.output / "curve.png")
    draw_mistakes(test, scores, arguments.output / "mistakes.png")
    print(f"see {arguments.output}/")
    if arguments.epochs is None and accuracy < GOAL[arguments.model]:
        raise SystemExit(f"accuracy {accuracy:.1%} is below {GOAL[arguments.model]:.0%}")


if __name__ == "__main__":
    main()
