"""Train a network on a table, and report how good it is on rows that it has not seen.

The task, the kinds of the columns and the size of everything are found out. The rows are shared out
into three parts: one to learn from, one that says when to stop, and one to judge by. What comes out
is a model file, for `steep predict`, and a report.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from steep.cli.tables.files import add_file_arguments, how_to_read

EXAMPLE = "steep train houses.csv --target price -o houses.steep"

_DEEPER_FROM = 2000  # rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The table, its target, and what may be chosen."""
    add = parser.add_argument
    add_file_arguments(parser)
    add("--target", required=True, metavar="COLUMN", help="what is to be predicted")
    add("-o", "--output", type=Path, metavar="FILE", help="model file; default: TABLE.steep")
    add("--report", type=Path, metavar="FILE", help="default: TABLE-report.html")
    add("--task", choices=("classification", "regression"), help="default: found out")
    add("--drop", action="append", default=[], metavar="COLUMN", help="not to be learned from")
    add("--time", metavar="COLUMN", help="learn from what comes first, judge by what comes last")
    add("--validation", type=float, default=0.15, metavar="SHARE", help="default: 0.15")
    add("--test", type=float, default=0.15, metavar="SHARE", help="default: 0.15")
    add(
        "--hidden",
        type=_width,
        nargs="+",
        metavar="WIDTH",
        help="of each layer; default: 128, and from 2,000 rows on 128 64",
    )
    add("--dropout", type=_share, help="default: 0.3")
    add("--lr", type=_positive, help="learning rate; default: 0.001")
    add("--batch-size", type=_width, metavar="ROWS", help="default: 32; 256 from 50,000 rows on")
    add("--epochs", type=_width, help="at most; default: 300")
    add("--patience", type=_width, metavar="EPOCHS", help="without a better one; default: 40")
    add("--max-categories", type=_width, default=100, metavar="COUNT",
        help="text with more different values is left out; default: 100")  # fmt: skip
    add("--infinite", choices=("error", "missing"), default="error",
        help="what infinite numbers are; default: an error")  # fmt: skip
    add("--seed", type=_seed, default=0, help="of splits and weights; default: 0")
    add("--quiet", action="store_true", help="no progress bar, and no report here")


def _width(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 on, got {text}")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0, below 1, got {text}")
    return value


def run(options: argparse.Namespace) -> int:
    """Train, write the model file and the report, and print the latter."""
    import steep
    from steep import models
    from steep._files import write_atomically
    from steep.cli.tables.page import html_of
    from steep.cli.tables.report import text_of

    stem = Path(options.table).name.partition(".")[0] or "model"
    model_file = options.output or Path(f"{stem}.steep")
    page_file = options.report or model_file.parent / f"{model_file.stem}-report.html"
    _check_places(options.table, model_file, page_file)
    steep.manual_seed(options.seed)
    report, trained = train(options)
    report.files = {"model": str(model_file), "report": str(page_file)}
    models.save(
        model_file,
        trained["network"],
        transforms={"table": trained["table"], "target": trained["target"]},
        columns=trained["table"].columns,
        info={"report": report.to_dict(), "target": options.target},
    )
    write_atomically(str(page_file), [html_of(report).encode()])
    if not options.quiet:
        print(text_of(report))
        print()
    print(f"model written to {model_file}, report to {page_file}")
    return 0


def _check_places(table: str, *files: Path) -> None:
    """Find out before the training whether its results can be written.

    Raises:
        OSError: if a folder is not there, or may not be written to.
        ValueError: if two files are the same one.
    """
    places = [os.path.realpath(path) for path in (Path(table), *files)]
    if len(set(places)) < len(places):
        raise ValueError("the table, the model file and the report have to be different files")
    for path in files:
        folder = path.resolve().parent
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder, and a file is to be written there", str(path))
        if not folder.is_dir():
            raise FileNotFoundError(2, "there is no such folder to write to", str(folder))
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "may not be written to", str(folder))


def train(options: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The report of a training, and its network and transforms by name."""
    import warnings

    from steep.cli.tables import learning, reading
    from steep.data.tables.kinds import TableWarning

    asked = options.table, options.target, options.task, options.drop
    problem = reading.read_problem(*asked, **how_to_read(options))
    shares = (options.validation, options.test)
    parts = reading.share_out(problem, shares, options.seed, options.time)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)  # they are among the notes
        columns = {"max_categories": options.max_categories, "infinite": options.infinite}
        table, target = reading.fitted_transforms(problem, parts.training, **columns)
    recipe = recipe_of(options, len(parts.training))
    began = time.perf_counter()
    progress = False if options.quiet else None  # on a terminal alone
    network, history = learning.fit_network(
        table, target, problem, parts, recipe, progress=progress
    )
    seconds = time.perf_counter() - began
    linear = learning.fit_linear(target, problem, parts, **columns)
    trained = {"network": network, "table": table, "target": target, "linear": linear}
    from steep.cli.tables.judging import judge

    report = judge(options.table, problem, parts, trained, history, seconds, options.seed)
    return report, trained


def recipe_of(options: argparse.Namespace, rows: int) -> Any:
    """How to train: what is asked for, and the defaults for the rest."""
    from steep.cli.tables.learning import Recipe

    asked = {
        "hidden": options.hidden or ((128, 64) if rows >= _DEEPER_FROM else None),
        "dropout": options.dropout,
        "lr": options.lr,
        "batch_size": options.batch_size or (32 if rows < 50_000 else 256),
        "epochs": options.epochs,
        "patience": options.patience,
    }
    return Recipe(**{name: value for name, value in asked.items() if value is not None})
