"""What a sweep has found."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from steep._files import write_atomically
from steep._optional import optional
from steep.train.sweeps.trial import Trial, seeded

__all__ = ["SweepResult", "TrialResult"]

_SHOWN = 10  # trials in the text


@dataclass
class TrialResult:
    """A trial that has ended.

    Attributes:
        number: which trial of the sweep, from 0 on.
        state: ``'complete'``, ``'pruned'`` or ``'failed'``.
        value: what the objective returned; of a pruned trial, the last that it reported.
        params: its settings.
        seed: what its objective drew from.
        seconds: how long it took.
        reason: why it failed, or where it was pruned.
    """

    number: int
    state: str
    value: float | None
    params: dict[str, Any]
    seed: int
    seconds: float
    reason: str = field(default="")


class SweepResult:
    """The trials of a sweep, a table with a row for each.

    Attributes:
        trials: all that have ended, in the order of their numbers.
        mode: ``'min'`` if less is better, else ``'max'``.
        stopped: ``'trials'`` (all were run), ``'timeout'``, ``'interrupted'`` (Ctrl-C), or
            ``'sampler'`` (it had nothing more to propose, as at the end of a grid).
    """

    def __init__(self, trials: Sequence[TrialResult], mode: str, stopped: str) -> None:
        self.trials, self.mode, self.stopped = list(trials), mode, stopped

    def ranked(self) -> list[TrialResult]:
        """The complete trials, the best first."""
        sign = 1 if self.mode == "min" else -1
        done = [one for one in self.trials if one.state == "complete" and one.value is not None]
        return sorted(done, key=lambda one: (sign * (one.value or 0.0), one.number))

    @property
    def best(self) -> TrialResult:
        """The best trial.

        Raises:
            ValueError: if none is complete.
        """
        ranked = self.ranked()
        if not ranked:
            raise ValueError("SweepResult.best: expected a complete trial, got none yet")
        return ranked[0]

    @property
    def failed(self) -> list[TrialResult]:
        """The trials that failed; `TrialResult.reason` says why."""
        return [one for one in self.trials if one.state == "failed"]

    def again(self, objective: Callable[[Trial], Any], number: int) -> Any:
        """Run the objective of a trial again, by itself: with its settings, and its seed.

        Raises:
            KeyError: if there is no such trial.
        """
        for one in self.trials:
            if one.number == number:
                return seeded(one.seed, objective, Trial(one.params, one.seed, number))
        raise KeyError(f"SweepResult.again: expected the number of a trial, got {number}")

    def rows(self) -> list[dict[str, Any]]:
        """A row for each trial: number, state, value, its settings by their names, and the rest."""
        names = self._names()
        return [
            {
                "trial": one.number,
                "state": one.state,
                "value": one.value,
                **{name: one.params.get(name) for name in names},
                "seed": one.seed,
                "seconds": one.seconds,
                "reason": one.reason,
            }
            for one in self.trials
        ]

    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for one in self.trials for name in one.params))

    def to_frame(self) -> Any:
        """`rows` as a `pandas.DataFrame`.

        Raises:
            ImportError: if pandas is not installed.
        """
        return optional("pandas", "tables", "SweepResult.to_frame").DataFrame(self.rows())

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write `rows` to a file, which appears whole or not at all.

        Raises:
            OSError: if the file cannot be written; what was there before is untouched.
        """
        text = io.StringIO(newline="")
        head = ["trial", "state", "value", *self._names(), "seed", "seconds", "reason"]
        writer = csv.DictWriter(text, head, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        write_atomically(os.fspath(path), [text.getvalue().encode()])

    def __len__(self) -> int:
        return len(self.trials)

    def __repr__(self) -> str:
        """A report: how many, the best ones, and why trials failed."""
        count = {state: sum(one.state == state for one in self.trials)
                 for state in ("complete", "pruned", "failed")}  # fmt: skip
        told = ", ".join(f"{number} {state}" for state, number in count.items() if number)
        lines = [f"{len(self.trials)} trials ({told or 'none'}); stopped: {self.stopped}"]
        ranked = self.ranked()[:_SHOWN]
        if ranked:
            names = self._names()
            cells = [["trial", "value", *names]]
            for one in ranked:
                settings = [_text(one.params.get(name)) for name in names]
                cells.append([str(one.number), f"{one.value:.6g}", *settings])
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
            lines += ["  ".join(map(str.rjust, row, widths)) for row in cells]
        for one in self.failed[:3]:
            lines.append(f"trial {one.number} failed: {one.reason}")
        return "\n".join(lines)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
