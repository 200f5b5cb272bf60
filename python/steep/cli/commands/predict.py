"""Predict the rows of a table with a model file that `steep train` has made.

Columns are found by their names, in whatever order; further ones are kept in the output.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from steep.cli.tables.files import add_file_arguments, how_to_read

EXAMPLE = "steep predict houses.steep new.csv -o predicted.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, table, and where the predictions go."""
    parser.add_argument("model", type=Path, help="a file that steep train has written")
    add_file_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="a .csv, .tsv or .parquet file, the former packed perhaps (.gz); default: printed",
    )
    parser.add_argument(
        "--probabilities", action="store_true", help="a column for each class beside its prediction"
    )
    parser.add_argument("--only", action="store_true", help="leave out the table's own columns")


def run(options: argparse.Namespace) -> int:
    """Write the table with its predictions."""
    from steep._files import write_atomically
    from steep.cli.tables.use import load_trained
    from steep.cli.tables.writing import bytes_of
    from steep.data import read_table

    trained = load_trained(options.model)
    _check_place(options)
    frame = read_table(options.table, **how_to_read(options))
    trained.check(frame, options.table)
    for note in trained.strangers(frame):
        print(f"steep predict: {note}", file=sys.stderr)
    found = trained.predict(frame)
    out = _joined(_own(frame, options), found, trained, options)
    data = bytes_of(out, options.output)
    if options.output is None:
        sys.stdout.write(data.decode())
        return 0
    write_atomically(str(options.output), [data])
    print(f"{len(out):,} predictions written to {options.output}")
    return 0


def _check_place(options: argparse.Namespace) -> None:
    """Find out beforehand whether the output would take an input's place."""
    from steep.cli.tables.writing import check_ending

    output = options.output
    if output is None:
        return
    check_ending(output)
    for given in (options.model, Path(options.table)):
        if output.exists() and given.exists() and output.samefile(given):
            raise ValueError(f"{output}: the output would take the place of what is read")
    if output.is_dir():
        raise IsADirectoryError(21, "is a folder, and a file is to be written there", str(output))
    if not output.resolve().parent.is_dir():
        folder = str(output.resolve().parent)
        raise FileNotFoundError(2, "there is no such folder to write to", folder)


def _own(frame: Any, options: argparse.Namespace) -> Any:
    """The table's own columns: as text, word for word, where text is read and written."""
    from steep.data.tables.reading import is_csv, read_fields

    written = options.output is None or options.output.suffix.lower() not in (".parquet", ".pq")
    if options.only or not written or not is_csv(options.table, options.format):
        return frame
    header = how_to_read(options)["header"]
    return read_fields(options.table, header=header, encoding=options.encoding)


def _joined(frame: Any, found: Any, trained: Any, options: argparse.Namespace) -> Any:
    """The table's columns, or none of them, with the predictions at the end."""
    import pandas

    out = pandas.DataFrame(index=frame.index) if options.only else frame.copy()
    name = f"predicted_{trained.target_name}"
    if name in out:
        print(f"steep predict: the table's own column {name!r} is replaced", file=sys.stderr)
    out[name] = trained.labels(found)
    if options.probabilities:
        if trained.target.found != "classification":
            raise ValueError("--probabilities: the model predicts numbers, which have none")
        for i, label in enumerate(trained.target.classes):
            out[f"probability_{label}"] = found[:, i].round(6)
    return out
