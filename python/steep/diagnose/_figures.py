"""Figures of what was found; matplotlib is imported when one is asked for."""

from __future__ import annotations

from typing import Any

from steep.viz._figure import COLOURS, GREY, new_figure, sequential, settings

__all__ = ["curve", "lines", "rates"]


def rates(test: Any) -> Any:
    """A range test: loss by learning rate."""
    with settings():
        figure = new_figure("steep.diagnose.lr_find(...).figure", (6.0, 3.5))
        axes = figure.add_subplot()
        axes.plot(test.rates, test.losses, color=GREY, linewidth=0.8, label="loss of a step")
        count = len(test.smoothed)
        axes.plot(test.rates[:count], test.smoothed, color=COLOURS[0], label="smoothed")
        if test.suggestion is not None:
            axes.axvline(
                test.suggestion, color=COLOURS[1], label=f"proposed: {test.suggestion:.2g}"
            )
            top, low = test.smoothed[0], min(test.smoothed)
            axes.set_ylim(low - 0.1 * (top - low), top + 0.5 * (top - low))
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.set_title("Range test of learning rates")
        axes.legend()
    return figure


def curve(check: Any) -> Any:
    """An attempt to learn a handful of samples: loss by step."""
    with settings():
        figure = new_figure("steep.diagnose.overfit_check(...).figure", (6.0, 3.5))
        axes = figure.add_subplot()
        axes.plot(check.curve, color=COLOURS[0], label="loss")
        axes.axhline(check.goal, color=COLOURS[1], linestyle="--", label=f"goal: {check.goal:.2g}")
        axes.set_xlabel("step")
        axes.set_ylabel("loss")
        if min(check.curve, default=0.0) > 0 and check.goal > 0:
            axes.set_yscale("log")
        learned = "learned" if check.learned else "not learned"
        axes.set_title(f"{check.samples} samples, {learned}")
        axes.legend()
    return figure


def lines(series: dict[str, list[float]], title: str, is_log: bool) -> Any:
    """A line over the steps for each name; with many of them, the legend stands beside."""
    with settings():
        figure = new_figure("steep.diagnose.LayerTrace.figure", (7.0, 3.8))
        axes = figure.add_subplot()
        colours = sequential()
        for number, (name, values) in enumerate(series.items()):
            # From light to dark by depth: what shrinks from layer to layer shows as bands.
            shade = colours(0.15 + 0.8 * number / max(1, len(series) - 1))
            axes.plot(range(1, len(values) + 1), values, color=shade, linewidth=1.2, label=name)
        if is_log and any(value > 0 for values in series.values() for value in values):
            axes.set_yscale("log")
        axes.set_xlabel("step")
        axes.set_title(title)
        if series:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), ncols=1 + len(series) // 16)
    return figure
