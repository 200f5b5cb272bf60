"""The subcommands: each file has `SUMMARY`, `EXAMPLE`, `add_arguments(parser)` and `run(options)`."""
