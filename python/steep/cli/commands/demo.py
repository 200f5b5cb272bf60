"""Train on data that is at hand, and show what comes out, to see it work.

`digits` are the 1,797 handwritten digits that scikit-learn ships, `spirals` two made ones that turn
about each other.
"""

from __future__ import annotations

import argparse
from typing import Any

EXAMPLE = "steep demo digits"

_SHADES = " .:-=+*#%@"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which data."""
    parser.add_argument("data", choices=("digits", "spirals"), nargs="?", default="digits")
    parser.add_argument("--epochs", type=int, default=60, help="at most; default: 60")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")


def run(options: argparse.Namespace) -> int:
    """Train, and print the accuracy on rows that were not learned from."""
    import steep
    from steep import nn
    from steep.data import split_indices
    from steep.models import mlp

    if options.epochs < 1:
        raise ValueError(f"--epochs: expected at least 1, got {options.epochs}")
    steep.manual_seed(options.seed)
    x, y = _digits() if options.data == "digits" else _spirals()
    parts = [steep.from_numpy(p) for p in split_indices(len(x), seed=options.seed, stratify=y)]
    widths = [128, 128] if options.data == "digits" else [32, 32]
    dropout = 0.2 if options.data == "digits" else 0.0
    net = mlp(int(x.shape[1]), widths, int(y.max()) + 1, dropout=dropout)
    print(f"{options.data}: {len(x):,} rows, {x.shape[1]} columns, {int(y.max()) + 1} classes")
    history = steep.train.fit(
        net,
        nn.CrossEntropyLoss(),
        steep.optim.AdamW(net.parameters(), lr=3e-3),
        (x[parts[0]], y[parts[0]]),
        (x[parts[1]], y[parts[1]]),
        epochs=options.epochs,
        metrics=["accuracy"],
        early_stopping=15,
    )
    net.eval()
    with steep.no_grad():
        found = net(x[parts[2]]).argmax(dim=1)
    right = (found == y[parts[2]]).float().mean().item()
    from steep.cli.tables.report import sparkline

    print(f"validation loss  {sparkline(history['val_loss'])}")
    print(f"{len(history)} epochs in {history['seconds'][-1]:.2f} s")
    print(f"accuracy on {len(found)} rows that were not learned from: {right:.1%}")
    if options.data == "digits":
        _show(x[parts[2]][:5].numpy(), found[:5].tolist(), y[parts[2]][:5].tolist())
    return 0


def _digits() -> tuple[Any, Any]:
    """Pixels in 0..1, float32 [1797, 64], and labels, int64."""
    import steep
    from steep._optional import optional

    digits = optional("sklearn.datasets", "sklearn", "steep demo digits").load_digits()
    return steep.tensor(digits.data / 16).float(), steep.tensor(digits.target).long()


def _spirals() -> tuple[Any, Any]:
    """Points of two spirals with some noise, float32 [1000, 2], and which one each is of."""
    import steep

    turn = steep.rand(1000).sqrt() * 9.0
    which = (steep.arange(1000) % 2).float()
    angle = turn + which * steep.pi
    points = steep.stack([angle.cos() * turn, angle.sin() * turn], dim=1) / 9.0
    return points + 0.02 * steep.randn(1000, 2), which.long()


def _show(pixels: Any, found: list[int], true: list[int]) -> None:
    """Some digits in letters, and what they were taken for."""
    for row in range(8):
        lines = [
            "".join(_SHADES[min(9, int(v * 9.99))] * 2 for v in image.reshape(8, 8)[row])
            for image in pixels
        ]
        print("  ".join(lines))
    captions = [
        f"read as {a}" + ("" if a == b else f", is {b}") for a, b in zip(found, true, strict=True)
    ]
    print("  ".join(caption.ljust(16) for caption in captions))
