"""The command `steep`: train on a table, predict with a model file, look at both, and measure.

Each subcommand is a file of `steep.cli.commands`, and is imported when it is called.
"""

from steep.cli.main import main

__all__ = ["main"]
