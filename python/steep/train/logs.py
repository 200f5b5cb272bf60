"""Logs that are written while a network trains: JSON lines, CSV, TensorBoard."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

from steep._files import write_atomically
from steep._optional import optional
from steep.train.callbacks import Callback, Run

__all__ = ["FileLog", "TensorBoardLog"]

Path = str | os.PathLike[str]


class FileLog(Callback):
    """Writes the history to a file as it grows, a line for each epoch.

    A line is written in one go and handed to the system: whoever reads meanwhile, and whatever ends
    the process, finds whole lines alone. What is in the file when the training begins is replaced;
    a training that is resumed writes its earlier epochs again.

    Args:
        path: a file that ends in ``.jsonl`` (an object of JSON each line; NaN and infinity, which
            JSON does not have, become null) or in ``.csv`` (names first).

    Raises:
        ValueError: if it ends in something else.
        OSError: if the file cannot be written, when the training begins.

    Example:
        >>> import os, steep, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "log.jsonl")
        >>> model = steep.nn.Linear(2, 1)
        >>> sgd = steep.optim.SGD(model.parameters(), lr=0.1)
        >>> data = steep.rand(8, 2), steep.rand(8, 1)
        >>> _ = steep.train.fit(model, steep.nn.MSELoss(), sgd, data, epochs=2, log=path)
        >>> import json
        >>> with open(path) as file:
        ...     [json.loads(line)["epoch"] for line in file]
        [1, 2]
    """

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        kind = os.path.splitext(self.path)[1].lower()
        if kind not in (".jsonl", ".csv"):
            raise ValueError(
                f"fit: expected log to be a path that ends in .jsonl or .csv, got {self.path!r}"
            )
        self.is_csv = kind == ".csv"
        self.columns: list[str] = []

    def on_train_begin(self, run: Run) -> None:
        """Begin the file, with the epochs that are there already."""
        self.begin(run.history.rows)

    def on_epoch_end(self, run: Run) -> None:
        """Add a line."""
        self.add(run.logs)

    def begin(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Begin the file anew, with these rows."""
        self.columns = []
        write_atomically(self.path, [self._line(row) for row in rows])

    def add(self, row: Mapping[str, Any]) -> None:
        """Add the line of a row."""
        line = self._line(row)
        # Unbuffered, with O_APPEND: one call of the system writes the line, or nothing of it.
        with open(self.path, "ab", buffering=0) as file:
            file.write(line)

    def _line(self, row: Mapping[str, Any]) -> bytes:
        if not self.is_csv:
            return (json.dumps(_plain(row), allow_nan=False) + "\n").encode()
        text = io.StringIO(newline="")
        head = not self.columns
        self.columns = self.columns or list(row)
        writer = csv.DictWriter(text, self.columns, "", "ignore", lineterminator="\n")
        if head:
            writer.writeheader()
        writer.writerow(row)
        return text.getvalue().encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(v) for name, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class TensorBoardLog(Callback):
    """Writes losses, metrics and learning rate for TensorBoard, by tensorboardX.

    ``loss`` and ``val_loss`` become ``loss/train`` and ``loss/validation``, and so on: they are
    drawn beside each other. The step is the epoch. ``tensorboard --logdir FOLDER`` shows them.

    Args:
        folder: where to write; each training one of its own, or they are drawn as one.

    Raises:
        ImportError: if tensorboardX is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._tensorboard = optional("tensorboardX", "tensorboard", "steep.train.fit")
        self.folder = os.fspath(folder)
        self.writer: Any = None

    def on_train_begin(self, run: Run) -> None:
        """Open the folder. What a resumed training had not yet done is cut off."""
        cut = {"purge_step": run.epoch + 1} if run.epoch else {}
        # Files are named by the second: one that goes on within it must not take the first's name.
        self.writer = self._tensorboard.SummaryWriter(
            self.folder, filename_suffix=f".epoch{run.epoch + 1}", **cut
        )

    def on_epoch_end(self, run: Run) -> None:
        """Write the numbers of the epoch."""
        for name, value in run.logs.items():
            if name in ("epoch", "steps", "seconds") or not isinstance(value, (int, float)):
                continue
            part = "validation" if name.startswith("val_") else "train"
            tag = name if name == "lr" else f"{name.removeprefix('val_')}/{part}"
            self.writer.add_scalar(tag, value, run.epoch)
        self.writer.flush()

    def on_train_end(self, run: Run) -> None:
        """Close the files."""
        if self.writer is not None:
            self.writer.close()


def make_logs(log: Path | Iterable[Path] | None, tensorboard: Path | None) -> list[Callback]:
    """The logs that `fit` was asked for.

    Raises:
        TypeError, ValueError, ImportError: if there is no such log.
    """
    paths = [log] if isinstance(log, (str, os.PathLike)) else list(log or ())
    logs: list[Callback] = [FileLog(path) for path in paths]
    if tensorboard is not None:
        logs.append(TensorBoardLog(tensorboard))
    return logs
