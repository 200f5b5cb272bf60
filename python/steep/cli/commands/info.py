"""Say what a model file holds: its network, its columns, and how its training went."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

EXAMPLE = "steep info houses.steep"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file."""
    parser.add_argument("model", type=Path, help="a file of steep train or of steep.models.save")
    parser.add_argument("--columns", action="store_true", help="list the columns and their kinds")


def run(options: argparse.Namespace) -> int:
    """Print what it holds."""
    from steep import models

    file = models.load(options.model)
    count = sum(p.numel() for p in file.model.parameters())
    size = options.model.stat().st_size
    print(f"{options.model}: format {file.version}, written by steep {file.steep}, {size:,} bytes")
    print(f"{count:,} parameters in")
    print(file.model)
    report = file.info.get("report")
    if report:
        _print_report(report, options.columns)
    elif file.columns:
        print(f"columns: {', '.join(file.columns)}")
    return 0


def _print_report(report: dict[str, Any], with_columns: bool) -> None:
    from steep.cli.tables.report import number
    from steep.cli.tables.scores import LABELS

    print(f"{report['task']} of {report['target']!r}, trained on {report['source']}")
    if report["classes"]:
        print(f"classes: {', '.join(report['classes'])}")
    rows = ", ".join(f"{n:,} {part}" for part, n in report["rows"].items())
    print(f"rows: {rows}; seed {report['seed']}")
    scores = report["scores"]["network"]
    print(
        "on the test rows: " + ", ".join(f"{LABELS[k][0]} {number(v)}" for k, v in scores.items())
    )
    used = {name: kind for name, kind in report["columns"].items() if kind != "dropped"}
    if with_columns:
        print("\n".join(f"  {name}: {kind}" for name, kind in used.items()))
    else:
        print(f"columns: {len(used)} used, {len(report['columns']) - len(used)} left out")
