"""Model files of `steep train`, and their use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from steep import models
from steep.cli.tables.learning import inputs_of, outputs_of, predictions
from steep.data import TableTransform, TargetTransform
from steep.data.tables.frames import as_frame

__all__ = ["Trained", "load_trained"]


@dataclass
class Trained:
    """A network with the transforms of its table.

    Attributes:
        network: what predicts, in evaluation mode.
        table, target: its transforms.
        target_name: the predicted column's name.
        report: what its training came to, as plain values.
        file: what else its file says.
    """

    network: Any
    table: TableTransform
    target: TargetTransform
    target_name: str
    report: dict[str, Any]
    file: models.ModelFile

    def check(self, frame: Any, what: str) -> None:
        """Raise unless all columns are there, and none is text where numbers were.

        Raises:
            ValueError: which says what is wrong with which column.
        """
        as_frame(frame, what).require(self.table.columns, what)

    def strangers(self, frame: Any) -> list[str]:
        """A sentence for each column with categories that the training did not have."""
        known = self.report.get("categories", {})
        seen = as_frame(frame, "steep predict")
        notes = []
        for name, levels in known.items():
            column = seen[name].as_levels()
            new = [str(level) for level in column.levels if str(level) not in {*levels}]
            if new:
                shown = ", ".join(map(repr, new[:3])) + (" and others" if len(new) > 3 else "")
                notes.append(
                    f"column {name!r} has {len(new)} values that the training did not have "
                    f"({shown}); they count as unknown"
                )
        return notes

    def predict(self, frame: Any) -> np.ndarray:
        """Probabilities [rows, classes], or numbers [rows]."""
        return predictions(outputs_of(self.network, inputs_of(self.table, frame)), self.target)

    def labels(self, found: np.ndarray) -> np.ndarray:
        """What `predict` found as the target's own values."""
        if self.target.found == "classification":
            return np.asarray(self.target.inverse_transform(found))
        return found


def load_trained(path: str | os.PathLike[str]) -> Trained:
    """Read a model file that `steep train` has written.

    Raises:
        ValueError: if it is damaged, newer, or not of `steep train`.
        OSError: if it cannot be read.
    """
    file = models.load(path)
    try:
        table = TableTransform.from_state(file.transforms["table"])
        target = TargetTransform.from_state(file.transforms["target"])
        return Trained(file.model, table, target, file.info["target"], file.info["report"], file)
    except KeyError as error:
        raise ValueError(
            f"{os.fspath(path)}: expected a file of `steep train`, found a network without the "
            f"transforms of a table; use it with steep.models.load"
        ) from error
