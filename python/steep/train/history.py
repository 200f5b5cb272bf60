"""What a training leaves: a table with a row for each epoch."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from steep._files import write_atomically
from steep._optional import optional

__all__ = ["History", "as_table"]


class History:
    """The course of a training, a table with a row for each epoch.

    `fit` returns one. ``history["loss"]`` is the list of a column, one value an epoch; what an
    epoch did not measure is ``None``.

    Columns of `fit`:

    - ``epoch``: from 1 on; ``steps``: optimiser steps so far; ``seconds``: since `fit` began.
    - ``loss``: mean over the samples of the epoch, each as its step saw it, dropout included; then
      the metrics by their names. With class weights or ignored targets, the weighted mean.
    - ``gradient_norm``, where it is asked for: the norm of all gradients together before they are
      clipped, the mean over the steps of the epoch.
    - ``val_loss`` and ``val_`` before each metric's name: of the validation part, after the epoch.
    - ``lr``: learning rate of the first parameter group in the epoch's last step.

    Attributes:
        stopped: why the training ended: ``'epochs'`` (all were trained), ``'early stopping'``,
            ``'callback'``, ``'interrupted'`` (Ctrl-C) or ``'non-finite loss'``; ``None`` while it
            runs.
        best_epoch: number of the epoch with the best monitored value, from 1 on; ``None`` if
            nothing was monitored.
        monitor: the column that decides which epoch is the best one, or ``None``.
        restored: whether the model has the weights of `best_epoch`.

    Example:
        >>> import steep
        >>> history = steep.train.History()
        >>> history.append({"epoch": 1, "loss": 0.7})
        >>> history.append({"epoch": 2, "loss": 0.5})
        >>> history["loss"], len(history), history.columns
        ([0.7, 0.5], 2, ['epoch', 'loss'])
        >>> history
        epoch    loss
            1  0.7000
            2  0.5000
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.stopped: str | None = None
        self.best_epoch: int | None = None
        self.monitor: str | None = None
        self.restored = False

    def append(self, row: Mapping[str, Any]) -> None:
        """Add the row of an epoch."""
        self.rows.append(dict(row))

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in the order in which they first came."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __getitem__(self, name: str) -> list[Any]:
        """A column as a list.

        Raises:
            KeyError: if there is none of that name.
        """
        if name not in self.columns:
            listed = ", ".join(map(repr, self.columns)) or "none: no epoch is over yet"
            raise KeyError(f"History: expected a column, got {name!r}; there are {listed}")
        return [row.get(name) for row in self.rows]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __len__(self) -> int:
        """How many epochs there are."""
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def keys(self) -> list[str]:
        """The columns: with `__getitem__`, what ``dict(history)`` asks for."""
        return self.columns

    @property
    def best(self) -> dict[str, Any] | None:
        """The row of `best_epoch`, or ``None``."""
        for row in self.rows:
            if self.best_epoch is not None and row.get("epoch") == self.best_epoch:
                return dict(row)
        return None

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns by their names, as lists of equal length."""
        return {name: self[name] for name in self.columns}

    def to_frame(self) -> Any:
        """The table as a `pandas.DataFrame`.

        Raises:
            ImportError: if pandas is not installed.
        """
        pandas = optional("pandas", "tables", "History.to_frame")
        return pandas.DataFrame(self.to_dict(), columns=self.columns)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table to a file, which appears whole or not at all; empty where unmeasured.

        Raises:
            OSError: if the file cannot be written; what was there before is untouched.
        """
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(os.fspath(path), [text.getvalue().encode()])

    def state_dict(self) -> dict[str, Any]:
        """Rows and attributes, for a checkpoint."""
        return {**vars(self), "rows": [dict(row) for row in self.rows]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        vars(self).update(state_dict, rows=[dict(row) for row in state_dict["rows"]])

    def __repr__(self) -> str:
        """The table as text; of long ones the first and the last rows."""
        if not self.rows:
            return "History of no epoch"
        text = as_table(self.rows)
        if self.stopped:
            best = f"; best epoch {self.best_epoch}" if self.best_epoch is not None else ""
            text += f"\nstopped: {self.stopped}{best}"
        return text


def as_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as text, a line each, without what is no plain value; of many the first and last."""
    columns = dict.fromkeys(name for row in rows for name in row)
    names = [name for name in columns if any(_is_plain(row.get(name)) for row in rows)]
    shown = rows if len(rows) <= 20 else [*rows[:5], {}, *rows[-10:]]
    cells = [names]
    cells += [[_text(row.get(name)) if row else "..." for name in names] for row in shown]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.rjust, row, widths)) for row in cells)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (int, float, str))


def _text(value: Any) -> str:
    if isinstance(value, float):
        large = value != 0 and not 1e-3 <= abs(value) < 1e5
        return f"{value:.3e}" if large else f"{value:.4f}"
    return str(value) if _is_plain(value) else "-"
