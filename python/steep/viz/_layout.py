"""Where the boxes of a graph go: in layers, with few crossings (Sugiyama, Tagawa and Toda 1981).

Four steps: each box gets the layer of its longest way from a leaf; a line that passes layers gets a
bend in each; the order within layers is swept by the mean place of neighbours, and the order with
the fewest crossings kept; then places are moved towards their neighbours as far as widths allow.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Layout", "lay_out"]

_SWEEPS = 12
_PULLS = 16
_PULL_OF_USED = 8.0


class Layout(NamedTuple):
    """Middles of boxes, and the points that each edge goes through.

    Attributes:
        places: (x, layer) of each box, x in the unit of widths, the first layer 0.
        bends: for each edge the x in each layer from its beginning to its end, both included.
        layers: how many there are.
        width: from the left edge of the leftmost box, at x = 0, to the right of the rightmost.
    """

    places: list[tuple[float, int]]
    bends: list[list[float]]
    layers: int
    width: float


def lay_out(widths: Sequence[float], edges: Sequence[tuple[int, int]], gap: float) -> Layout:
    """Places for boxes of these widths, joined by edges (from, to) that form no circle.

    Args:
        widths: of the boxes.
        edges: pairs of their numbers.
        gap: least distance between two boxes of a layer.
    """
    levels = _levels(len(widths), edges)
    all_widths, all_levels = list(widths), list(levels)
    chains: list[list[int]] = []
    links: list[tuple[int, int]] = []
    for a, b in edges:
        chain = [a]
        for level in range(levels[a] + 1, levels[b]):
            chain.append(len(all_widths))
            all_widths.append(0.0)
            all_levels.append(level)
        chain.append(b)
        chains.append(chain)
        links += pairwise(chain)
    rows: list[list[int]] = [[] for _ in range(max(levels, default=-1) + 1)]
    for box, level in enumerate(all_levels):
        rows[level].append(box)
    above: list[list[int]] = [[] for _ in all_widths]
    below: list[list[int]] = [[] for _ in all_widths]
    for a, b in links:
        below[a].append(b)
        above[b].append(a)
    rows = _ordered(rows, above, below)
    x = _pulled(rows, above, below, all_widths, gap)
    left = min((x[k] - all_widths[k] / 2 for k in range(len(x))), default=0.0)
    right = max((x[k] + all_widths[k] / 2 for k in range(len(x))), default=0.0)
    x = [at - left for at in x]
    places = [(x[k], levels[k]) for k in range(len(widths))]
    return Layout(places, [[x[k] for k in chain] for chain in chains], len(rows), right - left)


def _levels(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Longest way from a box without inputs; such a box stands just above its first user."""
    users: list[list[int]] = [[] for _ in range(count)]
    waits = [0] * count
    for a, b in edges:
        users[a].append(b)
        waits[b] += 1
    inputs = list(waits)
    levels = [0] * count
    ready = [box for box in range(count) if not waits[box]]
    while ready:
        box = ready.pop()
        for user in users[box]:
            levels[user] = max(levels[user], levels[box] + 1)
            waits[user] -= 1
            if not waits[user]:
                ready.append(user)
    for box in range(count):
        if not inputs[box] and users[box]:
            levels[box] = min(levels[user] for user in users[box]) - 1
    return levels


def _ordered(
    rows: list[list[int]], above: list[list[int]], below: list[list[int]]
) -> list[list[int]]:
    best, fewest = [list(row) for row in rows], _crossings(rows, below)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        order = range(1, len(rows)) if down else range(len(rows) - 2, -1, -1)
        for level in order:
            nearby = above if down else below
            other = {box: k for k, box in enumerate(rows[level - 1 if down else level + 1])}
            own = {box: k for k, box in enumerate(rows[level])}

            def middle(box: int, near=nearby, other=other, own=own) -> float:  # type: ignore[no-untyped-def]
                found = [other[x] for x in near[box]]
                return sum(found) / len(found) if found else float(own[box])

            rows[level].sort(key=middle)
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(rows: list[list[int]], below: list[list[int]]) -> int:
    """Pairs of lines that cross, counted by insertion into sorted order."""
    count = 0
    for k in range(len(rows) - 1):
        place = {box: at for at, box in enumerate(rows[k + 1])}
        seen: list[int] = []
        for box in rows[k]:
            ends = sorted(place[x] for x in below[box])
            count += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


def _pulled(
    rows: list[list[int]],
    above: list[list[int]],
    below: list[list[int]],
    widths: list[float],
    gap: float,
) -> list[float]:
    """Each row as near to the mean of its neighbours as its order and the widths allow."""
    x = [0.0] * len(widths)
    for row in rows:
        at = 0.0
        for box in row:
            x[box] = at + widths[box] / 2
            at += widths[box] + gap
        for box in row:
            x[box] -= at / 2
    for pull in range(_PULLS):
        for row in rows if pull % 2 == 0 else reversed(rows):
            near = [above[k] + below[k] for k in row]
            if pull < _PULLS // 2:  # at first one side alone, so that whole branches move
                near = [
                    (above if pull % 2 == 0 else below)[k] or near[i] for i, k in enumerate(row)
                ]
            wished = []
            for k, found in zip(row, near, strict=True):
                # Leaves come to their users, not these to them: long chains stay upright.
                shares = [_PULL_OF_USED if above[j] else 1.0 for j in found]
                pulls = sum(share * x[j] for share, j in zip(shares, found, strict=True))
                wished.append(pulls / sum(shares) if found else x[k])
            for k, at in zip(row, _spread(wished, [widths[k] for k in row], gap), strict=True):
                x[k] = at
    return x


def _spread(wished: list[float], widths: list[float], gap: float) -> list[float]:
    """The places nearest to those wished, in the least squares, with `gap` between neighbours.

    Less the room to the left of each, places must not fall: an isotonic regression, solved by
    pooling neighbours that would (Ayer and others 1955).
    """
    room, rooms = 0.0, []
    for k, width in enumerate(widths):
        room += (widths[k - 1] + width) / 2 + gap if k else 0.0
        rooms.append(room)
    pools: list[tuple[float, int]] = []  # mean, count
    for want, taken in zip(wished, rooms, strict=True):
        mean, count = want - taken, 1
        while pools and pools[-1][0] > mean:
            other, more = pools.pop()
            mean, count = (mean * count + other * more) / (count + more), count + more
        pools.append((mean, count))
    means = [mean for mean, count in pools for _ in range(count)]
    return [mean + taken for mean, taken in zip(means, rooms, strict=True)]
