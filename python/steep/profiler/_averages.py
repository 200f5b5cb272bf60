"""Sums over events, and their tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from steep.profiler._events import Event

__all__ = ["Averages", "Row", "sum_up"]


@dataclass(frozen=True)
class Row:
    """What the events with one key come to.

    Attributes:
        key: operation, layer or range.
        calls: how many events.
        total_ns: their nanoseconds.
        forward_ns: of these, what ran neither in a backward pass nor in an optimiser's step.
        backward_ns: in backward passes.
        optimizer_ns: in optimisers' steps.
        bytes: size of the operands.
        flops: floating-point operations.
    """

    key: str
    calls: int = 0
    total_ns: int = 0
    forward_ns: int = 0
    backward_ns: int = 0
    optimizer_ns: int = 0
    bytes: int = 0
    flops: int = 0

    @property
    def mean_ns(self) -> float:
        """Nanoseconds of one event."""
        return self.total_ns / self.calls if self.calls else 0.0

    @property
    def gb_per_s(self) -> float:
        """10^9 bytes a second."""
        return self.bytes / self.total_ns if self.total_ns else 0.0

    @property
    def gflop_per_s(self) -> float:
        """10^9 floating-point operations a second."""
        return self.flops / self.total_ns if self.total_ns else 0.0


def sum_up(keyed: Iterable[tuple[str, Event]]) -> list[Row]:
    """A row for each key, in the order in which keys first come."""
    sums: dict[str, dict[str, int]] = {}
    for key, event in keyed:
        row = sums.setdefault(key, dict.fromkeys(list(Row.__annotations__)[1:], 0))
        row["calls"] += 1
        row["total_ns"] += event.duration_ns
        row[f"{event.phase}_ns"] += event.duration_ns
        row["bytes"] += event.bytes
        row["flops"] += event.flops
    return [Row(key, **row) for key, row in sums.items()]


def time_text(ns: float) -> str:
    """Nanoseconds with three digits or more, in a unit that suits them.

    Example:
        >>> time_text(950), time_text(12_345), time_text(1.5e9)
        ('0.950 us', '12.345 us', '1.500 s')
    """
    for size, unit in ((1e9, "s"), (1e6, "ms")):
        if ns >= size:
            return f"{ns / size:.3f} {unit}"
    return f"{ns / 1e3:.3f} us"


class _Column(NamedTuple):
    title: str
    text: Callable[[Row, int], str]  # of a row; the number is what shares are shares of


_COLUMNS = {
    "calls": _Column("calls", lambda row, _: str(row.calls)),
    "total": _Column("total", lambda row, _: time_text(row.total_ns)),
    "mean": _Column("mean", lambda row, _: time_text(row.mean_ns)),
    "forward": _Column("forward", lambda row, _: time_text(row.forward_ns)),
    "backward": _Column("backward", lambda row, _: time_text(row.backward_ns)),
    "share": _Column("share", lambda row, of: f"{row.total_ns / of:.1%}" if of else "-"),
    "bytes": _Column("GB/s", lambda row, _: f"{row.gb_per_s:.2f}"),
    "flops": _Column("GFLOP/s", lambda row, _: f"{row.gflop_per_s:.2f}"),
}
OPERATION_COLUMNS = ("calls", "total", "mean", "share", "bytes", "flops")
LAYER_COLUMNS = ("calls", "forward", "backward", "total", "share", "bytes", "flops")

# The greatest first, but names in their own order.
_ORDERS: dict[str, Callable[[Row], Any]] = {
    "total": lambda row: -row.total_ns,
    "mean": lambda row: -row.mean_ns,
    "calls": lambda row: -row.calls,
    "forward": lambda row: -row.forward_ns,
    "backward": lambda row: -row.backward_ns,
    "bytes": lambda row: -row.bytes,
    "flops": lambda row: -row.flops,
    "name": lambda row: row.key,
}
# PyTorch's names of the same orders.
_ALIASES = {
    "count": "calls",
    "cpu_time": "mean",
    "cpu_time_total": "total",
    "self_cpu_time_total": "total",
}


class Averages:
    """Rows by key, to go through, to look up, and to print.

    Iterating gives the rows in the order of first appearance; ``averages[key]`` gives one.

    Example:
        >>> import steep
        >>> with steep.profiler.profile() as prof:
        ...     for _ in range(4):
        ...         _ = steep.ones(2, 3).exp()
        >>> averages = prof.key_averages()
        >>> averages["exp"].calls, "cos" in averages
        (4, False)
    """

    def __init__(
        self, title: str, rows: Iterable[Row], columns: tuple[str, ...], whole_ns: int, foot: str
    ) -> None:
        self._title = title
        self._rows = {row.key: row for row in rows}
        self._columns = columns
        self._whole_ns = whole_ns
        self._foot = foot

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __getitem__(self, key: str) -> Row:
        if key not in self._rows:
            known = ", ".join(self._rows) or "nothing at all"
            raise KeyError(f"no {self._title} {key!r} was recorded, but {known}")
        return self._rows[key]

    def table(self, sort_by: str | None = "total", row_limit: int = 100) -> str:
        """The rows as text.

        Args:
            sort_by: ``'total'`` (the default), ``'mean'``, ``'calls'``, ``'forward'``,
                ``'backward'``, ``'bytes'``, ``'flops'`` or ``'name'``, or one of PyTorch's
                ``'cpu_time_total'``, ``'self_cpu_time_total'``, ``'cpu_time'`` and ``'count'``;
                ``None`` keeps the order of first appearance.
            row_limit: how many rows at most; -1 for all. Default: 100.

        Raises:
            ValueError: on another `sort_by`.

        Example:
            >>> import steep
            >>> with steep.profiler.profile() as prof:
            ...     _ = steep.ones(2, 3).exp()
            >>> print(prof.key_averages().table(sort_by="calls"))
            operation  calls  total     mean      share  GB/s  GFLOP/s
            ---------  -----  -----...
            ...
        """
        rows = list(self)
        if sort_by is not None:
            order = _ORDERS.get(_ALIASES.get(sort_by, sort_by))
            if order is None:
                raise ValueError(
                    f"table: expected sort_by to be one of {', '.join([*_ORDERS, *_ALIASES])}, "
                    f"got {sort_by!r}"
                )
            rows.sort(key=order)
        shown = rows if row_limit < 0 else rows[:row_limit]
        columns = [_COLUMNS[name] for name in self._columns]
        lines = [[self._title, *(column.title for column in columns)]]
        lines += [[row.key, *(c.text(row, self._whole_ns) for c in columns)] for row in shown]
        left_out = len(rows) - len(shown)
        more = [f"... and {left_out} more"] if left_out else []
        return "\n".join([*_aligned(lines), *more, self._foot])

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<Averages of {len(self)} rows: print it, or its table()>"


def _aligned(lines: list[list[str]]) -> list[str]:
    """Columns under each other, the first to the left, numbers to the right; a rule below."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [
        "  ".join(
            [line[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        )
        for line in lines
    ]
    return [texts[0], "  ".join("-" * width for width in widths), *texts[1:]]
