"""Programs as users write them: the same bits with and without `steep.compile`."""

from __future__ import annotations

import re

import pytest

from programs import PROGRAMS
from programs.runner import outcome

WARM = 3  # calls of a function before it can be replayed
LAST = 2  # calls that are replayed in the end, where a program settles

NAMES = sorted(PROGRAMS)
SETTLING = [name for name in NAMES if PROGRAMS[name].replays]
EAGER = [name for name in NAMES if PROGRAMS[name].replays is False]


@pytest.mark.parametrize("name", NAMES)
def test_compiled_it_shows_what_it_shows_as_it_is(name: str) -> None:
    plain, compiled = outcome(name, False), outcome(name, True)
    if difference := plain.difference(compiled):
        pytest.fail(difference, pytrace=False)
    assert compiled.calls, "it compiles nothing"


@pytest.mark.parametrize("name", NAMES)
def test_as_it_is_it_runs_to_its_end(name: str) -> None:
    """A program that fails by itself compares nothing."""
    plain = outcome(name, False)
    assert plain.error is None
    assert plain.seen
    assert not plain.reasons


@pytest.mark.parametrize("name", SETTLING)
def test_its_last_calls_are_replayed(name: str) -> None:
    compiled = outcome(name, True)
    settled = [calls for calls in compiled.calls if len(calls) >= WARM + LAST]
    assert settled, "it calls nothing often enough"
    for calls in settled:
        assert calls[-LAST:] == [True] * LAST, compiled.reasons
    assert not compiled.reasons


@pytest.mark.parametrize("name", EAGER)
def test_what_stays_eager_says_so_once(name: str) -> None:
    compiled = outcome(name, True)
    assert len(compiled.reasons) == 1, compiled.reasons
    reason = compiled.reasons[0].partition("runs eagerly")[2]
    assert re.search(PROGRAMS[name].says, reason), compiled.reasons
