"""What `compare` found in a row, and how it is printed: as text, or as a table in Markdown."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.table import COLUMNS, COMPILED, EAGER, JAX, TORCH, Row

REACHED, MISSED, UNMEASURED = VERDICTS = ("reached", "MISSED", "not measured")


class Spread(NamedTuple):
    """The median of some numbers, the least and the greatest."""

    median: float
    low: float
    high: float


class Limit(NamedTuple):
    """The least seconds the machine needs, and what for."""

    seconds: float
    cause: str


@dataclass(frozen=True)
class Finding:
    """Seconds a call by column, one number for each pair, and the machine's limit."""

    row: Row
    times: dict[str, list[float]]
    limit: Limit

    def ratios(self) -> dict[tuple[str, str], Spread]:
        """steep's share of each rival's time, pair by pair."""
        return {
            (ours, theirs): spread(
                [a / b for a, b in zip(self.times[ours], self.times[theirs], strict=True)]
            )
            for theirs in (TORCH, JAX)
            for ours in (EAGER, COMPILED)
            if ours in self.times and theirs in self.times
        }

    def verdicts(self) -> dict[tuple[str, str], str]:
        """For every ratio that was asked for, whether it is reached."""
        ratios = self.ratios()
        return {
            pair: (REACHED if ratios[pair].median <= wanted else MISSED)
            if pair in ratios
            else UNMEASURED
            for pair, wanted in self.row.asked.items()
        }


def spread(values: list[float]) -> Spread:
    """Median, least and greatest."""
    return Spread(statistics.median(values), min(values), max(values))


def duration(seconds: float) -> str:
    """Three figures in us or ms."""
    micro = seconds * 1e6
    value, unit = (micro, "us") if micro < 1000 else (micro / 1000, "ms")
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f} {unit}"


def share(value: float) -> str:
    """A share as the promises are written: 1/25, 1/2.5, 0.95."""
    inverse = 1 / value
    return f"1/{inverse:g}" if abs(inverse - round(inverse, 1)) < 1e-9 else f"{value:g}"


def ratio(found: Spread) -> str:
    """A median with its spread."""
    return f"{found.median:.3g} ({found.low:.3g}-{found.high:.3g})"


def percent(part: float) -> str:
    """A share of the limit."""
    return f"{part:.1%}" if part < 0.1 else f"{part:.0%}"


def text(finding: Finding) -> str:
    """A row as a paragraph: times, distance from the limit, ratios and what was asked."""
    lines = [finding.row.title]
    limit = finding.limit
    for column in COLUMNS:
        if column not in finding.times:
            if any(column in pair for pair in finding.row.asked):
                lines.append(f"  {column:14s} {'-':>9s}")
            continue
        found = spread(finding.times[column])
        line = f"  {column:14s} {duration(found.median):>9s}"
        line += f"  ({duration(found.low)} - {duration(found.high)})"
        if column in (EAGER, COMPILED):
            line = f"{line:50s} limit {duration(limit.seconds)} ({limit.cause}), "
            line += f"{percent(limit.seconds / found.median)} of it"
        lines.append(line)
    for pair, found in finding.ratios().items():
        line = f"  {' / '.join(pair):26s} {ratio(found)}"
        if pair in finding.row.asked:
            line += f"  asked {share(finding.row.asked[pair])}  {finding.verdicts()[pair]}"
        lines.append(line)
    return "\n".join(lines)


def summary(findings: list[Finding]) -> str:
    """How many promises are kept."""
    verdicts = [verdict for finding in findings for verdict in finding.verdicts().values()]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in VERDICTS)


MARKDOWN_HEAD = (
    f"| | {' | '.join(COLUMNS)} | against torch | against jax.jit | limit, share reached |\n"
    f"|---|{'---|' * len(COLUMNS)}---|---|---|"
)


def markdown(finding: Finding) -> str:
    """A row of the table under MARKDOWN_HEAD."""
    cells = [finding.row.title]
    for column in COLUMNS:
        times = finding.times.get(column)
        cells.append(duration(statistics.median(times)) if times else "-")
    cells += [_against(finding, rival) for rival in (TORCH, JAX)]
    best = min(statistics.median(finding.times[c]) for c in (EAGER, COMPILED) if c in finding.times)
    limit = finding.limit
    cells.append(f"{duration(limit.seconds)} ({limit.cause}), {percent(limit.seconds / best)}")
    return f"| {' | '.join(cells)} |"


def _against(finding: Finding, rival: str) -> str:
    """The ratios to a rival: those asked for, or all if none is."""
    ratios = {pair: found for pair, found in finding.ratios().items() if pair[1] == rival}
    wanted = [pair for pair in ratios if pair in finding.row.asked] or list(ratios)
    parts = []
    for pair in wanted:
        part = ratio(ratios[pair])
        if COMPILED in finding.times:
            part = f"{pair[0].removeprefix('steep ')} {part}"
        if pair in finding.row.asked:
            part += f", asked {share(finding.row.asked[pair])}"
            part += ": **missed**" * (finding.verdicts()[pair] == MISSED)
        parts.append(part)
    return "; ".join(parts) or "-"
