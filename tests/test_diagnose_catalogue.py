"""The sanitiser finds each seeded mistake, and nothing in healthy trainings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import diagnose_bugs
import diagnose_bugs_further
import diagnose_bugs_inside
import diagnose_further
import diagnose_healthy
import diagnose_models
import diagnose_unusual
import steep
from diagnose_support import BUGS, FAILURES, HEALTHY, codes

# Which fill the two tables.
MODULES = (
    *(diagnose_bugs, diagnose_bugs_further, diagnose_bugs_inside),
    *(diagnose_further, diagnose_healthy, diagnose_models, diagnose_unusual),
)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    steep.manual_seed(0)
    FAILURES.clear()
    yield
    assert FAILURES == [], "no rule stumbles"


@pytest.mark.parametrize("name", BUGS)
def test_bug_is_found(name: str) -> None:
    training, code = BUGS[name]
    findings = training()
    assert code in codes(findings), findings
    (first, *_) = [finding for finding in findings if finding.code == code]
    assert any(character.isdigit() for character in first.evidence), "evidence is numbers"
    assert first.mend


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_training_raises_nothing(name: str) -> None:
    assert HEALTHY[name]() == []


def test_there_are_enough_of_both() -> None:
    assert len(BUGS) >= 24
    assert len(HEALTHY) >= 24
