"""How a table's file is read: the options that `steep train` and `steep predict` share."""

from __future__ import annotations

import argparse
import re
import shlex
from typing import Any

__all__ = ["add_file_arguments", "as_options", "how_to_read"]

# What a message tells programmers to say, and there is an option for here.
_ARGUMENT = re.compile(
    r"\b(encoding|format|header|infinite|missing|slashes|max_categories)=(?:'([^']*)'|([\w-]+))"
)
_FRAME = ", or read it with pandas and pass the frame"


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and how to read it where that cannot be told from the file."""
    add = parser.add_argument
    add("table", help="a file: .csv, .tsv or .parquet, compressed perhaps")
    add("--encoding", default="utf-8", help="of a table of text, latin-1 say; default: utf-8")
    add("--format", choices=("csv", "parquet"), help="default: told by the file's ending")
    add("--header", choices=("yes", "no"),
        help="whether the first line holds names; with no they are x0, x1, ...; default: yes, "
        "unless it is all numbers")  # fmt: skip
    add("--missing", action="append", default=[], metavar="TEXT",
        help="what stands for a missing value, besides NA, null, ...")  # fmt: skip
    add("--slashes", choices=("day-first", "month-first"),
        help="what 5/6/2024 is; default: text")  # fmt: skip


def how_to_read(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `steep.data.read_table` that those options stand for."""
    header = None if options.header is None else options.header == "yes"
    return {
        **{name: getattr(options, name) for name in ("encoding", "format", "missing", "slashes")},
        "header": header,
    }


def as_options(text: str) -> str:
    """A message for programmers in the words of the command line."""
    text = text.replace("read the table with ", "say ").replace(_FRAME, "")
    return _ARGUMENT.sub(_as_option, text)


def _as_option(argument: re.Match[str]) -> str:
    name, quoted, bare = argument.groups()
    value = quoted if bare is None else {"True": "yes", "False": "no"}.get(bare, bare)
    mark = "=" if value.startswith("-") else " "  # which would look like an option by itself
    return f"--{name.replace('_', '-')}{mark}{shlex.quote(value)}"
