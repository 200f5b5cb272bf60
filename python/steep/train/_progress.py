"""The progress bars of `fit`."""

from __future__ import annotations

import sys
from typing import Any

from steep._optional import optional
from steep.train.callbacks import Run

__all__ = ["Progress", "make_progress"]


class Progress:
    """Shows nothing; the base of what does."""

    def begin_epoch(self, run: Run) -> None:
        """An epoch begins."""

    def steps(self, run: Run, count: int) -> None:
        """So many steps more are done."""

    def end_epoch(self, run: Run) -> None:
        """An epoch is over, and `run.logs` is its row."""

    def close(self) -> None:
        """There is no more to come."""


_FORM = "{desc}: {percentage:3.0f}%|{bar}| epoch {n:.1f}/{total} [{elapsed}<{remaining}{postfix}]"


class Bar(Progress):
    """A bar over all epochs: losses, metrics and pace beside it."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.within = 0  # steps of this epoch
        self.last = ""

    def begin_epoch(self, run: Run) -> None:
        """Open the bar if it is the first one."""
        if self.bar is None:
            self._open(run.epoch - 1, run.epochs)
        self.within = 0

    def steps(self, run: Run, count: int) -> None:
        """Move on by a part of an epoch, if it is known how long one is."""
        self.within += count
        done = run.epoch - 1 + (min(1.0, self.within / run.steps) if run.steps else 0.0)
        self._show(done, self.last or f"step {run.step:,}")

    def end_epoch(self, run: Run) -> None:
        """The epoch's row."""
        seconds = run.logs.get("seconds", 0.0)
        pace = f", {run.step / seconds:,.0f} steps/s" if seconds > 0 else ""
        self.last = described(run.logs) + pace
        self._show(run.epoch, self.last)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.refresh()
            self._close()

    def _open(self, done: int, epochs: int) -> None:
        raise NotImplementedError

    def _show(self, done: float, numbers: str) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError


class TqdmBar(Bar):
    """By tqdm, one line of text; in notebooks as well."""

    def __init__(self) -> None:
        super().__init__()
        self.tqdm = optional("tqdm", "train", "steep.train.fit").tqdm

    def _open(self, done: int, epochs: int) -> None:
        self.bar = self.tqdm(
            total=epochs,
            initial=done,
            desc="training",
            unit="epoch",
            bar_format=_FORM,
            leave=True,
        )

    def _show(self, done: float, numbers: str) -> None:
        self.bar.n = done
        self.bar.set_postfix_str(numbers, refresh=False)
        self.bar.update(0)

    def _close(self) -> None:
        self.bar.close()


class RichBar(Bar):
    """By rich, in colours; what is printed meanwhile stands above it."""

    def __init__(self) -> None:
        super().__init__()
        self.rich = optional("rich.progress", "train", "steep.train.fit")
        self.console = optional("rich.console", "train", "steep.train.fit").Console(stderr=True)

    def _open(self, done: int, epochs: int) -> None:
        rich = self.rich
        self.bar = rich.Progress(
            rich.TextColumn("{task.description}"),
            rich.BarColumn(),
            rich.TextColumn("epoch {task.completed:.1f}/{task.total}"),
            rich.TimeElapsedColumn(),
            rich.TimeRemainingColumn(),
            rich.TextColumn("{task.fields[numbers]}"),
            console=self.console,
        )
        self.task = self.bar.add_task("training", total=epochs, completed=done, numbers="")
        self.bar.start()

    def _show(self, done: float, numbers: str) -> None:
        self.bar.update(self.task, completed=done, numbers=numbers)

    def _close(self) -> None:
        self.bar.stop()


def described(row: dict[str, Any]) -> str:
    """A row in a few words: its numbers but those that only count."""
    left_out = ("epoch", "steps", "seconds", "lr")
    return ", ".join(
        f"{name} {value:.4f}"
        for name, value in row.items()
        if name not in left_out and isinstance(value, float)
    )


_BARS: dict[str, type[Bar]] = {"tqdm": TqdmBar, "rich": RichBar}


def make_progress(asked: bool | str | None) -> Progress:
    """A bar if it is asked for; if nothing is said, on a terminal alone.

    Raises:
        ValueError: if a bar is asked for by another name.
        ImportError: if it is asked for, and its library is not installed.
    """
    if isinstance(asked, str):
        if asked not in _BARS:
            raise ValueError(
                f"fit: expected progress to be True, False, 'tqdm', 'rich' or None, got {asked!r}"
            )
        return _BARS[asked]()
    if asked is None:
        if not (sys.stderr is not None and sys.stderr.isatty()):
            return Progress()
        try:
            return TqdmBar()
        except ImportError:
            return Progress()
    return TqdmBar() if asked else Progress()
