"""Whether programs go on with a team of threads or without: by what their runs take."""

from __future__ import annotations

import random
from typing import Any

import pytest

from steep import _core

RUNS = 20_000
STALL = 8_000_000  # ns: a team waits for a core that someone else has


def durations(ns: int, runs: int = RUNS, stalls: float = 0.0, seed: int = 0) -> list[int]:
    chance = random.Random(seed)
    return [
        STALL if chance.random() < stalls else int(ns * (1 + chance.random() / 20))
        for _ in range(runs)
    ]


def outcome(team: list[int], alone: list[int]) -> tuple[float, float]:
    """The share of runs with the team, and the mean time of all of them."""
    choices = _core.pace_choices(team, alone)
    taken = [t if used else a for used, t, a in zip(choices, team, alone, strict=True)]
    return sum(choices) / len(choices), sum(taken) / len(taken)


@pytest.mark.parametrize("bad", [range(10**12), ["1"], 3])
def test_what_are_no_lists_of_times_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError, match="pace_choices"):
        _core.pace_choices(bad, [1, 2])


@pytest.mark.parametrize(("team", "share"), [(54_000, 1.0), (100_000, 0.0)])
def test_the_faster_way_is_found(team: int, share: float) -> None:
    for runs in (400, RUNS):
        used, mean = outcome(durations(team, runs), durations(75_000, runs, seed=1))
        assert abs(used - share) < (0.05 if runs == RUNS else 0.25)  # it begins on one thread
        assert mean < min(team, 75_000) * (1.06 if runs == RUNS else 1.15)


@pytest.mark.parametrize("ns", [20_000, 300_000, 4_000_000])
def test_the_first_runs_are_on_one_thread(ns: int) -> None:
    """Where cores are busy, a team may take a hundred times as long."""
    stalled = durations(STALL, stalls=1.0)
    choices = _core.pace_choices(stalled, durations(ns))
    first = max(2, 6_000_000 // int(ns * 1.05))
    assert not any(choices[:first])
    _, mean = outcome(stalled[:400], durations(ns, 400))
    assert mean < ns * 1.1 + 3 * STALL / 400  # a try or two


@pytest.mark.parametrize("runs", [3, 6])
def test_a_program_of_long_runs_finds_its_team_at_once(runs: int) -> None:
    choices = _core.pace_choices([50_000_000] * runs, [80_000_000] * runs)
    assert choices == [False, False, *[True] * (runs - 2)]


@pytest.mark.parametrize("stalls", [0.3, 0.1, 0.01])
def test_a_team_that_often_waits_is_left_alone(stalls: float) -> None:
    """Its quickest runs are quicker; on the whole it is not."""
    _, mean = outcome(durations(54_000, stalls=stalls), durations(75_000, seed=1))
    assert mean < 75_000 * 1.25


def test_the_team_comes_back_when_cores_are_free_again() -> None:
    team = durations(54_000, 5_000, stalls=0.15) + durations(54_000, 35_000)
    choices = _core.pace_choices(team, durations(75_000, 40_000, seed=1))
    assert sum(choices[-5_000:]) > 4_800


def test_equal_ways_do_not_matter() -> None:
    _, mean = outcome(durations(75_000), durations(75_000, seed=1))
    assert mean < 75_000 * 1.06
