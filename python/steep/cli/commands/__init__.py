"""The subcommands: each file has `EXAMPLE`, `add_arguments(parser)` and `run(options)`."""
