"""How rows are shared out: by labels, by groups, in time. Labels and groups are numbers here."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from steep._core import Generator, randperm
from steep.data.tables.columns import Array

__all__ = ["by_group", "by_label", "by_time", "group_folds", "permutation", "time_folds"]


def permutation(total: int, generator: Generator | None) -> Array:
    """Row numbers in random order."""
    order: Array = randperm(total, generator=generator).numpy()
    return order


def by_label(labels: Array, fractions: Sequence[float]) -> Array:
    """The part of each position, every label shared out in the order of its rows."""
    part = np.zeros(len(labels), np.int64)
    by_label = np.argsort(labels, kind="stable")
    _, first, counts = np.unique(labels, return_index=True, return_counts=True)
    starts = np.cumsum(counts) - counts
    given = [0] * len(fractions)
    seen = 0
    for label in np.argsort(first):  # in order of appearance
        size = int(counts[label])
        seen += size
        sizes = _whole([f * seen - g for f, g in zip(fractions, given, strict=True)], size)
        rows = by_label[starts[label] : starts[label] + size]
        part[rows] = np.repeat(np.arange(len(sizes)), sizes)
        given = [g + s for g, s in zip(given, sizes, strict=True)]
    return part


def _whole(wanted: list[float], total: int) -> list[int]:
    """Whole numbers near `wanted`, none negative, that add up to `total`."""
    sizes = [max(0, math.floor(w + 1e-9)) for w in wanted]
    while sum(sizes) != total:
        step = 1 if sum(sizes) < total else -1
        may = [i for i in range(len(sizes)) if step > 0 or sizes[i] > 0]
        best = max(may, key=lambda i: step * (wanted[i] - sizes[i]))
        sizes[best] += step
    return sizes


def by_group(
    name: str, groups: Array, fractions: Sequence[float], generator: Generator | None
) -> tuple[Array, ...]:
    """Groups in random order, each to the part that lacks most."""
    counts = np.bincount(groups)
    wanted = [i for i, fraction in enumerate(fractions) if fraction > 0]
    if len(counts) < len(wanted):
        raise ValueError(
            f"{name}: expected at least {len(wanted)} groups, one for each part, got {len(counts)}"
        )
    lacking = np.array(fractions, float) * len(groups)
    empty = set(wanted)
    part_of = np.empty(len(counts), np.int64)
    for done, group in enumerate(permutation(len(counts), generator).tolist()):
        # The last groups are for the parts that would else have none.
        may = sorted(empty) if len(counts) - done <= len(empty) else wanted
        chosen = max(may, key=lambda i: lacking[i])
        part_of[group] = chosen
        lacking[chosen] -= counts[group]
        empty.discard(chosen)
    part = part_of[groups]
    order = permutation(len(groups), generator)
    return tuple(order[part[order] == i] for i in range(len(fractions)))


def by_time(name: str, order: Array, times: Array, fractions: Sequence[float]) -> tuple[Array, ...]:
    """Parts that follow each other; `order` and `times` are sorted by time."""
    total = len(order)
    ends = [round(share * total) for share in np.cumsum(fractions)]
    # Rows of one time go where the first of them goes.
    starts = np.searchsorted(times, times, "left") if total else times
    part = np.searchsorted(ends, starts, "right").clip(0, len(fractions) - 1)
    parts = tuple(order[part == i] for i in range(len(fractions)))
    for i, (rows, fraction) in enumerate(zip(parts, fractions, strict=True)):
        if fraction > 0 and total and not len(rows):
            raise ValueError(
                f"{name}: part {i} of {len(fractions)} has no row: {total} rows have only "
                f"{int(times[-1]) + 1} different times; take finer times, or other fractions"
            )
    return parts


def group_folds(name: str, groups: Array, folds: int, generator: Generator | None) -> Array:
    """The largest groups first, equal ones in random order, each to the smallest fold."""
    counts = np.bincount(groups)
    if len(counts) < folds:
        raise ValueError(
            f"{name}: expected at least one group for each of {folds} folds, got {len(counts)}"
        )
    order = permutation(len(counts), generator)
    order = order[np.argsort(-counts[order], kind="stable")]
    sizes = np.zeros(folds, np.int64)
    fold_of = np.empty(len(counts), np.int64)
    for group in order.tolist():
        smallest = int(np.argmin(sizes))
        fold_of[group] = smallest
        sizes[smallest] += counts[group]
    fold: Array = fold_of[groups]
    return fold


def time_folds(name: str, order: Array, folds: int, gap: int) -> list[tuple[Array, Array]]:
    """Equal stretches at the end, each judged by all that lies before it and the gap."""
    size = len(order) // (folds + 1)
    first = len(order) - folds * size
    if not 0 <= gap < first:
        raise ValueError(
            f"{name}: expected a gap of 0 to {first - 1} rows, so that the first fold has rows to "
            f"train on, got {gap}"
        )
    starts = range(first, len(order), size)
    return [(order[: start - gap], order[start : start + size]) for start in starts]
