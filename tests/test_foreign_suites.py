"""How `tools/foreign_suites.py` tells what is right, wrong and refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import steep

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from foreign_suites import SUITES, read_outcomes

REPORT = """<testsuites><testsuite>
<testcase classname="t" name="good"/>
<testcase classname="t" name="left"><skipped message="no GPU"/></testcase>
<testcase classname="t" name="bad"><failure message="assert 1 == 2">line
E       assert 1 == 2
E        +  where</failure></testcase>
<testcase classname="t" name="half"><failure message="TypeError">
E   TypeError: ones(): argument 'dtype' must be dtype | None, not float16, which steep does not have
</failure></testcase>
<testcase classname="" name="t.sparse"><error message="not collected">{error}</error></testcase>
</testsuite></testsuites>"""


def test_failures_are_wrong_or_refused() -> None:
    with pytest.raises(RuntimeError) as caught:
        steep.ones(1, device="cuda")
    outcomes = read_outcomes(REPORT.format(error=f"E   RuntimeError: {caught.value}"))
    assert outcomes.right == {"t::good"}
    assert outcomes.skipped == {"t::left"}
    assert outcomes.wrong == {"t::bad": "assert 1 == 2"}
    assert {*outcomes.refused} == {"t::half", "::t.sparse"}
    assert outcomes.refused["::t.sparse"].startswith("RuntimeError: ")


def test_an_unknown_error_is_wrong() -> None:
    outcomes = read_outcomes(REPORT.format(error="E   AttributeError: no attribute 'sum'"))
    assert {*outcomes.wrong} == {"t::bad", "::t.sparse"}


def test_suites_have_names_of_their_own() -> None:
    assert len({suite.name for suite in SUITES}) == len(SUITES) == 5
