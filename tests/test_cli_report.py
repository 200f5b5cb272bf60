"""The report of `steep train`: its page, and its numbers."""

from __future__ import annotations

from typing import Any

from steep.cli.tables.page import html_of
from steep.cli.tables.report import Report, number, sparkline


def report_of(**more: Any) -> Report:
    """A report with names that would be markup, and numbers that are none."""
    fields: dict[str, Any] = {
        "source": "<a>.csv",
        "target": "<script>alert(1)</script>",
        "task": "classification",
        "classes": ["<b>", "&"],
        "rows": {"training": 7, "validation": 2, "test": 2},
        "columns": {"<i>": "number"},
        "categories": {},
        "notes": ["<u>"],
        "network": "1-2",
        "parameters": 3,
        "epochs": 2,
        "best_epoch": 1,
        "seconds": 0.1,
        "stopped": "it ended",
        "curve": {"training": [2.0, 1.0], "validation": [float("nan"), 0.5]},
        "scores": {"network": {"accuracy": 0.5}, "linear model": {"accuracy": float("nan")}},
        "importances": {"<i>": -0.1},
        "confusion": [[1, 0], [1, 0]],
        "pairs": [],
        "seed": 0,
    }
    return Report(**{**fields, **more})


def test_the_page_stands_alone_and_quotes_names() -> None:
    page = html_of(report_of())
    for name in ("<a>", "<script", "<b>", "<i>", "<u>", "http:", "https:", "src=", "url("):
        assert name not in page
    assert "&lt;script&gt;" in page
    empty = report_of(curve={"training": [], "validation": []}, pairs=[[1.0, 1.0]], confusion=[])
    assert "No epoch was finished" in html_of(empty)


def test_numbers_are_short() -> None:
    values = [0.0, 1.0, 12345.678, 0.5, 1e9, 1e-7, float("nan"), -0.25]
    found = [number(value) for value in values]
    assert found == ["0.000", "1.000", "12,346", "0.5000", "1.000e+09", "1.000e-07", "-", "-0.2500"]
    assert sparkline([8, 4, 2, 1]) == "█▆▃▁"
    assert sparkline([1.0] * 100, width=5) == "▁▁▁▁▁"
    assert sparkline([float("nan")]) == ""
