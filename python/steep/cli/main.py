"""The command line: which subcommand, and what becomes of errors."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from steep._version import __version__
from steep.cli.tables.files import as_options

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "train": "train a network on a table, and report how good it is",
    "predict": "predict the rows of a table with a model file",
    "info": "say what a model file holds",
    "demo": "train on data that is at hand, to see it work",
    "bench": "measure this machine, and steep on it",
    "descend": "watch an optimiser go down a surface",
    "doctor": "say what decides how fast steep runs here",
}
_CALLED = re.compile(
    r"^(read_table|TableTransform|TargetTransform|OrdinalEncoder|OneHotEncoder|split_indices|fit)"
    r"(\.\w+)?: "
)
_FINE, _BAD_DATA, _USAGE, _INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, `sys.argv` by default.

    Returns:
        The exit status: 0; 1 if a file or what is in it is not as it has to be; 2 for a wrong
        command line; 130 after Ctrl-C.

    Example:
        >>> main(["--version"])  # doctest: +ELLIPSIS
        steep ...
        0
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parse(given)
    except SystemExit as end:  # argparse has said why
        return end.code if isinstance(end.code, int) else _USAGE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what libraries say to programmers
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _shown(options.command)
            status = options.run(options)
        sys.stdout.flush()
        return int(status or _FINE)
    except BrokenPipeError:  # the reader, `head` perhaps, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FINE
    except KeyboardInterrupt:
        print("\nsteep: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except (ValueError, TypeError, OSError, ImportError, MemoryError, ArithmeticError) as error:
        print(f"steep {options.command}: {_said(error)}", file=sys.stderr)
        return _BAD_DATA


def _parse(given: list[str]) -> argparse.Namespace:
    """The options of the subcommand that is asked for; only its file is imported."""
    parser = argparse.ArgumentParser(
        prog="steep",
        description="Train neural networks on a CPU.",
        epilog="steep COMMAND --help shows the options of a command, and an example.",
    )
    parser.add_argument("--version", action="version", version=f"steep {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((word for word in given if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        module: Any = None
        if name == asked:
            module = importlib.import_module(f"steep.cli.commands.{name}")
        sub = commands.add_parser(
            name,
            help=summary,
            description=(module.__doc__ or "").split("\n")[0] if module else summary,
            epilog=f"example: {module.EXAMPLE}" if module else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if module is not None:
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser.parse_args(given)


def _shown(command: str) -> Callable[..., None]:
    """What prints a warning as a line of the command's, without the place in its source."""

    def show(message: Warning | str, *place: object, **more: object) -> None:
        print(f"steep {command}: note: {message}", file=sys.stderr)

    return show


def _said(error: BaseException) -> str:
    """An error in the words of somebody who did not write the program."""
    if isinstance(error, OSError) and error.strerror:
        name = f"{os.fspath(error.filename)}: " if error.filename else ""
        return f"{name}{error.strerror[0].lower()}{error.strerror[1:]}"
    if isinstance(error, MemoryError):
        return "there is not enough memory; fewer rows, columns or hidden units need less"
    # A message begins with the function that complains, which nobody has called here.
    return _CALLED.sub("", as_options(str(error))) or type(error).__name__
