"""How a table's file is read: the options that `steep train` and `steep predict` share."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["add_file_arguments", "how_to_read"]


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and how to read it where that cannot be told from the file."""
    add = parser.add_argument
    add("table", help="a file: .csv, .tsv or .parquet, compressed perhaps")
    add("--encoding", default="utf-8", help="of a table of text, latin-1 say; default: utf-8")
    add("--format", choices=("csv", "parquet"), help="default: told by the file's ending")
    add("--header", choices=("yes", "no"),
        help="whether the first line holds names; with no they are x0, x1, ...; default: yes, "
        "unless it is all numbers")  # fmt: skip


def how_to_read(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `steep.data.read_table` that those options stand for."""
    header = None if options.header is None else options.header == "yes"
    return {"encoding": options.encoding, "format": options.format, "header": header}
