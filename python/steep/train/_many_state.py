"""What `fit_many` leaves on the way: a log of all networks, and a checkpoint to go on from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from steep._core import Generator
from steep.checkpoint import load_checkpoint
from steep.train._loop import Loop
from steep.train.checkpoints import Checkpoint
from steep.train.logs import FileLog

__all__ = ["KIND", "ManyLog", "make_many_logs", "parts_of", "restore_many", "save_many"]

KIND = "fit_many"  # what such a checkpoint calls itself

Path = str | os.PathLike[str]


class ManyLog:
    """The histories of all networks in one file: a line for each network and epoch.

    Args:
        path: as of `FileLog`.
        seeds: of the networks.
    """

    def __init__(self, path: Path, seeds: Sequence[int]) -> None:
        self.file, self.seeds = FileLog(path), seeds

    def begin(self, loops: Sequence[Loop]) -> None:
        """Begin the file, with the epochs that are there already, in their order."""
        histories = [loop.run.history.rows for loop in loops]
        longest = max(map(len, histories))
        self.file.begin(
            self._row(k, rows[epoch])
            for epoch in range(longest)
            for k, rows in enumerate(histories)
            if epoch < len(rows)
        )

    def add(self, loops: Sequence[Loop], going: Iterable[int]) -> None:
        """A line for each network that has come to the end of an epoch."""
        for k in going:
            self.file.add(self._row(k, loops[k].run.logs))

    def _row(self, k: int, row: dict[str, Any]) -> dict[str, Any]:
        return {"network": k, "seed": self.seeds[k], **row}


def make_many_logs(given: Path | Iterable[Path] | None, seeds: Sequence[int]) -> list[ManyLog]:
    """The logs that `fit_many` was asked for.

    Raises:
        ValueError: if a path ends in something else than ``.jsonl`` or ``.csv``.
    """
    paths = [given] if isinstance(given, (str, os.PathLike)) else list(given or ())
    return [ManyLog(path, seeds) for path in paths]


def parts_of(loops: Sequence[Loop], generators: Sequence[Generator]) -> dict[str, Any]:
    """The objects whose states a checkpoint has."""
    return {"networks": [loop.parts() for loop in loops], "generators": list(generators)}


def save_many(
    checkpoint: Checkpoint,
    loops: Sequence[Loop],
    generators: Sequence[Generator],
    seeds: Sequence[int],
) -> None:
    """Write the file, as of the end of an epoch."""
    states = [loop.state_dict() for loop in loops]
    checkpoint.save(KIND, **parts_of(loops, generators), seeds=list(seeds), loops=states)


def restore_many(
    path: str, loops: Sequence[Loop], generators: Sequence[Generator], seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """Restore objects and random states; returns the states of the loops, for when they are made.

    Raises:
        ValueError: if the file is of other networks.
    """
    saved = load_checkpoint(path, random=False)["seeds"]
    if saved != list(seeds):
        raise ValueError(
            f"{path}: expected a checkpoint of networks of the seeds {list(seeds)}, found one of "
            f"{saved}"
        )
    rest = load_checkpoint(path, **parts_of(loops, generators))
    states: list[dict[str, Any]] = rest["loops"]
    return states
