"""Rows that are in two parts of the data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from steep.diagnose._numbers import Array
from steep.diagnose.finding import Finding

__all__ = ["KnownRows", "leaks"]

# So many rows are compared at most: a tenth of a second, and enough to see a leak of 1 %.
TRAINING, VALIDATION = 30_000, 5_000


class KnownRows:
    """Rows that were seen, as digests of their bytes.

    Rows of few different numbers (flags, small counts, dark pictures) are left out: they repeat by
    chance.

    Attributes:
        count: rows that count.
        repeated: how many of them were there before.
    """

    def __init__(self) -> None:
        self.places: dict[bytes, int] = {}
        self.count = self.repeated = 0
        self.passed = 0
        self.shape: tuple[object, ...] = ()

    def add(self, values: Array, most: int = TRAINING) -> None:
        """Take in rows; evenly spaced ones, if there are more than `most`."""
        self.shape = (values.dtype, *values.shape[1:])
        for i in _spaced(len(values), most):
            digest = _digest(values[i])
            if digest is not None:
                self.count += 1
                first = self.places.setdefault(digest, self.passed + i)
                self.repeated += first != self.passed + i
        self.passed += len(values)

    def among(self, values: Array) -> tuple[int, list[tuple[int, int]]]:
        """How many of these rows count, and which are known: their numbers there and here."""
        count, found = 0, []
        if self.shape == (values.dtype, *values.shape[1:]):
            for j in _spaced(len(values), VALIDATION):
                digest = _digest(values[j])
                count += digest is not None
                if digest in self.places:
                    found.append((self.places[digest], j))
        return count, found


def leaks(known: KnownRows, values: Array, expected: float) -> Iterator[Finding]:
    """A finding if more rows of a validation are known than there should be.

    Args:
        known: the training set's.
        values: the validation set's.
        expected: share that there would be without a leak, because such rows come often.
    """
    count, found = known.among(values)
    # Fewer than 3, or 1 %, may be measurements that happen to agree.
    if len(found) < 3 or len(found) <= (0.01 + 5 * expected) * count:
        return
    there, here = found[0]
    evidence = (
        f"{len(found)} of {count} rows of the validation are in the training set, bit for bit: "
        f"the first is {here}, which is {there} there"
    )
    if expected:
        evidence += f"; {expected:.1%} would come of rows that repeat"
    mend = "split before augmenting or oversampling, and drop duplicates before splitting"
    yield Finding("rows-in-both-splits", "", evidence, mend)


def _spaced(count: int, most: int) -> range:
    """Numbers of rows from all over: the first ones may be all of one kind."""
    return range(0, count, max(1, -(-count // most)))


def _digest(row: Array) -> bytes | None:
    """Of a row that two samples hardly ever share by chance; None of any other."""
    values = row.reshape(-1)[:: max(1, row.size // 256)]
    whole = values.dtype.kind != "f" or bool((values == np.round(values)).all())
    different = np.unique(values).size
    rich = different >= 4 and values.size >= 16 if whole else different >= 2
    return hashlib.blake2b(row.tobytes(), digest_size=12).digest() if rich else None
