"""Which rows are for training, which for validation, which for the test; and k folds.

Four ways, by one keyword: at random (none), `stratify` (every label shared out alike), `groups`
(rows of a group stay together) and `time` (the past for training, the future for judging). What is
drawn comes from a generator of steep: a seed gives the same split on every machine.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from steep._core import Generator, Tensor
from steep.data._shares import (
    by_group,
    by_label,
    by_time,
    group_folds,
    permutation,
    time_folds,
)
from steep.data.dataset import Subset, length
from steep.data.tables.columns import Array
from steep.data.tables.converting import column_of
from steep.data.tables.frames import is_table, take_rows
from steep.data.tables.naming import nearest

__all__ = ["k_fold_indices", "k_folds", "split_indices", "train_val_test_split"]


def split_indices(
    rows: Any,
    fractions: Sequence[float] = (0.7, 0.15, 0.15),
    *,
    seed: int | None = None,
    generator: Generator | None = None,
    stratify: Any = None,
    groups: Any = None,
    time: Any = None,
) -> tuple[Array, ...]:
    """Share out rows into parts, as arrays of their indices.

    Args:
        rows: how many there are, or anything with a length.
        fractions: share of each part, adding up to 1; two of them or more.
        seed: seed of a generator of its own; excludes `generator`.
        generator: source of what is drawn; the default one if neither is given.
        stratify: one label per row; every label is then shared out in these proportions, as nearly
            as whole rows allow.
        groups: one group per row (a patient, a user); its rows all go to one part, and the shares
            are as near as groups drawn at random make them.
        time: one time (or number) per row; the earliest rows make the first part, and so on. Rows
            of the same time stay together. Nothing is drawn. ``True``: the rows are in order.

    Returns:
        An int64 array for each fraction. Of random parts, in random order; by time, in its order.

    Raises:
        ValueError: if the fractions do not add up to 1, two ways are asked for at once, labels,
            groups or times are not one known value per row, or there are too few of them for every
            part to get one.

    Example:
        >>> import steep
        >>> train, test = steep.data.split_indices(10, (0.8, 0.2), time=True)
        >>> test.tolist()
        [8, 9]
        >>> users = ["ann", "ann", "bea", "bea", "cleo", "cleo"]
        >>> train, test = steep.data.split_indices(6, (0.67, 0.33), groups=users, seed=0)
        >>> sorted(test.tolist()) in ([0, 1], [2, 3], [4, 5])
        True
    """
    name = "split_indices"
    ways = _Ways(stratify, groups, time)
    return _split(name, rows, fractions, _source(name, seed, generator), ways)


def train_val_test_split(
    dataset: Any,
    fractions: Sequence[float] = (0.7, 0.15, 0.15),
    *,
    seed: int | None = None,
    generator: Generator | None = None,
    stratify: Any = None,
    groups: Any = None,
    time: Any = None,
) -> tuple[Any, Any, Any]:
    """Split a dataset or a frame into a training, a validation and a test part.

    Args:
        dataset: anything with a length, or a frame of pandas, polars or Arrow.
        fractions: shares of the three parts, adding up to 1. Default: (0.7, 0.15, 0.15).
        seed: seed of a generator of its own; excludes `generator`.
        generator: source of the permutation; the default one if neither is given.
        stratify: one label per sample, or the name of a frame's column; every label is then shared
            out in these proportions, as nearly as whole samples allow.
        groups: one group per sample, or a column's name: samples of a group stay together.
        time: one time per sample, or a column's name: the parts follow each other in time.

    Returns:
        Three `Subset`; of a frame, three frames.

    Raises:
        ValueError: if there are not three fractions, and as `split_indices`.

    Example:
        >>> import steep
        >>> parts = steep.data.train_val_test_split(range(100), seed=0)
        >>> [len(part) for part in parts]
        [70, 15, 15]
    """
    name = "train_val_test_split"
    if len(fractions) != 3 or not all(0 <= f <= 1 for f in fractions):
        raise ValueError(f"{name}: expected three fractions in [0, 1], got {tuple(fractions)}")
    ways = _Ways(*(_named(dataset, way, name) for way in (stratify, groups, time)))
    parts = _split(name, dataset, fractions, _source(name, seed, generator), ways)
    train, val, test = (_part(dataset, rows) for rows in parts)
    return train, val, test


def k_fold_indices(
    rows: Any,
    folds: int = 5,
    *,
    seed: int | None = None,
    generator: Generator | None = None,
    stratify: Any = None,
    groups: Any = None,
    time: Any = None,
    gap: int = 0,
) -> list[tuple[Array, Array]]:
    """Pairs of training and validation rows for cross-validation, as arrays of indices.

    Every row is in one validation part. By `time` instead, the rows are cut into folds + 1 equal
    stretches (the first takes what is left over), and every stretch but the first is judged by what
    lies before it.

    Args:
        rows: how many there are, or anything with a length.
        folds: how many pairs. Default: 5.
        seed, generator, stratify, groups, time: as `split_indices` has them. Rows of the same time
            may be parted.
        gap: by time, how many rows before a validation part are left out. Default: 0.

    Raises:
        ValueError: as `split_indices`, and if there are fewer rows, or groups, than folds.

    Example:
        >>> import steep
        >>> for train, val in steep.data.k_fold_indices(6, 2, time=True):
        ...     print(train.tolist(), val.tolist())
        [0, 1] [2, 3]
        [0, 1, 2, 3] [4, 5]
    """
    name = "k_fold_indices"
    ways = _Ways(stratify, groups, time)
    return _folds(name, rows, folds, _source(name, seed, generator), ways, gap)


def k_folds(
    dataset: Any,
    folds: int = 5,
    *,
    seed: int | None = None,
    generator: Generator | None = None,
    stratify: Any = None,
    groups: Any = None,
    time: Any = None,
    gap: int = 0,
) -> list[tuple[Any, Any]]:
    """Pairs of training and validation parts of a dataset or a frame.

    Arguments and errors as `k_fold_indices`; of a frame, the ways take columns' names as well, and
    the parts are frames. Of anything else they are `Subset`.

    Example:
        >>> import steep
        >>> for train, val in steep.data.k_folds(range(10), 3, seed=0):
        ...     print(len(train), len(val))
        6 4
        7 3
        7 3
    """
    name = "k_folds"
    ways = _Ways(*(_named(dataset, way, name) for way in (stratify, groups, time)))
    pairs = _folds(name, dataset, folds, _source(name, seed, generator), ways, gap)
    return [(_part(dataset, train), _part(dataset, val)) for train, val in pairs]


# ---- arguments ----------------------------------------------------------------------------------


def _total(rows: Any) -> int:
    return int(rows) if isinstance(rows, (int, np.integer)) else length(rows)


def _named(dataset: Any, way: Any, name: str) -> Any:
    """A frame's column, where its name is given."""
    if not isinstance(way, str):
        return way
    if not is_table(dataset):
        raise ValueError(
            f"{name}: expected one value per sample, got the name {way!r}, which only a frame's "
            "column has"
        )
    if way not in dataset.columns:
        raise ValueError(
            f"{name}: there is no column {way!r}{nearest(way, map(str, dataset.columns))}"
        )
    return dataset[way]


def _part(dataset: Any, rows: Array) -> Any:
    return take_rows(dataset, rows) if is_table(dataset) else Subset(dataset, rows.tolist())


class _Ways(NamedTuple):
    stratify: Any
    groups: Any
    time: Any

    def check(self, name: str) -> None:
        """At most one may be given."""
        given = [way for way, value in self._asdict().items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"{name}: expected one of stratify, groups and time, got {given}")


def _source(name: str, seed: int | None, generator: Generator | None) -> Generator | None:
    if seed is None:
        return generator
    if generator is not None:
        raise ValueError(f"{name}: expected seed or generator, got both")
    own = Generator()
    own.manual_seed(seed)
    return own


_KINDS = {"stratify": "label", "groups": "group", "time": "time"}


def _known(name: str, way: str, values: Any, total: int) -> Any:
    """The column of labels, groups or times, one known value per row."""
    kind = _KINDS[way]
    if isinstance(values, Tensor) and values.dim() != 1:
        raise ValueError(f"{name}: expected {way} to have one dimension")
    if not isinstance(values, Tensor) and not hasattr(values, "dtype"):
        values = list(values)
    column = column_of(way, values)
    if len(column.values) != total:
        raise ValueError(
            f"{name}: expected one {kind} per sample in {way}, got {len(column.values)} for "
            f"{total} samples"
        )
    bad = column.missing()
    if column.values.dtype.kind == "f":
        bad = ~np.isfinite(column.values)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        got = column.values[row] if column.kind == "number" else "a missing value"
        raise ValueError(f"{name}: expected finite {kind}s in {way}, got {got} at {row}")
    return column


def _codes(name: str, way: str, values: Any, total: int) -> Array:
    """A small whole number for each row's label or group."""
    codes: Array = _known(name, way, values, total).as_levels().values
    return codes


def _in_time(name: str, time: Any, total: int) -> tuple[Array, Array]:
    """The rows from the earliest to the latest, and a number that grows with their time."""
    if time is True:
        return np.arange(total), np.arange(total)
    column = _known(name, "time", time, total)
    values = column.dates(name) if column.kind == "levels" else column.values
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    later = np.concatenate([[False], ordered[1:] != ordered[:-1]]) if total else np.zeros(0, bool)
    return order, np.cumsum(later)


# ---- parts and folds -----------------------------------------------------------------------------


def _split(
    name: str, rows: Any, fractions: Sequence[float], generator: Generator | None, ways: _Ways
) -> tuple[Array, ...]:
    if len(fractions) < 2:
        raise ValueError(f"{name}: expected two fractions or more, got {tuple(fractions)}")
    if not all(0 <= f <= 1 for f in fractions):
        raise ValueError(f"{name}: expected fractions in [0, 1], got {tuple(fractions)}")
    if not math.isclose(sum(fractions), 1):
        raise ValueError(
            f"{name}: expected fractions that add up to 1, got {tuple(fractions)}, "
            f"which add up to {sum(fractions)}"
        )
    total = _total(rows)
    ways.check(name)
    if ways.time is not None:
        return by_time(name, *_in_time(name, ways.time, total), fractions)
    if ways.groups is not None:
        return by_group(name, _codes(name, "groups", ways.groups, total), fractions, generator)
    labels = np.zeros(total, np.int64)
    if ways.stratify is not None:
        labels = _codes(name, "stratify", ways.stratify, total)
    order = permutation(total, generator)
    part = by_label(labels[order], fractions)
    return tuple(order[part == i] for i in range(len(fractions)))


def _folds(
    name: str, rows: Any, folds: int, generator: Generator | None, ways: _Ways, gap: int
) -> list[tuple[Array, Array]]:
    total = _total(rows)
    ways.check(name)
    if not isinstance(folds, int) or folds < 2:
        raise ValueError(f"{name}: expected two folds or more, got {folds}")
    if total < folds + (ways.time is not None):
        raise ValueError(
            f"{name}: expected at least one row for each of {folds} folds, got {total} rows"
        )
    if gap and ways.time is None:
        raise ValueError(f"{name}: gap leaves out rows before a validation part in time; pass time")
    if ways.time is not None:
        return time_folds(name, _in_time(name, ways.time, total)[0], folds, gap)
    if ways.groups is not None:
        fold = group_folds(name, _codes(name, "groups", ways.groups, total), folds, generator)
    else:
        fold = np.empty(total, np.int64)
        order = permutation(total, generator)
        if ways.stratify is not None:
            labels = _codes(name, "stratify", ways.stratify, total)
            _check_labels(name, labels, folds)
            order = order[np.argsort(labels[order], kind="stable")]
        fold[order] = np.arange(total) % folds
    return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(folds)]


def _check_labels(name: str, labels: Array, folds: int) -> None:
    counts = np.bincount(labels)
    if counts.max() < folds:
        raise ValueError(
            f"{name}: expected labels that occur at least {folds} times, once for each fold, got "
            f"{counts.max()} times at most; are these labels, or numbers to predict?"
        )
    if counts.min() < folds:
        warnings.warn(
            f"{name}: a label occurs only {counts.min()} times, so not every one of {folds} folds "
            "has it",
            UserWarning,
            stacklevel=4,
        )
