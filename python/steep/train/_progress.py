"""The progress bar of `fit`."""

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
    """A bar over all epochs, by tqdm: losses, metrics and pace beside it."""

    def __init__(self) -> None:
        self.tqdm = optional("tqdm", "train", "steep.train.fit").tqdm
        self.bar: Any = None
        self.within = 0  # steps of this epoch
        self.last = ""

    def begin_epoch(self, run: Run) -> None:
        """Open the bar if it is the first one."""
        if self.bar is None:
            self.bar = self.tqdm(
                total=run.epochs,
                initial=run.epoch - 1,
                desc="training",
                unit="epoch",
                bar_format=_FORM,
                leave=True,
            )
        self.within = 0

    def steps(self, run: Run, count: int) -> None:
        """Move on by a part of an epoch, if it is known how long one is."""
        self.within += count
        if run.steps:
            self.bar.n = run.epoch - 1 + min(1.0, self.within / run.steps)
        self.bar.set_postfix_str(self.last or f"step {run.step:,}", refresh=False)
        self.bar.update(0)

    def end_epoch(self, run: Run) -> None:
        """The epoch's row."""
        seconds = run.logs.get("seconds", 0.0)
        pace = f", {run.step / seconds:,.0f} steps/s" if seconds > 0 else ""
        self.last = described(run.logs) + pace
        self.bar.n = run.epoch
        self.bar.set_postfix_str(self.last, refresh=False)
        self.bar.update(0)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.refresh()
            self.bar.close()


def described(row: dict[str, Any]) -> str:
    """A row in a few words: its numbers but those that only count."""
    left_out = ("epoch", "steps", "seconds", "lr")
    return ", ".join(
        f"{name} {value:.4f}"
        for name, value in row.items()
        if name not in left_out and isinstance(value, float)
    )


def make_progress(asked: bool | None) -> Progress:
    """A bar if it is asked for; if nothing is said, on a terminal alone.

    Raises:
        ImportError: if it is asked for, and tqdm is not installed.
    """
    if asked is None:
        if not (sys.stderr is not None and sys.stderr.isatty()):
            return Progress()
        try:
            return Bar()
        except ImportError:
            return Progress()
    return Bar() if asked else Progress()
