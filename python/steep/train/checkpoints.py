"""When `fit` writes checkpoints, and how it goes on from one."""

from __future__ import annotations

import os
import sys
from typing import Any

from steep.checkpoint import load_checkpoint, save_checkpoint
from steep.serialize import load

__all__ = ["Checkpoint", "make_checkpoint"]

Path = str | os.PathLike[str]


class Checkpoint:
    """Where and when `fit` saves all that a training needs to go on to the same bits.

    One file, which each save replaces as a whole: it is always that of a complete one.

    Args:
        path: the file, a safetensors file that `steep.load_checkpoint` reads.
        every_epochs: epochs between two saves; 0 saves at no end of an epoch. Default: 1.
        every_steps: optimiser steps between two saves, in the middle of epochs, too. Default:
            ``None``.

    Raises:
        ValueError: if it would never save.

    Example:
        >>> import os, steep, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "last.safetensors")
        >>> def training(epochs, resume):
        ...     _ = steep.manual_seed(0)
        ...     model = steep.nn.Linear(2, 1)
        ...     sgd = steep.optim.SGD(model.parameters(), lr=0.1)
        ...     data = steep.rand(8, 2), steep.rand(8, 1)
        ...     return steep.train.fit(model, steep.nn.MSELoss(), sgd, data, epochs=epochs,
        ...         checkpoint=steep.train.Checkpoint(path, every_epochs=2), resume=resume)
        >>> whole = training(4, resume=False)["loss"]
        >>> _ = training(2, resume=False)
        >>> training(4, resume=True)["loss"] == whole
        True
    """

    def __init__(
        self, path: Path, *, every_epochs: int = 1, every_steps: int | None = None
    ) -> None:
        if every_epochs < 0 or (every_steps is not None and every_steps < 1):
            raise ValueError(
                "Checkpoint: expected every_epochs to be at least 0 and every_steps at least 1, "
                f"got {every_epochs} and {every_steps}"
            )
        if every_epochs == 0 and every_steps is None:
            raise ValueError(
                "Checkpoint: expected every_epochs above 0, or every_steps: it would never save"
            )
        self.path = os.fspath(path)
        self.every_epochs, self.every_steps = every_epochs, every_steps

    def steps_left(self, step: int) -> int | None:
        """How many steps there are before the next save in the middle of an epoch."""
        return None if self.every_steps is None else self.every_steps - step % self.every_steps

    def is_due_at_epoch(self, epoch: int) -> bool:
        """Whether it saves at the end of an epoch."""
        return self.every_epochs > 0 and epoch % self.every_epochs == 0

    def save(self, kind: str, /, **parts: Any) -> None:
        """Write the file of ``'fit'`` or ``'fit_many'``.

        Python's and NumPy's random states belong to it: datasets use them.
        """
        random = ["steep", "python", *(["numpy"] if "numpy" in sys.modules else [])]
        save_checkpoint(self.path, random=random, **{kind: _VERSION}, **parts)


_VERSION = 1


def make_checkpoint(
    given: Checkpoint | Path | None, resume: bool | Path, who: str = "fit"
) -> Checkpoint | None:
    """The checkpoint that `fit` or `fit_many` was asked for.

    Raises:
        TypeError: if one of them is something else.
        ValueError: if it is to go on, and it is not said from where.
        FileNotFoundError: if there is no folder for it.
    """
    if given is not None and not isinstance(given, (Checkpoint, str, os.PathLike)):
        raise TypeError(
            f"{who}: expected checkpoint to be a path or a steep.train.Checkpoint, got "
            f"{type(given).__name__}"
        )
    if not isinstance(resume, (bool, str, os.PathLike)):
        raise TypeError(
            f"{who}: expected resume to be a bool or a path, got {type(resume).__name__}"
        )
    if resume is True and given is None:
        raise ValueError(
            f"{who}: expected a checkpoint to resume from; name it, as in "
            "checkpoint='last.safetensors'"
        )
    made = Checkpoint(given) if isinstance(given, (str, os.PathLike)) else given
    folder = "" if made is None else os.path.dirname(os.path.abspath(made.path))
    if made is not None and not os.path.isdir(folder):
        raise FileNotFoundError(
            f"{who}: expected checkpoint to be a file in a folder that exists, got {made.path!r}; "
            f"make the folder, as by os.makedirs({folder!r})"
        )
    return made


def file_to_resume(
    checkpoint: Checkpoint | None, resume: bool | Path, who: str = "fit"
) -> str | None:
    """The file to go on from; ``None`` to begin anew.

    With ``True`` it is the checkpoint's own, if there is one yet: the same command begins a
    training and goes on with it.

    Raises:
        FileNotFoundError: if a path was given that does not exist.
        ValueError: if it is no checkpoint of that function.
    """
    if resume is False:
        return None
    if resume is True:
        path = checkpoint.path if checkpoint is not None else ""
        if not os.path.exists(path):
            return None
    else:
        path = os.fspath(resume)
    if load(path).get(who) != _VERSION:
        raise ValueError(
            f"{path}: expected a checkpoint that {who} wrote; read it with steep.load_checkpoint"
        )
    return path


def restore(path: str, parts: dict[str, Any], metrics: list[str]) -> dict[str, Any]:
    """Restore the objects and the random states; returns the other values in the file.

    Raises:
        ValueError: if the file has other parts: something was added or left out since.
    """
    states = load_checkpoint(path, random=False)
    saved = {*states, *states["loop"]["metrics"]} - {"fit", "loop"}
    given = {*parts, *metrics}
    if saved != given:
        there, here = sorted(saved - given), sorted(given - saved)
        raise ValueError(
            f"{path}: expected the arguments with which fit wrote it; only there: "
            f"{', '.join(there) or 'nothing'}; only here: {', '.join(here) or 'nothing'}"
        )
    return load_checkpoint(path, **parts)
